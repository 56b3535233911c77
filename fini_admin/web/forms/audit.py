"""The filters of the call list and of the activity list. An invalid filter shows its error and is ignored."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from fini_admin.audit.names import ANCHOR, OF_NO_WORKSPACE, Activity
from fini_admin.audit.queries import IN_FLIGHT, CallFilter
from fini_admin.web.forms.base import Choice, Filters, NumberField, TimeField, choices_with_all
from fini_admin.web.wording.activity import activity_name

METHODS = ("GET", "POST", "DELETE")
ROUTES = ("list", "get", "discover", "register", "ingest", "refresh", "delete", "crawl")
OUTCOMES = {
    "done": "Done",
    "refused": "Refused",
    "not done": "Not done",
    "unknown": "Unknown",
    "lost": "Lost: no whole answer",
    "unsent": "Unsent",
    IN_FLIGHT: "In flight",
}
MOST_NAMES = 5


def _as_labels(names: tuple[str, ...]) -> dict[str, str]:
    return {name: name for name in names}


class CallFilters(Filters):
    """The filters of calls. `actors` lists who may be searched for; None removes that filter (PEOPLE_SEARCH)."""

    route = Choice(required=False, choices=choices_with_all(_as_labels(ROUTES)), label="Route")
    outcome = Choice(required=False, choices=choices_with_all(OUTCOMES), label="Outcome")
    status = forms.RegexField(
        required=False,
        regex=r"(?i)^[1-5](\d\d|xx)\Z",
        label="Status",
        error_messages={"invalid": "Enter a status such as 500, or a class such as 5xx."},
        widget=forms.TextInput(attrs={"size": 6, "autocomplete": "off"}),
    )
    who = forms.CharField(
        required=False,
        max_length=254,
        label="Who",
        widget=forms.TextInput(attrs={"list": "actors", "autocomplete": "off", "spellcheck": "false"}),
    )
    since = TimeField("Since")
    until = TimeField("Before")
    method = Choice(required=False, choices=choices_with_all(_as_labels(METHODS)), label="Method")
    key = forms.CharField(required=False, max_length=60, label="Key")
    run = NumberField(
        required=False,
        min_value=1,
        max_value=10**18,
        label="Run",
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Enter a run's number."),
    )
    rare = ("until", "method", "key", "run")

    def __init__(self, data: Mapping[str, Any], actors: Callable[[], list[str]] | None) -> None:
        super().__init__(data)
        self.actors = actors
        if actors is None:
            del self.fields["who"]

    def clean_status(self) -> str:
        return str(self.cleaned_data["status"]).lower()

    def clean_who(self) -> str:
        """The one actor whose name contains the text; a text that matches nobody finds nothing."""
        typed = str(self.cleaned_data["who"]).strip()
        known = self.actors() if typed and self.actors else []
        found = [typed] if typed in known else [name for name in known if typed.lower() in name.lower()]
        if len(found) > 1:
            more = "" if len(found) <= MOST_NAMES else ", …"
            raise ValidationError(
                f"Several people match: {', '.join(found[:MOST_NAMES])}{more}. Enter one of them."
            )
        return found[0] if found else typed

    def wanted(self) -> CallFilter:
        return CallFilter(**self.values())

    def at_hand(self) -> list[forms.BoundField]:
        """The fields that are always shown."""
        return [self[name] for name in self.fields if name not in self.rare]

    def others(self) -> list[forms.BoundField]:
        """The fields under *More*."""
        return [self[name] for name in self.rare]

    def rare_in_use(self) -> bool:
        return any(self.data.get(name) for name in self.rare)


class ActivityFilters(Filters):
    """The filters of activities; `people` adds the filter by person (PEOPLE_SEARCH)."""

    kind = Choice(required=False, label="What")
    who = forms.CharField(required=False, max_length=254, label="Who")
    since = TimeField("Since")
    until = TimeField("Before")

    def __init__(self, data: Mapping[str, Any], *, people: bool) -> None:
        super().__init__(data)
        kinds = [str(kind) for kind in Activity if kind not in OF_NO_WORKSPACE]
        names = {kind: activity_name(kind) for kind in [*kinds, ANCHOR]}
        self.fields["kind"] = Choice(required=False, label="What", choices=choices_with_all(names))
        if not people:
            del self.fields["who"]
