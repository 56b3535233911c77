"""The form of a workspace's schedules: a field for each provider."""

from collections.abc import Mapping
from typing import Any

from django import forms

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.models import MOST_HOURS
from fini_admin.ingestion.schedules import WRONG, Hours, ScheduleStatus, setting
from fini_admin.web.forms.base import KeylessForm, NumberField


class ScheduleForm(KeylessForm):
    """Every how many hours each provider is discovered; empty is never."""

    def __init__(self, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        for provider in PROVIDERS.values():
            self.fields[setting(provider.name)] = hours_field(provider.label)

    def hours(self) -> Hours:
        """What was typed, by provider, once it is valid."""
        return {name: self.cleaned_data[setting(name)] for name in PROVIDERS}

    def rows(self, held: list[ScheduleStatus]) -> list[dict[str, Any]]:
        """Each provider's field, with its schedule if it has one."""
        by_name = {one.schedule.provider: one for one in held}
        return [{"name": name, "field": self[setting(name)], "held": by_name.get(name)} for name in PROVIDERS]


def hours_field(label: str) -> NumberField:
    """A provider's field."""
    # A text field: one for numbers alone would not show again what was no number.
    attrs = {"autocomplete": "off", "spellcheck": "false", "inputmode": "numeric"}
    return NumberField(
        required=False,
        min_value=1,
        max_value=MOST_HOURS,
        label=f"Hours between discoveries of {label}",
        help_text=f"1 to {MOST_HOURS}. Empty: never.",
        widget=forms.TextInput(attrs=attrs),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), WRONG),
    )
