"""The preview before every write to Fini, and its confirmation."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from fini_admin.fini.client import Request
from fini_admin.ingestion import planned_calls, preview_store, previews
from fini_admin.ingestion.models import Preview, Run, RunKind
from fini_admin.ingestion.preview_answers import PostedAnswer, read_answer
from fini_admin.ingestion.preview_rows import row_groups
from fini_admin.ingestion.runs import NothingToDo, run_of_token
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.base import key_fault
from fini_admin.web.forms.runs import ConfirmForm, IngestForm
from fini_admin.web.pages import go, show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.workspaces.permissions import Permission, permission_of
from fini_admin.workspaces.preferences import preferences

SHOWN = 10
DIGITS = 10
ALONE: dict[str, str] = {
    RunKind.INGEST: "Send {n} to ingestion",
    RunKind.REFRESH: "Refresh {n}",
    RunKind.DELETE: "Delete {n}",
}
GONE = "This preview is no longer there: previews are kept for a day"


@requires(Permission.QUEUE_READ)
@large_body
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
    return page(request, found, form, answer_of(found, request))


def answer_of(found: Preview, request: WorkspaceRequest) -> PostedAnswer:
    """What was posted of a register's resources: what stays out, what is let in, and the titles that were written."""
    if request.method != "POST" or found.kind != RunKind.REGISTER:
        return PostedAnswer()
    return read_answer(found, dict(request.POST.lists()), partial(key_fault, request.POST))


def needed(found: Preview) -> set[Permission]:
    """What one must be allowed to do to confirm it."""
    ingest = {Permission.SOURCES_INGEST} if found.then_ingest else set()
    return {permission_of(found.kind)} | ingest


def offer(request: WorkspaceRequest, found: Preview) -> HttpResponse:
    """A preview that was just frozen: into the page's dialog for htmx, else on to its page."""
    if request.htmx:
        return page(request, found, form_of(found, request, posted=False))
    return go(request, reverse("preview", args=[request.workspace.slug, found.token]))


def nothing(request: WorkspaceRequest, error: NothingToDo, back: str) -> HttpResponse:
    """Why there is nothing to preview: in the page's dialog for htmx, else as a message on the page one came from."""
    if request.htmx:
        return render(request, "previews/_nothing.html", {"error": error}, status=422)
    messages.warning(request, f"{error}.")
    return go(request, back)


def form_of(found: Preview, request: WorkspaceRequest, *, posted: bool = True) -> ConfirmForm:
    """The form, with what was posted, or with what the workspace sends along by default."""
    kind = form_kind(request, found)
    if posted and request.method == "POST":
        return kind(request.POST)
    held = preferences(request.workspace)
    return kind(initial={"english": held.english, "baser": held.baser})


def form_kind(request: WorkspaceRequest, found: Preview) -> type[ConfirmForm]:
    """What ingest sends along is asked only where it is sent."""
    ingests = found.kind == RunKind.INGEST or found.then_ingest or may_choose(request, found)
    return IngestForm if ingests else ConfirmForm


def may_choose(request: WorkspaceRequest, found: Preview) -> bool:
    """Whether it is decided here if what is registered is ingested as well."""
    return bool(found.summary.get("choose")) and Permission.SOURCES_INGEST in request.permissions


def confirm(request: WorkspaceRequest, found: Preview, form: ConfirmForm) -> HttpResponseBase:
    """Start the run and go to it."""
    if may_choose(request, found):
        found.then_ingest = request.POST.get("do") == "ingest"
    answer = answer_of(found, request)
    if answer.faults:
        return page(request, found, form, answer)
    try:
        run = previews.confirm(
            by=request.by,
            preview=found,
            answer=answer,
            **form.cleaned_data,
        )
    except NothingToDo as error:
        form.add_error(None, str(error))
        return page(request, found, form, answer)
    return to_run(request, run)


def confirmed_before(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """To the run that came of it; or a word when nobody confirmed it within a day, on home or in the dialog."""
    run = run_of_token(request.workspace, token)
    if run:
        return to_run(request, run)
    if request.htmx:
        return render(request, "previews/_nothing.html", {"error": GONE}, status=422)
    messages.warning(request, f"{GONE}. Nothing was sent.")
    return go(request, reverse("workspace", args=[request.workspace.slug]))


def to_run(request: WorkspaceRequest, run: Run) -> HttpResponse:
    """The run's page."""
    return go(request, reverse("run", args=[request.workspace.slug, run.number]))


def page(
    request: WorkspaceRequest, found: Preview, form: ConfirmForm, answer: PostedAnswer | None = None
) -> HttpResponse:
    """The preview; `?call=3` shows that call's body, `?group=new&from=50` that group's rows from there on."""
    plan = planned_calls.call_plan(found)
    opened = plan.call(number_in(request.GET, "call"))
    total = preview_store.number_of_ids(found)
    context = {
        "preview": found,
        "form": form,
        "total": total,
        "buttons": buttons(found, total, choose=may_choose(request, found)),
        "calls": plan.calls(SHOWN),
        "number_of_calls": plan.number,
        "seconds": planned_calls.estimated_seconds(request.workspace, plan.number),
        "opened": opened,
        "body": readable(planned_calls.request_of(found, opened)) if opened else "",
    }
    if found.kind == RunKind.REGISTER:
        context |= groups(found, request.GET, answer)
    status = 422 if form.is_bound else 200
    return show(request, "previews/preview.html", context, parts=("preview", "body", "rows"), status=status)


def groups(found: Preview, query: QueryDict, answer: PostedAnswer | None) -> dict[str, object]:
    """What is new, what will be updated, what stays out; `group` is the one that more was asked of."""
    asked = query.get("group", "")
    held = row_groups(found, asked=asked, start=number_in(query, "from"), answer=answer)
    return {"groups": held, "group": next((group for group in held if group.name == asked), None)}


def number_in(query: QueryDict, name: str) -> int:
    """A number in the address; 0 for anything else."""
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < DIGITS else 0


@dataclass(frozen=True, slots=True)
class Button:
    """What confirms a preview; the words' {n} is how many, which changes with what is left out."""

    value: str
    words: str
    total: int

    @property
    def text(self) -> str:
        """The words with the whole number."""
        return self.words.format(n=f"{self.total:,}")


def buttons(found: Preview, total: int, *, choose: bool) -> list[Button]:
    """Each begins like the button that led here (design 5); two where it is decided here whether to ingest."""
    if found.summary.get("retry"):
        return [Button("retry", "Retry {n}", total)]
    if found.kind in ALONE:
        return [Button(found.kind, ALONE[found.kind], total)]
    both = [Button("register", "Register {n}", total), Button("ingest", "Register and ingest {n}", total)]
    return both if choose else both[found.then_ingest :][:1]


def readable(call: Request[Any] | None) -> str:
    """A call's body as people read JSON."""
    return json.dumps(json.loads(call.payload or b"null"), ensure_ascii=False, indent=2) if call else ""
