"""The preview before every write to Fini, and its confirmation."""

import json
from collections import Counter
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
from fini_admin.ingestion.chosen import is_chosen
from fini_admin.ingestion.models import Preview, Run, RunKind
from fini_admin.ingestion.plans import CALLS, Way
from fini_admin.ingestion.preview_answers import PostedAnswer, read_answer
from fini_admin.ingestion.preview_rows import chosen_rows, row_groups
from fini_admin.ingestion.runs import NothingToDo, run_of_token
from fini_admin.lib.paging import parts, whole_numbers
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.base import key_fault
from fini_admin.web.forms.runs import ConfirmForm, DeleteForm, IngestForm
from fini_admin.web.pages import go, show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.workspaces.permissions import Permission, permission_of
from fini_admin.workspaces.preferences import preferences

SHOWN = 10
DIGITS = 10
# What is done about what was chosen, by plans.Way.
DONE = {
    Way.REGISTER: "registered",
    Way.ADD: "ingested for the first time",
    Way.REFRESH: "refreshed",
    Way.READ: "read first; what is sent follows from its record",
    Way.DELETE: "deleted in Fini",
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
    if found.kind == RunKind.DELETE:  # on a page of its own, which asks who one is
        return go(request, address_of(found, request))
    return shown_or_confirmed(request, found)


@requires(Permission.SOURCES_DELETE)
@reauthenticated
def deletion(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """What a deletion would delete; posted, its run."""
    found = previews.find(request.workspace, token)
    if found is None:
        return confirmed_before(request, token)
    if found.kind != RunKind.DELETE:
        return go(request, address_of(found, request))
    return shown_or_confirmed(request, found)


def shown_or_confirmed(request: WorkspaceRequest, found: Preview) -> HttpResponseBase:
    """The preview, or the run that comes of it."""
    form = form_of(found, request)
    if request.method == "POST" and form.is_valid():
        return confirm(request, found, form)
    return page(request, found, form, answer_of(found, request))


def address_of(found: Preview, request: WorkspaceRequest) -> str:
    """The page of a preview."""
    name = "deletion" if found.kind == RunKind.DELETE else "preview"
    return reverse(name, args=[request.workspace.slug, found.token])


def answer_of(found: Preview, request: WorkspaceRequest) -> PostedAnswer:
    """What was posted of a register's resources: what stays out, what is let in, and the titles that were written."""
    if request.method != "POST" or found.kind != RunKind.REGISTER or is_chosen(found):
        return PostedAnswer()
    return read_answer(found, dict(request.POST.lists()), partial(key_fault, request.POST))


def needed(found: Preview) -> set[Permission]:
    """What one must be allowed to do to confirm it."""
    kinds = {str(found.kind)} | ({str(RunKind.INGEST)} if found.then_ingest else set())
    kinds |= {str(CALLS[way]) for way in found.summary.get("ways", ()) if way in CALLS}
    return {permission_of(kind) for kind in kinds}


def selected(request: WorkspaceRequest) -> list[int]:
    """The numbers of what is selected in a list. Raises NothingToDo."""
    numbers = whole_numbers(parts(request.POST.getlist("id")))
    if not numbers:
        raise NothingToDo("Nothing is selected")
    return numbers


def offer(request: WorkspaceRequest, found: Preview) -> HttpResponse:
    """A preview that was just frozen: into the page's dialog for htmx, else on to its page."""
    if request.htmx:
        return page(request, found, form_of(found, request, posted=False))
    return go(request, address_of(found, request))


def nothing(request: WorkspaceRequest, error: NothingToDo, back: str) -> HttpResponse:
    """Why there is nothing to preview: in the page's dialog for htmx, else as a message on the page one came from."""
    if request.htmx:
        return render(request, "previews/_nothing.html", {"error": error}, status=422)
    messages.warning(request, f"{error}.")
    return go(request, back)


def form_of(found: Preview, request: WorkspaceRequest, *, posted: bool = True) -> ConfirmForm:
    """The form, with what was posted, or with what the workspace sends along by default."""
    data = request.POST if posted and request.method == "POST" else None
    if found.kind == RunKind.DELETE:
        return DeleteForm(
            data,
            total=preview_store.number_of_ids(found),
            linked=found.summary.get("linked", 0),
            with_articles=found.summary.get("with_articles", False),
        )
    kind = form_kind(request, found)
    if data is not None:
        return kind(data)
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
    extra = dict(form.cleaned_data)
    if found.kind == RunKind.DELETE:
        extra.pop("number")
        found.summary["with_articles"] = extra.pop("articles", False)
    try:
        run = previews.confirm(by=request.by, preview=found, answer=answer, **extra)
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
        "address": address_of(found, request),
        "deletes": found.kind == RunKind.DELETE,
        "form": form,
        "total": total,
        "buttons": buttons(found, total, choose=may_choose(request, found)),
        "calls": plan.calls(SHOWN),
        "number_of_calls": plan.number,
        "seconds": planned_calls.estimated_seconds(request.workspace, plan.number),
        "opened": opened,
        "body": readable(planned_calls.request_of(found, opened)) if opened else "",
    }
    if is_chosen(found):
        context |= {"chosen": chosen_rows(found, number_in(request.GET, "from")), "doings": doings(found)}
    elif found.kind == RunKind.REGISTER:
        context |= groups(found, request.GET, answer)
    status = 422 if form.is_bound else 200
    return show(
        request, "previews/preview.html", context, parts=("preview", "body", "rows", "chosen"), status=status
    )


def doings(found: Preview) -> list[tuple[str, int]]:
    """What is done about what was chosen, with how many IDs."""
    numbers: Counter[str] = Counter()
    for way, (_, number) in zip(found.summary["ways"], found.summary["providers"], strict=True):
        numbers[DONE[Way(way)]] += number
    return list(numbers.items())


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
    """What confirms a preview; the words' {n} is how many, which changes with what is left out.

    What cannot be taken back is never the page's first button in looks.
    """

    value: str
    words: str
    total: int
    look: str = ""

    @property
    def text(self) -> str:
        """The words with the whole number."""
        return self.words.format(n=f"{self.total:,}")


def buttons(found: Preview, total: int, *, choose: bool) -> list[Button]:
    """Each begins like the button that led here (design 5); two where it is decided here whether to ingest."""
    if is_chosen(found):
        return [button_of_chosen(found, total)]
    if found.kind == RunKind.INGEST:
        return [Button("ingest", "Send {n} to ingestion", total)]
    both = [Button("register", "Register {n}", total), Button("ingest", "Register and ingest {n}", total)]
    return both if choose else both[found.then_ingest :][:1]


def button_of_chosen(found: Preview, total: int) -> Button:
    """The button that confirms a refresh, a deletion, a retry, or a registration of what was deleted."""
    look = "button-danger" if found.kind == RunKind.DELETE else "button-primary"
    if found.summary.get("retry"):
        return Button("retry", "Retry {n}", total, look)
    words = {RunKind.DELETE: "Delete {n}", RunKind.REGISTER: "Register {n} again"}
    return Button(str(found.kind), words.get(RunKind(found.kind), "Refresh {n}"), total, look)


def readable(call: Request[Any] | None) -> str:
    """A call's body as people read JSON."""
    return json.dumps(json.loads(call.payload or b"null"), ensure_ascii=False, indent=2) if call else ""
