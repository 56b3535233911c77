"""The filters of the calls and of the activity. What is wrong is said beside its field and left out."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from fini_admin.audit.detail import in_words
from fini_admin.audit.names import ANCHOR, OF_NO_WORKSPACE, Activity
from fini_admin.audit.queries import IN_FLIGHT, Wanted
from fini_admin.fini.secrets import looks_like_key

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
NO_KEY = "This looks like an API key. A key belongs only in the key's own field."
EARLIEST = 2000
LATEST = 9000
NAMED = 5


class Listed(forms.Field):
    """What must be one of a list. Unlike Django's, its error does not repeat what was sent: it may be a key (P5)."""

    default_error_messages = {"invalid_choice": "Select a valid choice."}


class Choice(Listed, forms.ChoiceField):
    """One of a list of texts."""


class TypedChoice(Listed, forms.TypedChoiceField):
    """One of a list, as something else than its text."""


class PlainField(forms.CharField):
    """A short text that is no API key; one that is comes back empty (P5)."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if looks_like_key(value):
            raise ValidationError(NO_KEY)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return "" if looks_like_key(str(data)) else data


class NumberField(forms.IntegerField):
    """A whole number in digits. Django's takes 5_0 for 50, and +5 and 1.0, too."""

    def to_python(self, value: Any) -> int | None:
        typed = str("" if value is None else value).strip()
        if typed and not (typed.isascii() and typed.isdigit()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(typed)


class TimeField(forms.DateTimeField):
    """A time in the viewer's zone, whose name the label says."""

    def __init__(self, label: str) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(
            required=False, label=label, widget=widget, error_messages={"invalid": "Say a date and a time."}
        )

    def clean(self, value: Any) -> datetime | None:
        at: datetime | None = super().clean(value)
        if at and not EARLIEST <= at.year <= LATEST:
            raise ValidationError(f"Say a year from {EARLIEST} on.")
        return at


class Filters(forms.Form):
    """Filters in the address. A key that was typed into one is refused and comes back empty (P5)."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.with_key = {name for name, value in data.items() if looks_like_key(str(value))}
        super().__init__({name: "" if name in self.with_key else value for name, value in data.items()})
        zone = timezone.localtime().tzname() or timezone.get_current_timezone_name()
        for field in self.fields.values():
            if isinstance(field, TimeField):
                field.label = f"{field.label} ({zone})"

    def clean(self) -> None:
        """Refuse keys, at the field that held one."""
        for name in self.with_key & set(self.fields):
            self.add_error(name, NO_KEY)

    def values(self) -> dict[str, Any]:
        """What is to be filtered by: the fields that are filled in and right."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}

    def in_use(self) -> bool:
        """Whether anything was typed or chosen."""
        return any(self.data.get(name) for name in self.fields)

    def query(self, without: str = "") -> str:
        """The same as it stands in an address, less one of them."""
        return urlencode({name: str(self.data[name]) for name in self.values() if name != without})

    def removable(self) -> list[dict[str, str]]:
        """The filters in use: what each says, and the address's query without it."""
        return [
            {"name": name, "said": f"{self.fields[name].label}: {self.said(name)}", "query": self.query(name)}
            for name in self.values()
        ]

    def said(self, name: str) -> str:
        """A field's value as people read it."""
        value, field = str(self.data[name]), self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return str(dict(cast("list[tuple[str, str]]", field.choices))[value])
        return value.replace("T", " ") if isinstance(field, TimeField) else value


def choices(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """A select's lines, the first for all."""
    return [("", "All"), *names.items()]


def said(names: tuple[str, ...]) -> dict[str, str]:
    """Names that are said as they are."""
    return {name: name for name in names}


class CallFilters(Filters):
    """Which calls. `actors` lists who may be searched for; without it nobody may (PEOPLE_SEARCH)."""

    route = Choice(required=False, choices=choices(said(ROUTES)), label="Route")
    outcome = Choice(required=False, choices=choices(OUTCOMES), label="Outcome")
    status = forms.RegexField(
        required=False,
        regex=r"(?i)^[1-5](\d\d|xx)\Z",
        label="Status",
        error_messages={"invalid": "Say a status such as 500, or a class such as 5xx."},
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
    method = Choice(required=False, choices=choices(said(METHODS)), label="Method")
    key = forms.CharField(required=False, max_length=60, label="Key")
    run = NumberField(
        required=False,
        min_value=1,
        max_value=10**18,
        label="Run",
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Say a run's number."),
    )
    rare = ("until", "method", "key", "run")

    def __init__(self, data: Mapping[str, Any], actors: Callable[[], list[str]] | None) -> None:
        super().__init__(data)
        self.actors = actors
        if actors is None:
            del self.fields["who"]

    def clean_status(self) -> str:
        """A class is written in small letters."""
        return str(self.cleaned_data["status"]).lower()

    def clean_who(self) -> str:
        """The one person whose name holds what was typed; what nobody's does finds nothing."""
        typed = str(self.cleaned_data["who"]).strip()
        known = self.actors() if typed and self.actors else []
        found = [typed] if typed in known else [name for name in known if typed.lower() in name.lower()]
        if len(found) > 1:
            more = "" if len(found) <= NAMED else ", …"
            raise ValidationError(f"Several people match: {', '.join(found[:NAMED])}{more}. Say one.")
        return found[0] if found else typed

    def wanted(self) -> Wanted:
        """The calls that the filters name."""
        return Wanted(**self.values())

    def at_hand(self) -> list[forms.BoundField]:
        """The fields that are always there."""
        return [self[name] for name in self.fields if name not in self.rare]

    def others(self) -> list[forms.BoundField]:
        """The fields under *More*."""
        return [self[name] for name in self.rare]

    def rare_in_use(self) -> bool:
        """Whether one of those is filled in."""
        return any(self.data.get(name) for name in self.rare)


class ActivityFilters(Filters):
    """Which activity; `who` only where people may be searched for."""

    kind = Choice(required=False, label="What")
    who = forms.CharField(required=False, max_length=254, label="Who")
    since = TimeField("Since")
    until = TimeField("Before")

    def __init__(self, data: Mapping[str, Any], *, people: bool) -> None:
        super().__init__(data)
        kinds = [str(kind) for kind in Activity if kind not in OF_NO_WORKSPACE]
        names = {kind: in_words(kind) for kind in [*kinds, ANCHOR]}
        self.fields["kind"] = Choice(required=False, label="What", choices=choices(names))
        if not people:
            del self.fields["who"]
