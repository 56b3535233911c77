"""What a person chooses for themselves: theme, density, time zone."""

from zoneinfo import available_timezones

from fini_admin.web.forms.base import Choice, KeylessForm
from fini_admin.workspaces.models import Density, Theme

ZONES = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))


class AppearanceForm(KeylessForm):
    """All three; the buttons under the name at the menu's foot send one alone."""

    theme = Choice(required=False, choices=[("", "As the system"), *Theme.choices])
    density = Choice(required=False, choices=[("", "Comfortable"), *Density.choices])
    zone = Choice(
        required=False,
        label="Time zone",
        choices=[("", "As the browser"), ("UTC", "UTC"), *((name, name.replace("_", " ")) for name in ZONES)],
    )

    def chosen(self) -> dict[str, str]:
        """What was sent, of a valid form."""
        return {name: value for name, value in self.cleaned_data.items() if name in self.data}
