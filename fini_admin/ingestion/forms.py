"""Forms of runs: they clean and never save."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms

from fini_admin.fini.providers import PROVIDERS
from fini_admin.forms import Choice, Decided, PlainField, TypedChoice
from fini_admin.ingestion.models import Kind, RunState
from fini_admin.ingestion.waiting import LANES, OUT, Filters

QUEUED_FROM = [*((provider.name, provider.label) for provider in PROVIDERS.values()), ("web", "Web")]
AGES = {
    "1h": ("Over 1 hour", timedelta(hours=1)),
    "1d": ("Over 1 day", timedelta(days=1)),
    "3d": ("Over 3 days", timedelta(days=3)),
    "7d": ("Over 7 days", timedelta(days=7)),
}

UNSTATED = "Fini does not say what it does; leave it if you are not sure."


class ConfirmForm(forms.Form):
    """What may be said with a preview: why, and what ingest sends along."""

    reason = PlainField(
        required=False,
        max_length=200,
        help_text="Optional. Kept with the run and in the audit trail.",
    )


class IngestForm(ConfirmForm):
    """The same for what ends in an ingest."""

    english = Decided(label="English", help_text=f"Sent to Fini as “english”. {UNSTATED}")
    baser = Decided(label="Baser", help_text=f"Sent to Fini as “baser”. {UNSTATED}")


class RunFilters(forms.Form):
    """Which runs."""

    kind = Choice(required=False, choices=[("", "All"), *Kind.choices], label="What")
    state = Choice(required=False, choices=[("", "All"), *RunState.choices], label="State")


class LaneField(forms.CharField):
    """Which of the queue's tabs; what is none of them is the first one."""

    def clean(self, value: Any) -> str:
        """A tab's name."""
        return str(value) if str(value) in LANES else next(iter(LANES))

    def bound_data(self, data: Any, initial: Any) -> Any:
        """The same in the form's hidden field."""
        return self.clean(data)


class QueueFilters(forms.Form):
    """Which IDs of the queue. `people` lists by whom they may have been brought in, asked when the field is drawn."""

    q = PlainField(required=False, max_length=200, label="Title, URL or ID")
    provider = Choice(required=False, choices=[("", "All"), *QUEUED_FROM], label="Provider")
    who = PlainField(required=False, max_length=254, label="Registered by")
    longer = TypedChoice(
        required=False,
        choices=[("", "Any time"), *((name, text) for name, (text, _) in AGES.items())],
        coerce=lambda name: AGES[name][1],
        empty_value=None,
        label="Waiting",
    )
    lane = LaneField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any], people: Callable[[], list[str]]) -> None:
        super().__init__(data)
        if self.lane_shown() == OUT:
            self.fields["longer"].label = "Out"
        self.fields["who"].widget = forms.Select(choices=partial(self.names, people))  # type: ignore[arg-type]  # the stubs know no callable

    def names(self, people: Callable[[], list[str]]) -> list[tuple[str, str]]:
        """The lines of the field; the one that was chosen is among them however long ago its IDs came."""
        chosen = str(self["who"].value() or "")
        return [("", "Anyone"), *((name, name) for name in sorted({*people(), chosen} - {""}))]

    def wanted(self) -> Filters | None:
        """What is to be filtered by; None when a filter is wrong: then nothing is shown rather than too much."""
        if not self.is_valid():
            return None
        said = self.cleaned_data
        return Filters(q=said["q"], provider=said["provider"], who=said["who"], longer=said["longer"])

    def lane_shown(self) -> str:
        """The tab."""
        return str(self["lane"].value())

    def query(self) -> dict[str, str]:
        """The tab and what is filled in and right, as it stands in the address."""
        self.is_valid()
        said = {
            name: str(self.data[name])
            for name, value in self.cleaned_data.items()
            if value and name != "lane"
        }
        return said | {"lane": self.lane_shown()}
