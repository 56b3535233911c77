"""Discover's forms: the tree's filters, the selection, and the MIME type to send."""

from dataclasses import dataclass

from django import forms
from django.core.validators import RegexValidator
from django.http import QueryDict

from fini_admin.fini.providers import MIME_TYPE
from fini_admin.lib.paging import parts, whole_number, whole_numbers
from fini_admin.sources.tree import PAGES
from fini_admin.web.forms.base import Choice, Filters, KeylessForm

SHOW = (("", "All"), ("new", "Not in Fini yet"))
MOST_OPEN = 2_000


class TreeFilters(Filters):
    """Filters of the tree."""

    search = forms.CharField(required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search"}))
    show = Choice(required=False, choices=SHOW)


class RegisterChoiceForm(KeylessForm):
    """The MIME type for resources without one, and whether to ingest as well."""

    mime_type = forms.CharField(
        label="MIME type",
        max_length=200,
        validators=[RegexValidator(MIME_TYPE, "Write it as type/subtype, for example text/html.")],
        help_text="Used where the list names none.",
    )
    do = Choice(choices=[("register", "Register"), ("ingest", "Register and ingest")])


@dataclass(frozen=True, slots=True)
class SelectedKeys:
    """The primary keys of the selected leaves and branches; `wrong` counts values that are no keys."""

    leaves: frozenset[int]
    branches: frozenset[int]
    wrong: int


def selection_of(data: QueryDict) -> SelectedKeys:
    """The selection that the page sent."""
    texts = {name: frozenset(parts(data.getlist(name))) for name in ("id", "branch")}
    keys = {name: frozenset(whole_numbers(held)) for name, held in texts.items()}
    wrong = sum(len(texts[name]) - len(keys[name]) for name in texts)
    return SelectedKeys(keys["id"], keys["branch"], wrong)


def opened_branches(*texts: str) -> dict[int, int]:
    """The open branches by key, each with how many pages of rows it shows. Read from texts like "5-1.7-2"."""
    found = {}
    for part in ".".join(texts).split(".")[:MOST_OPEN]:
        key, pages = map(whole_number, part.partition("-")[::2])
        if key is not None:
            found[key] = max(1, min(PAGES, pages or 1))
    return found
