"""The preview before every write to Fini, and its confirmation."""

import json

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from fini_admin.ingestion import previews
from fini_admin.ingestion.forms import ConfirmForm, IngestForm
from fini_admin.ingestion.models import Kind, Preview, Run
from fini_admin.ingestion.runs import NothingToDo, started
from fini_admin.pages import go, show
from fini_admin.permissions import Permission, WorkspaceRequest, requires

SHOWN = 10


@requires(Permission.QUEUE_READ)
def preview(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """What the run would do; posted, the run."""
    found = previews.find(request.workspace, token)
    if found is None:
        return confirmed_before(request, token)
    if not needed(found) <= request.permissions:
        raise PermissionDenied
    form = form_of(found, request)
    if request.method == "POST" and form.is_valid():
        return confirm(request, found, form)
    return page(request, found, form)


def needed(found: Preview) -> set[Permission]:
    """What one must be allowed to do to confirm it."""
    register = {Permission.SOURCES_REGISTER} if found.kind == Kind.REGISTER else set()
    ingest = {Permission.SOURCES_INGEST} if found.kind == Kind.INGEST or found.then_ingest else set()
    return register | ingest


def form_of(found: Preview, request: WorkspaceRequest) -> ConfirmForm:
    """The form with what ingest sends along only where it is sent."""
    kind = IngestForm if found.kind == Kind.INGEST or found.then_ingest else ConfirmForm
    return kind(request.POST if request.method == "POST" else None)


def confirm(request: WorkspaceRequest, found: Preview, form: ConfirmForm) -> HttpResponseBase:
    """Start the run and go to it."""
    left = {int(text) for text in request.POST.getlist("left") if text.isascii() and text.isdigit()}
    try:
        run = previews.confirm(
            actor=request.user.email,
            origin="browser",
            preview=found,
            left=left,
            **form.cleaned_data,
        )
    except NothingToDo as error:
        form.add_error(None, str(error))
        return page(request, found, form)
    return to_run(request, run)


def confirmed_before(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """To the run that came of it, or home with a word when nobody confirmed it within a day."""
    run = started(request.workspace, token)
    if run:
        return to_run(request, run)
    messages.warning(
        request, "This preview is no longer there: nothing was sent. Previews are kept for a day."
    )
    return go(request, reverse("workspace", args=[request.workspace.slug]))


def to_run(request: WorkspaceRequest, run: Run) -> HttpResponse:
    """The run's page."""
    return go(request, reverse("run", args=[request.workspace.slug, run.number]))


def page(request: WorkspaceRequest, found: Preview, form: ConfirmForm) -> HttpResponse:
    """The preview; `?call=3` shows that call's body."""
    calls = previews.calls(found)
    asked = request.GET.get("call", "")
    opened = next((call for call in calls if str(call.number) == asked), None)
    total = previews.size(found)
    context = {
        "preview": found,
        "form": form,
        "total": total,
        "button": button(found, total),
        "calls": calls[:SHOWN],
        "number_of_calls": len(calls),
        "seconds": previews.seconds(len(calls)),
        "opened": opened,
        "body": readable(opened) if opened else "",
    }
    status = 422 if form.is_bound else 200
    return show(request, "ingestion/preview.html", context, parts=("preview", "body"), status=status)


def button(found: Preview, total: int) -> str:
    """What the confirming button says: it begins like the one that led here (design 5)."""
    if found.kind == Kind.INGEST:
        return f"Send {total:,} to ingestion"
    return f"{'Register and ingest' if found.then_ingest else 'Register'} {total:,}"


def readable(call: previews.Call) -> str:
    """A call's body as people read JSON."""
    return json.dumps(json.loads(call.request.payload or b"null"), ensure_ascii=False, indent=2)
