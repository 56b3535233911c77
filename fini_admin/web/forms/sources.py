"""The filters of the sources page. An invalid filter shows its error and is ignored."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from django import forms

from fini_admin.fini.providers import provider_label
from fini_admin.fini.routes import SOURCES
from fini_admin.sources import queries
from fini_admin.sources.states import State
from fini_admin.web.forms.base import (
    Choice,
    Filters,
    RunNumberField,
    TimeField,
    TypedChoice,
    choices_with_all,
)
from fini_admin.web.wording.sources import short_line

SORTS = {"title": "Title", "change": "Last change"}
# What the list may be filtered by while it is sorted: the index of that order carries it.
CARRIED: dict[str, set[str]] = {"title": set(), "change": {"since"}}
SHOWN = 70


class SourceFilters(Filters):
    """Which sources. The state is chosen by the tabs, the order by the columns; both stay when the filters change.

    `reasons` lists why sources failed, asked when the field is drawn.
    """

    q = forms.CharField(
        required=False,
        max_length=300,
        label="Title, URL or ID",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    provider = Choice(
        required=False,
        choices=choices_with_all({name: provider_label(name) for name in SOURCES}),
        label="Provider",
    )
    waits = Choice(
        required=False,
        choices=choices_with_all({"refresh": "for a refresh", "add": "for its first ingestion"}),
        label="Waits",
    )
    changed = TypedChoice(
        required=False,
        choices=choices_with_all({"yes": "changed since"}),
        coerce=lambda text: text == "yes",
        empty_value=None,
        label="Original",
    )
    reason = forms.CharField(required=False, strip=False, label="Failed because")
    run = RunNumberField()
    since = TimeField("Changed since")
    state = Choice(
        required=False,
        choices=choices_with_all({state: state for state in State.values}),
        label="State",
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no such state."},
    )
    sort = Choice(required=False, choices=[("", ""), *SORTS.items()], widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any], reasons: Callable[[], list[str]] = list) -> None:
        super().__init__(data)
        lines: Any = partial(self.lines, reasons)  # the stubs know no callable
        # A preview's dialog on the same page has a field of the same name.
        self.fields["reason"].widget = forms.Select(attrs={"id": "failed-because"}, choices=lines)

    def lines(self, reasons: Callable[[], list[str]]) -> list[tuple[str, str]]:
        """The lines of the field; the one that was chosen is among them however long ago it was."""
        found = dict.fromkeys([*reasons(), self.values().get("reason", "")])
        return [("", "Any reason"), *((text, short_line(text, SHOWN)) for text in found if text)]

    def clean_reason(self) -> str:
        """As Fini said it: a browser sends ends of lines in a way of its own."""
        return str(self.cleaned_data["reason"]).replace("\r\n", "\n")[: queries.REASON]

    def criteria(self, *, without: str = "") -> queries.SourceCriteria:
        """What is to be filtered by, less one field."""
        found = {name: value for name, value in self.values().items() if name not in ("sort", without)}
        return cast(queries.SourceCriteria, found)

    def chips(self) -> list[dict[str, str]]:
        """The filters in use; the order is none."""
        return [chip for chip in super().chips() if chip["name"] != "sort"]

    def said(self, name: str) -> str:
        """As the others', a reason in short."""
        return short_line(super().said(name), SHOWN) if name == "reason" else super().said(name)

    def may_sort(self, sort: str) -> bool:
        """Whether an index carries this order with the filters in use."""
        return self.criteria().keys() <= CARRIED[sort]

    @property
    def order(self) -> str:
        """What the list is sorted by; empty for the newest first."""
        sort = str(self.values().get("sort", ""))
        return sort if sort and self.may_sort(sort) else ""
