"""The form that saves a search of the audit trail."""

from typing import Any

from django import forms
from django.http import QueryDict

from fini_admin.web.forms.audit import ActivityFilters, CallFilters, TrailFilters
from fini_admin.web.forms.base import Choice, KeylessForm
from fini_admin.workspaces.models import SearchedPage


class SearchForm(KeylessForm):
    """A search's name, and whether it is shared; `may_share` offers that."""

    name = forms.CharField(max_length=60, label="Name")
    shared = forms.BooleanField(required=False, label="Share it with everybody in this workspace")
    page = Choice(choices=SearchedPage.choices, widget=forms.HiddenInput)
    query = forms.CharField(required=False, max_length=4_000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, may_share: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not may_share:
            del self.fields["shared"]

    def clean(self) -> dict[str, Any]:
        """Keep of the search what is valid, whoever saves it."""
        cleaned = super().clean() or self.cleaned_data
        if "page" in cleaned and "query" in cleaned:
            cleaned["query"] = read_search(cleaned["page"], cleaned["query"]).query()
        return cleaned


def read_search(page: str, query: str) -> TrailFilters:
    """The search of a page that an address's query holds; what is invalid in it does not count."""
    filters = CallFilters if page == SearchedPage.CALLS else ActivityFilters
    return filters(QueryDict(query), actors=list)
