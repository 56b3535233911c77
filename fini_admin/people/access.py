"""Who may log in: superusers switch people off and on."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from fini_admin.audit.names import Activity, By
from fini_admin.people import sessions, trail
from fini_admin.people.invitations import withdraw_made_by
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Role, User, Workspace
from fini_admin.workspaces.workspaces import lock_installation, lock_workspace

YOURSELF = "You cannot switch yourself off. Ask another superuser."
SWITCHED_OFF = "You were switched off a moment ago. Nothing was done."
LAST_SUPERUSER = "This is the last superuser who can log in. Make somebody else one first."


@transaction.atomic
def switch_off_user(*, by: By, user: User) -> list[str]:
    """End every session of a person, who cannot log in from now on, and withdraw the open invitations they made.

    Safe to repeat. The person's row stays, for the trail names it, and so do their schedules. Returns the slugs of the
    workspaces that are left without an admin: that does not keep anybody in, and a superuser gives those another.
    Raises ValidationError.
    """
    # Always in this order, and the workspaces as a change of role does: an admin may be demoted at the same time.
    lock_people(by)
    concerned = Q(memberships__user=user) | Q(invitations__invited_by=user.email)
    workspaces = list(Workspace.objects.filter(concerned).distinct().order_by("pk"))
    for workspace in workspaces:
        lock_workspace(workspace)
    supers = list(User.objects.select_for_update(no_key=True).filter(is_superuser=True).order_by("pk"))
    person = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if person.email == by.actor:
        raise ValidationError(YOURSELF)
    if not person.is_active:
        return []
    if person.is_superuser and not any(one.is_active for one in supers if one.pk != person.pk):
        raise ValidationError(LAST_SUPERUSER)
    person.is_active = False
    person.save(update_fields=["is_active"])
    ended = sessions.close_all(person)
    for workspace in workspaces:
        withdraw_made_by(by=by, workspace=workspace, email=person.email)
    alone = _without_admin(person)
    detail = {"email": person.email, "sessions_ended": ended, "without_admin": alone}
    trail.write(Activity.USER_SWITCHED_OFF, by, **detail)
    return alone


@transaction.atomic
def switch_on_user(*, by: By, user: User) -> None:
    """Let a person log in again, as before. Safe to repeat. Raises ValidationError."""
    lock_people(by)
    person = User.objects.select_for_update().get(pk=user.pk)
    if person.is_active:
        return
    person.is_active = True
    person.save(update_fields=["is_active"])
    trail.write(Activity.USER_SWITCHED_ON, by, email=person.email)


def lock_people(by: By) -> None:
    """Hold the lock of acts on people until the transaction ends. Raises ValidationError when `by` is switched off.

    Of two superusers who switch each other off at once the second waits here, and is off when it is their turn.
    """
    lock_installation()
    if User.objects.filter(email=by.actor, is_active=False).exists():
        raise ValidationError(SWITCHED_OFF)


def _without_admin(person: User) -> list[str]:
    """The slugs of the workspaces in which this person was the last admin who could log in."""
    mine = person.memberships.filter(role=Role.ADMIN).select_related("workspace").order_by("workspace__slug")
    return [one.workspace.slug for one in mine if not queries.admins(one.workspace).exists()]
