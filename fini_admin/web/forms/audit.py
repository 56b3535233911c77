"""The search of calls and of activity: one text of terms, and a field for each key; both mean the same.

What is invalid shows its error, and is ignored; the rest counts.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from fini_admin.audit import search
from fini_admin.audit.matching import ERROR, IN_FLIGHT, TrailFilter
from fini_admin.audit.names import ANCHOR, OF_NO_WORKSPACE, Activity, Origin
from fini_admin.audit.search import Term
from fini_admin.fini.retry import REPEATABLE
from fini_admin.fini.routes import SOURCES
from fini_admin.web.forms.audit_fields import (
    CallField,
    DurationField,
    PersonField,
    StatusField,
    plain_input,
)
from fini_admin.web.forms.base import Choice, Filters, RunNumberField, TimeField, choices_with_all
from fini_admin.web.wording.activity import activity_name
from fini_admin.web.wording.times import in_address

METHODS = ("GET", "POST", "DELETE")
OUTCOMES = {
    "done": "Done",
    ERROR: "Any error",
    "refused": "Refused",
    "not done": "Not done",
    "unknown": "Unknown",
    "lost": "Lost: no whole answer",
    "unsent": "Unsent",
    IN_FLIGHT: "In flight",
}
PERIODS = {"hour": "Last hour", "today": "Today", "week": "Last 7 days"}
SHOWN = {"all": "Activity and calls"}
# The keys of terms that are not called as their fields are; the fields' names are those of older addresses.
FIELDS = {"person": "who", "what": "kind", "after": "since", "before": "until"}
KEYS = {"who": "person", "kind": "what"}
ABOUT = ("source", "external")  # a call can be about several
# What is no condition of its own.
NO_KEYS = ("q", "period", "show")
ONLY_CALLS = (
    "route",
    "outcome",
    "status",
    "method",
    "key",
    "provider",
    "source",
    "external",
    "call",
    "duration",
    "error",
)


def _as_labels(names: Iterable[str]) -> dict[str, str]:
    return {str(name): str(name) for name in names}


def _activities() -> dict[str, str]:
    kinds = [str(kind) for kind in Activity if kind not in OF_NO_WORKSPACE]
    return {kind: activity_name(kind) for kind in [*kinds, ANCHOR]}


class TrailFilters(Filters):
    """What calls and activity are searched by.

    `actors` lists who may be searched for; None removes that field (PEOPLE_SEARCH). `about` gives the IDs in Fini of
    the sources that have an external ID.
    """

    q = forms.CharField(
        required=False,
        max_length=search.LONGEST,
        label="Search",
        help_text="Such as route:ingest -outcome:done, or an ID",
        widget=plain_input(**{"data-search": ""}),
    )
    period = Choice(required=False, choices=choices_with_all(PERIODS), label="When")
    kind = Choice(required=False, choices=choices_with_all(_activities()), label="What")
    show = Choice(required=False, choices=[("", "Activity"), *SHOWN.items()], label="Show")
    who = PersonField()
    route = Choice(required=False, choices=choices_with_all(_as_labels(REPEATABLE)), label="Route")
    outcome = Choice(required=False, choices=choices_with_all(OUTCOMES), label="Outcome")
    status = StatusField()
    since = TimeField("Since")
    until = TimeField("Before")
    method = Choice(required=False, choices=choices_with_all(_as_labels(METHODS)), label="Method")
    origin = Choice(required=False, choices=choices_with_all(_as_labels(Origin)), label="Origin")
    key = forms.CharField(required=False, max_length=60, label="Key", widget=plain_input())
    provider = Choice(required=False, choices=choices_with_all(_as_labels(SOURCES)), label="Provider")
    source = forms.CharField(required=False, max_length=128, label="Source", widget=plain_input())
    external = forms.CharField(required=False, max_length=500, label="External ID", widget=plain_input())
    run = RunNumberField()
    call = CallField()
    duration = DurationField()
    error = forms.CharField(required=False, max_length=200, label="Error text", widget=plain_input())
    at_hand_names: tuple[str, ...] = ("period",)

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        actors: Callable[[], list[str]] | None = None,
        about: Callable[[str], list[str]] = lambda _: [],
    ) -> None:
        super().__init__(data)
        self.actors = actors or list
        self.about = about
        self.terms: list[Term] = []
        self.given: dict[str, Any] = {}
        self.names: list[frozenset[str]] = []
        self.without: list[TrailFilter] = []
        if actors is None:
            del self.fields["who"]
        else:
            cast("PersonField", self.fields["who"]).actors = actors

    def keys(self) -> list[str]:
        """The keys that a term may have."""
        return [KEYS.get(name, name) for name in self.fields if name not in NO_KEYS]

    def full_clean(self) -> None:
        """As for all forms, then the valid values and terms are read, each by the field of its key."""
        super().full_clean()
        for name, value in self.cleaned_data.items():
            if name not in NO_KEYS and value not in ("", None):
                self._take(name, value)
        wrong = []
        if "who" not in self.fields and self.data.get("who"):
            wrong.append("the person is left out, for only admins search by person.")
        for term in search.parse(self.cleaned_data.get("q") or ""):
            try:
                self._take_term(term)
            except ValidationError as error:
                wrong.append(f"{term}: {' '.join(error.messages)}")
            else:
                self.terms.append(term)
        if wrong:
            self.add_error("q", wrong)

    def _take_term(self, term: Term) -> None:
        name = FIELDS.get(term.key, term.key) if term.key else "id"
        if name != "id" and (name not in self.fields or name in NO_KEYS):
            raise ValidationError(f"There is no such key here. The keys are {', '.join(self.keys())}.")
        value = self._value(name, term.value) if term.value else None
        if value in ("", None):
            raise ValidationError("A value is missing.")
        if not term.excluded:
            self._take(name, value)
        elif name in ("since", "until"):
            raise ValidationError("A time cannot be left out. Use since: and until:.")
        else:
            self.without.append(self._only(name, value))

    def _value(self, name: str, typed: str) -> Any:
        if name == "id":
            return typed
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            known = {_plain(key): key for key, _ in cast("list[tuple[str, str]]", field.choices) if key}
            if _plain(typed) not in known:
                raise ValidationError(f"Enter one of {', '.join(known.values())}.")
            return known[_plain(typed)]
        return field.clean(typed)

    def _take(self, name: str, value: Any) -> None:
        if name in (*ABOUT, "id"):
            self.names.append(self._about(name, value))
        elif name in self.given:
            raise ValidationError("It stands here twice, and both cannot hold.")
        else:
            self.given[name] = value

    def _about(self, name: str, value: str) -> frozenset[str]:
        """All names of what a call may be about; of an ID without a key it is not known whose it is."""
        return frozenset({value} if name == "source" else {value, *self.about(value)})

    def _only(self, name: str, value: Any) -> TrailFilter:
        if name in (*ABOUT, "id"):
            return TrailFilter(names=(self._about(name, value),))
        return TrailFilter(**{name: value})

    def wanted(self) -> TrailFilter:
        """What is searched for, as the queries take it."""
        self.is_valid()
        told = dict(self.given)
        start = period_start(self.cleaned_data.get("period") or "")
        since = max(filter(None, (told.pop("since", None), start)), default=None)
        return TrailFilter(**told, since=since, names=tuple(self.names), without=tuple(self.without))

    def query(self, **changes: str) -> str:
        """As for all filters; of the search its valid terms."""
        self.is_valid()
        return super().query(**({"q": search.write(self.terms)} | changes))

    def with_terms(self, values: Mapping[str, str], **changes: str) -> str:
        """The query string with terms for these fields, which take the place of what stands for them."""
        self.is_valid()
        kept = [one for one in self.terms if one.excluded or FIELDS.get(one.key, one.key) not in values]
        terms = [*kept, *(Term(KEYS.get(name, name), value) for name, value in values.items() if value)]
        return self.query(q=search.write(terms), **dict.fromkeys(values, ""), **changes)

    def within(self, since: datetime, until: datetime) -> str:
        """The query string for a span of time, in the viewer's zone as the fields show it."""
        self.is_valid()
        span = {"since": since, "until": until}
        kept = [one for one in self.terms if FIELDS.get(one.key, one.key) not in span]
        times = {name: in_address(at) for name, at in span.items()}
        return self.query(q=search.write(kept), period="", **times)

    def chips(self) -> list[dict[str, str]]:
        """The fields and the terms in use, each with the query string without it."""
        fields = [chip for chip in super().chips() if chip["name"] != "q"]
        terms = [
            {
                "name": f"term-{place}",
                "said": str(term),
                "query": self.query(q=search.write(self.terms[:place] + self.terms[place + 1 :])),
            }
            for place, term in enumerate(self.terms)
        ]
        return fields + terms

    def at_hand(self) -> list[forms.BoundField]:
        """The fields that are always shown beside the search."""
        return [self[name] for name in self.at_hand_names]

    def others(self) -> list[forms.BoundField]:
        """The fields under *More*."""
        return [self[name] for name in self.fields if name not in ("q", *self.at_hand_names)]

    def others_in_use(self) -> bool:
        return any(field.data for field in self.others())


class CallFilters(TrailFilters):
    """The search of calls."""

    def __init__(self, data: Mapping[str, Any], **options: Any) -> None:
        super().__init__(data, **options)
        del self.fields["kind"], self.fields["show"]


class ActivityFilters(TrailFilters):
    """The search of activity; with `show` also of calls, and then by what only these have."""

    at_hand_names = ("period", "show")

    def __init__(self, data: Mapping[str, Any], **options: Any) -> None:
        super().__init__(data, **options)
        if data.get("show") not in SHOWN:
            self.fields["q"].help_text = "Such as what:key.added run:7, or an ID"
            for name in ONLY_CALLS:
                del self.fields[name]


def period_start(name: str) -> datetime | None:
    """When a period began; None without one."""
    now = timezone.localtime()
    starts = {
        "hour": now.astimezone(UTC) - timedelta(hours=1),
        "today": now.replace(hour=0, minute=0, second=0, microsecond=0),
        "week": now - timedelta(days=7),
    }
    return starts[name].astimezone(UTC) if name in starts else None


def _plain(value: str) -> str:
    """A choice as it may be typed: in any case, with hyphens or underscores for spaces."""
    return value.lower().replace("-", " ").replace("_", " ")
