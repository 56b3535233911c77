"""How pages look and act to a person: theme, density, time zone, single keys. No activity: it concerns nobody else."""

from fini_admin.workspaces.models import User


def change_appearance(user: User, **chosen: str | bool) -> None:
    """Store what a person chose of `theme`, `density`, `zone` (empty: the browser's own) and `single_keys`."""
    User.objects.filter(pk=user.pk).update(**chosen)
