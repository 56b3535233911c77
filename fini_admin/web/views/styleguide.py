"""Every component in each of its states, for developers (superusers only)."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from fini_admin.ingestion.models import ItemOutcome
from fini_admin.lib.paging import Page
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.web.forms.base import Choice, KeylessForm
from fini_admin.web.permissions import SignedInRequest, superuser_only
from fini_admin.workspaces.models import KeyState


class SampleForm(KeylessForm):
    """A field of each type."""

    title = forms.CharField(help_text="As people will read it.")
    url = forms.URLField(label="URL", assume_scheme="https")
    provider = Choice(choices=[("notion", "Notion"), ("zendesk", "Zendesk")])
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    ingest = forms.BooleanField(required=False, label="Send to ingestion at once")


class SampleFilters(KeylessForm):
    """A list's filters."""

    q = forms.CharField(label="Search", required=False)
    state = Choice(choices=[("", "All"), *State.choices], required=False)


@superuser_only
def styleguide(request: SignedInRequest) -> HttpResponse:
    """The components; `?toast` adds a floating message."""
    if request.htmx:
        return render(request, "components/_sample_dialog.html")
    if "toast" in request.GET:
        messages.success(request, "3 put back into the queue")
    wrong = SampleForm({"title": "", "url": "nowhere", "provider": "files"}, auto_id="wrong_%s")
    wrong.is_valid()
    older: Page[Source] = Page([], "50", first=False)
    context = {
        "form": SampleFilters(request.GET),
        "sample": SampleForm(auto_id="right_%s"),
        "wrong": wrong,
        "states": State.values,
        "outcomes": ItemOutcome.values,
        "calls": ["not done", "lost", "unsent", "in flight"],
        "keys": KeyState.values,
        "now": timezone.now(),
        "page": older,
    }
    return render(request, "styleguide.html", context)
