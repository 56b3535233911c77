"""The filters of the sources. What is wrong is said beside its field and left out."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from fini_admin.audit.forms import Choice, Filters, NumberField, PlainField, TimeField, choices
from fini_admin.fini.routes import SOURCES
from fini_admin.fini.secrets import looks_like_key
from fini_admin.sources.states import State

LARGEST = 10**18
LEFT_OUT = "left out"


class Chip(NamedTuple):
    """A filter in use: what it says, and the address's query without it."""

    name: str
    said: str
    query: str


class SourceFilters(Filters):
    """Which sources. The state is chosen by the tabs, and stays when the other filters change."""

    q = PlainField(
        required=False,
        max_length=300,
        label="Title, URL or ID",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    provider = Choice(required=False, choices=choices({name: name for name in SOURCES}), label="Provider")
    run = NumberField(
        required=False,
        min_value=1,
        max_value=LARGEST,
        label="Run",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "size": 6, "autocomplete": "off"}),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Say a run's number."),
    )
    since = TimeField("Changed since")
    state = Choice(
        required=False,
        choices=[("", "All"), *State.choices],
        label="State",
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no such state."},
    )

    def __init__(self, data: QueryDict) -> None:
        """A key that was typed into any field but the search, which says so itself, is not shown again (P5)."""
        kept = data.copy()
        for name in self.base_fields:
            if name != "q" and looks_like_key(str(kept.get(name))):
                kept[name] = LEFT_OUT
        super().__init__(kept)

    def others(self) -> dict[str, Any]:
        """What is to be filtered by, less the state."""
        return {name: value for name, value in self.values().items() if name != "state"}

    def query_with(self, **changes: str) -> str:
        """The filters as they stand in an address, some of them changed, or left out when empty."""
        query = {name: str(self.data[name]) for name in self.values()} | changes
        return urlencode({name: value for name, value in query.items() if value})

    def chips(self) -> Iterator[Chip]:
        """The filters in use, each with the way to the list without it."""
        for name in self.values():
            said = f"{self.fields[name].label}: {str(self.data[name]).replace('T', ' ')}"
            yield Chip(name, said, self.query_with(**{name: ""}))

    def repeated(self, cursor: str | None) -> str:
        """What links and the poll repeat: what was typed, less a key (P5), and where one is in the list."""
        typed = {name: str(self.data.get(name, "")) for name in self.fields}
        place = cursor if cursor and cursor.isascii() and cursor.isdigit() else ""
        query = typed | {"after": place}
        return urlencode(
            {name: value for name, value in query.items() if value and not looks_like_key(value)}
        )
