"""The preview that comes before every write to Fini, and its confirmation."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from fini_admin.fini.client import Request
from fini_admin.fini.routes import InvalidRequest
from fini_admin.ingestion import previews
from fini_admin.ingestion.budget import budget_as_read
from fini_admin.ingestion.kinds import deletions
from fini_admin.ingestion.models import Preview, Run, RunKind
from fini_admin.ingestion.planning import planned_calls, preview_store
from fini_admin.ingestion.planning.chosen import is_chosen
from fini_admin.ingestion.planning.effort import efforts_of
from fini_admin.ingestion.planning.planned_calls import CallPlan
from fini_admin.ingestion.planning.plans import CALLS, Action
from fini_admin.ingestion.planning.preview_answers import AnsweredResources, PostedAnswer, read_answer
from fini_admin.ingestion.planning.preview_rows import chosen_rows, row_groups
from fini_admin.ingestion.runs.starting import CannotStart, run_of_token
from fini_admin.lib.paging import parts, whole_number, whole_numbers
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.base import key_text_error
from fini_admin.web.forms.runs import ConfirmForm, DeleteForm, IngestForm
from fini_admin.web.pages import redirect_to, render_page
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.workspaces.permissions import Permission, permission_of
from fini_admin.workspaces.preferences import preferences_as_read

SHOWN = 10
# What is done about what was chosen, by plans.Action.
DONE = {
    Action.REGISTER: "registered",
    Action.WEB: "sent to ingestion by their addresses",
    Action.ADD: "ingested for the first time",
    Action.REFRESH: "refreshed",
    Action.READ: "read first; what is sent follows from its record",
    Action.DELETE: "deleted in Fini",
}
# The kinds of preview whose rows stand in groups, and can be left out or let in.
WITH_GROUPS = (RunKind.REGISTER, RunKind.WEB)
GONE = "This preview is no longer there: previews are kept for a day"


@requires(Permission.QUEUE_READ)
@large_body
def preview(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """What the run would do; a POST starts the run."""
    found = previews.find(request.workspace, token)
    if found is None:
        return _run_of_confirmed(request, token)
    check_permissions(request, *_needed_permissions(found))
    if found.kind == RunKind.DELETE:  # on a page of its own, which asks who one is
        return redirect_to(request, _url_of(found, request))
    return _show_or_confirm(request, found)


@requires(Permission.SOURCES_DELETE)
@reauthenticated
def deletion(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """What a deletion would delete; a POST starts its run."""
    found = previews.find(request.workspace, token)
    if found is None:
        return _run_of_confirmed(request, token)
    if found.kind != RunKind.DELETE:
        return redirect_to(request, _url_of(found, request))
    return _show_or_confirm(request, found)


def _show_or_confirm(request: WorkspaceRequest, found: Preview) -> HttpResponseBase:
    """The preview, or the run that comes of it."""
    form = _form(found, request)
    if request.htmx and request.GET.get("part") == "effort":
        return _effort_part(request, found)
    if request.method == "POST" and form.is_valid():
        return _confirm(request, found, form)
    return _preview_page(request, found, form, _posted_answer(found, request))


def _effort_part(request: WorkspaceRequest, found: Preview) -> HttpResponse:
    """What the run costs with the rows that are ticked now; nothing is started."""
    chosen = AnsweredResources(found, _posted_answer(found, request))
    context = _effort_context(request, found, planned_calls.call_plan(found), len(chosen))
    return render(request, "previews/_effort.html", context)


def _effort_context(request: WorkspaceRequest, found: Preview, plan: CallPlan, ids: int) -> dict[str, object]:
    """The effort of each way to confirm."""
    return {"efforts": efforts_of(found, plan, ids, choose=_may_choose_ingest(request, found))}


def _url_of(found: Preview, request: WorkspaceRequest) -> str:
    """The page of a preview."""
    name = "deletion" if found.kind == RunKind.DELETE else "preview"
    return reverse(name, args=[request.workspace.slug, found.token])


def _posted_answer(found: Preview, request: WorkspaceRequest) -> PostedAnswer:
    """The decisions about a register's resources, or about addresses: left out, let in, and the titles typed."""
    if request.method != "POST" or found.kind not in WITH_GROUPS or is_chosen(found):
        return PostedAnswer()
    return read_answer(found, dict(request.POST.lists()), partial(key_text_error, request.POST))


def _needed_permissions(found: Preview) -> set[Permission]:
    """The permissions needed to confirm a preview."""
    kinds = {str(found.kind)} | ({str(RunKind.INGEST)} if found.then_ingest else set())
    kinds |= {str(CALLS[way]) for way in found.summary.get("ways", ()) if way in CALLS}
    return {permission_of(kind) for kind in kinds}


def selected_numbers(request: WorkspaceRequest) -> list[int]:
    """The primary keys of the selected rows of a list. Raises CannotStart without any."""
    numbers = whole_numbers(parts(request.POST.getlist("id")))
    if not numbers:
        raise CannotStart("Nothing is selected")
    return numbers


def show_preview(request: WorkspaceRequest, found: Preview) -> HttpResponse:
    """A new preview: in the page's dialog for htmx, else a redirect to its page."""
    if request.htmx:
        return _preview_page(request, found, _form(found, request, posted=False))
    return redirect_to(request, _url_of(found, request))


def show_why_not_started(request: WorkspaceRequest, error: CannotStart, back: str) -> HttpResponse:
    """Why there is nothing to preview: in the page's dialog for htmx, else as a message on `back`."""
    if request.htmx:
        return render(request, "previews/_nothing.html", {"error": error}, status=422)
    messages.warning(request, f"{error}.")
    return redirect_to(request, back)


def _form(found: Preview, request: WorkspaceRequest, *, posted: bool = True) -> ConfirmForm:
    """The form with what was posted, or with the workspace's defaults."""
    data = request.POST if posted and request.method == "POST" else None
    if found.kind == RunKind.DELETE:
        return DeleteForm(
            data,
            total=preview_store.number_of_ids(found),
            linked=found.summary.get("linked", 0),
            with_articles=found.summary.get("with_articles", False),
        )
    kind = _form_class(request, found)
    if data is not None:
        return kind(data)
    held = preferences_as_read(found.workspace)
    return kind(initial={"english": held.english, "baser": held.baser})


def _form_class(request: WorkspaceRequest, found: Preview) -> type[ConfirmForm]:
    """The options of ingest are in the form only when the run may ingest."""
    ingests = (
        found.kind in (RunKind.INGEST, RunKind.WEB) or found.then_ingest or _may_choose_ingest(request, found)
    )
    return IngestForm if ingests else ConfirmForm


def _may_choose_ingest(request: WorkspaceRequest, found: Preview) -> bool:
    """Whether this person still decides between *Register* and *Register and ingest*."""
    return bool(found.summary.get("choose")) and Permission.SOURCES_INGEST in request.permissions


def _confirm(request: WorkspaceRequest, found: Preview, form: ConfirmForm) -> HttpResponseBase:
    """Start the run and redirect to it."""
    if _may_choose_ingest(request, found):
        found.then_ingest = request.POST.get("do") == "ingest"
    answer = _posted_answer(found, request)
    if answer.faults:
        return _preview_page(request, found, form, answer)
    extra = dict(form.cleaned_data)
    if found.kind == RunKind.DELETE:
        extra.pop("number")
        found.summary["with_articles"] = extra.pop("articles", False)
    try:
        run = previews.confirm(by=request.by, preview=found, answer=answer, **extra)
    except CannotStart as error:
        form.add_error(None, str(error))
        return _preview_page(request, found, form, answer)
    return _redirect_to_run(request, run)


def _run_of_confirmed(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """Redirect to the run that a confirmed preview became; else say that the preview has expired."""
    run = run_of_token(request.workspace, token)
    if run:
        return _redirect_to_run(request, run)
    if request.htmx:
        return render(request, "previews/_nothing.html", {"error": GONE}, status=422)
    messages.warning(request, f"{GONE}. Nothing was sent.")
    return redirect_to(request, reverse("workspace", args=[request.workspace.slug]))


def _redirect_to_run(request: WorkspaceRequest, run: Run) -> HttpResponse:
    return redirect_to(request, reverse("run", args=[request.workspace.slug, run.number]))


def _preview_page(
    request: WorkspaceRequest, found: Preview, form: ConfirmForm, answer: PostedAnswer | None = None
) -> HttpResponse:
    """The preview. `?call=3` adds that call's body; `?group=new&from=50` is that group's rows from there on."""
    plan = planned_calls.call_plan(found)
    opened = plan.call(whole_number(request.GET.get("call")) or 0)
    total = preview_store.number_of_ids(found)
    # Of resources and addresses others may be ticked; of what was chosen nothing is left to confirm.
    stale = bool(form.non_field_errors()) and (found.kind not in WITH_GROUPS or is_chosen(found))
    context = {
        "preview": found,
        "address": _url_of(found, request),
        "deletes": found.kind == RunKind.DELETE,
        "not_registered": deletions.NOT_REGISTERED,
        "form": form,
        "total": total,
        "stale": stale,
        "held_by": budget_as_read(found.workspace).held_by,
        "buttons": [] if stale else _buttons(found, total, choose=_may_choose_ingest(request, found)),
        "calls": plan.calls(SHOWN),
        "number_of_calls": plan.number,
        "more_calls": max(0, plan.number - SHOWN),
        "opened": opened,
        "body": _body_of(found, opened) if opened else "",
    }
    context |= _effort_context(request, found, plan, total)
    if is_chosen(found) or found.kind == RunKind.INGEST:
        context["chosen"] = chosen_rows(found, whole_number(request.GET.get("from")) or 0)
        context["chosen_by_action"] = _counts_by_way(found) if is_chosen(found) else []
    elif found.kind in WITH_GROUPS:
        context |= _group_context(found, request.GET, answer)
    status = 422 if form.is_bound else 200
    return render_page(
        request, "previews/preview.html", context, parts=("preview", "body", "rows", "chosen"), status=status
    )


def _counts_by_way(found: Preview) -> list[tuple[str, int]]:
    """What is done about what was chosen, with how many IDs."""
    numbers: Counter[str] = Counter()
    for way, (_, number) in zip(found.summary["ways"], found.summary["providers"], strict=True):
        numbers[DONE[Action(way)]] += number
    return list(numbers.items())


def _group_context(found: Preview, query: QueryDict, answer: PostedAnswer | None) -> dict[str, object]:
    """The groups of resources (new, updated, left out); `group` is the one that more rows were asked of."""
    asked = query.get("group", "")
    held = row_groups(found, asked=asked, start=whole_number(query.get("from")) or 0, answer=answer)
    return {"groups": held, "group": next((group for group in held if group.name == asked), None)}


@dataclass(frozen=True, slots=True)
class ConfirmButton:
    """A button that confirms; {n} in `words` is the count, which changes as resources are left out.

    `look` is its class in the style, instead of the primary one for the first.
    """

    value: str
    words: str
    total: int
    look: str = ""

    @property
    def text(self) -> str:
        return self.words.format(n=f"{self.total:,}")


def _buttons(found: Preview, total: int, *, choose: bool) -> list[ConfirmButton]:
    """The confirming buttons, each named like the button that led here; two while ingest is still undecided."""
    if is_chosen(found):
        return [_button_of_chosen(found, total)]
    if found.kind == RunKind.WEB:
        return [ConfirmButton("ingest", "Ingest {n}", total)]
    if found.kind == RunKind.INGEST:
        return [ConfirmButton("ingest", "Send {n} to ingestion", total)]
    both = [
        ConfirmButton("register", "Register {n}", total),
        ConfirmButton("ingest", "Register and ingest {n}", total),
    ]
    return both if choose else both[found.then_ingest :][:1]


def _button_of_chosen(found: Preview, total: int) -> ConfirmButton:
    """The button that confirms a refresh, a deletion, a retry, or a registration of what was deleted."""
    look = "button-danger" if found.kind == RunKind.DELETE else "button-primary"
    if found.summary.get("retry"):
        return ConfirmButton("retry", "Retry {n}", total, look)
    words = {RunKind.DELETE: "Delete {n}", RunKind.REGISTER: "Register {n} again"}
    return ConfirmButton(str(found.kind), words.get(RunKind(found.kind), "Refresh {n}"), total, look)


def _body_of(found: Preview, opened: planned_calls.PlannedCall) -> str:
    """A planned call's body, or what Fini would refuse about it."""
    try:
        return _indented_body(planned_calls.request_of(found, opened))
    except InvalidRequest as error:
        return f"What cannot be sent together is left out or refused by the run: {error}"


def _indented_body(call: Request[Any] | None) -> str:
    return json.dumps(json.loads(call.payload or b"null"), ensure_ascii=False, indent=2) if call else ""
