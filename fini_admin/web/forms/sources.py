"""The filters of the sources page. An invalid filter shows its error and is ignored."""

from typing import cast

from django import forms

from fini_admin.fini.providers import provider_label
from fini_admin.fini.routes import SOURCES
from fini_admin.sources import queries
from fini_admin.sources.states import State
from fini_admin.web.forms.base import Choice, Filters, NumberField, TimeField, choices_with_all

LARGEST = 10**18


class SourceFilters(Filters):
    """Filters of sources. The tabs choose the state, which stays when other filters change."""

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
    run = NumberField(
        required=False,
        min_value=1,
        max_value=LARGEST,
        label="Run",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "size": 6, "autocomplete": "off"}),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Enter a run's number."),
    )
    since = TimeField("Changed since")
    state = Choice(
        required=False,
        choices=choices_with_all({state: state for state in State.values}),
        label="State",
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no such state."},
    )

    waits = Choice(
        required=False,
        choices=choices_with_all({"refresh": "for a refresh", "add": "for its first ingestion"}),
        label="Waits",
    )

    def criteria(self, *, without: str = "") -> queries.SourceCriteria:
        """What is to be filtered by, less one field."""
        found = {name: value for name, value in self.values().items() if name != without}
        return cast(queries.SourceCriteria, found)
