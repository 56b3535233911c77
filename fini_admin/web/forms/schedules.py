"""The form of a workspace's schedules, with a field per provider."""

from collections.abc import Mapping
from typing import Any

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.models import MOST_HOURS
from fini_admin.ingestion.schedules import WRONG, Hours, ScheduleStatus, setting_name
from fini_admin.web.forms.base import KeylessForm, NumberField


class ScheduleForm(KeylessForm):
    """The hours between two discoveries of each provider; empty turns the schedule off."""

    def __init__(self, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        for provider in PROVIDERS.values():
            self.fields[setting_name(provider.name)] = _hours_field(provider.label)

    def hours(self) -> Hours:
        """The hours by provider, of a valid form."""
        return {name: self.cleaned_data[setting_name(name)] for name in PROVIDERS}

    def rows(self, held: list[ScheduleStatus]) -> list[dict[str, Any]]:
        """Each provider's name and field, with its schedule if there is one."""
        by_name = {one.schedule.provider: one for one in held}
        return [
            {"name": name, "field": self[setting_name(name)], "held": by_name.get(name)} for name in PROVIDERS
        ]


def _hours_field(label: str) -> NumberField:
    return NumberField(
        required=False,
        min_value=1,
        max_value=MOST_HOURS,
        label=f"Hours between discoveries of {label}",
        help_text=f"1 to {MOST_HOURS}. Empty: never.",
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), WRONG),
    )
