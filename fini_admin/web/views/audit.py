"""The list of calls, one call's page with its bodies, and the list of activities."""

from collections import Counter
from functools import partial
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict

from fini_admin.audit import queries
from fini_admin.audit.models import Entry
from fini_admin.audit.names import where_from
from fini_admin.audit.queries import BodyDamaged, RecordedCall
from fini_admin.ingestion.queries import run_of
from fini_admin.lib.paging import page
from fini_admin.sources.models import StateChange
from fini_admin.sources.queries import changes_by_call
from fini_admin.web.forms.audit import ActivityFilters, CallFilters
from fini_admin.web.forms.base import Filters
from fini_admin.web.json_tree import view_of_body
from fini_admin.web.pages import render_page
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import curl
from fini_admin.web.wording.activity import activity_name, detail_pairs
from fini_admin.web.wording.calls import explain_call
from fini_admin.workspaces.permissions import Permission

TOUCHED = 100
LONGEST_COMMAND = 20_000


@requires(Permission.CALLS_READ)
def calls(request: WorkspaceRequest) -> HttpResponse:
    """The calls, newest first. The first page begins with the matching calls that are in flight."""
    chain, cursor = _chain_of(request), request.GET.get("after")
    actors = partial(queries.actors, chain) if Permission.PEOPLE_SEARCH in request.permissions else None
    form = CallFilters(request.GET, actors)
    _keep_valid_filters(request, form)
    wanted = form.wanted()
    flying = queries.in_flight(chain, wanted)
    found = page(queries.calls(chain, wanted), cursor=cursor, field="seq")
    ended = {row.call for row in found.rows}
    above = [row for row in flying if row.call not in ended] if found.first else []
    context: dict[str, object] = {"form": form, "page": found, "rows": [*above, *found.rows]}
    return render_page(request, "audit/calls.html", context | {"actors": actors})


@requires(Permission.CALLS_READ)
def call(request: WorkspaceRequest, call: UUID) -> HttpResponse:
    """A call: who, why, its outcome and what it changed; its bodies with BODIES_READ."""
    found = _find_call(request, call)
    entry = found.entry
    touched = changes_by_call(request.workspace, entry.call or "", most=TOUCHED + 1)
    context: dict[str, object] = {
        "call": found,
        "entry": entry,
        "where": where_from(entry.origin),
        "meaning": explain_call(entry, flying=found.flying),
        "run": run_of(request.workspace, entry.run) if entry.run else None,
        "attempts": queries.attempts(entry),
        "touched": touched[:TOUCHED],
        "moves": _count_changes(touched[:TOUCHED]),
        "touched_more": len(touched) > TOUCHED,
    }
    allowed = Permission.BODIES_READ in request.permissions
    return render_page(
        request, "audit/call.html", context | (_body_context(found) if allowed else {}), parts=("call",)
    )


@requires(Permission.BODIES_READ)
def body(request: WorkspaceRequest, call: UUID, side: str) -> HttpResponse:
    """A call's whole recorded request or answer, or its curl command, as plain text."""
    found = _find_call(request, call)
    try:
        text = _body_text(found, side)
    except BodyDamaged as error:
        raise Http404 from error
    return HttpResponse(text.encode("utf-8", "replace"), content_type="text/plain; charset=utf-8")


@requires(Permission.ACTIVITY_READ)
def activity(request: WorkspaceRequest) -> HttpResponse:
    """What people did, newest first."""
    chain, cursor = _chain_of(request), request.GET.get("after")
    form = ActivityFilters(request.GET, people=Permission.PEOPLE_SEARCH in request.permissions)
    _keep_valid_filters(request, form)
    found = page(queries.activity(chain, **form.values()), cursor=cursor, field="seq")
    rows = [
        {
            "entry": row,
            "what": activity_name(row.kind),
            "where": where_from(row.origin),
            "detail": detail_pairs(row),
        }
        for row in found.rows
    ]
    return render_page(request, "audit/activity.html", {"form": form, "page": found, "rows": rows})


def _chain_of(request: WorkspaceRequest) -> str:
    return str(request.workspace.pk)


def _keep_valid_filters(request: WorkspaceRequest, form: Filters) -> None:
    """Reduce GET to the valid filters, so that links and polling never repeat a key typed into one (P5)."""
    request.GET = QueryDict(form.query())


def _find_call(request: WorkspaceRequest, call: UUID) -> RecordedCall:
    found = queries.find_call(_chain_of(request), str(call))
    if found is None:
        raise Http404
    return found


def _body_text(found: RecordedCall, side: str) -> str:
    """The recorded body of one side; raises BodyDamaged, or Http404 where the call has no such side."""
    if side == "answer" and found.outcome:
        return queries.body_text(found.entry.chain, found.outcome.answer_body)
    if side in ("request", "curl") and found.asked:
        text = queries.body_text(found.entry.chain, found.asked.request_body)
        return curl.command(found.asked, text) if side == "curl" else text
    raise Http404


def _count_changes(touched: list[StateChange]) -> list[dict[str, object]]:
    """How many sources changed from which state to which, the most frequent first."""
    counted = Counter((change.old, change.new) for change in touched)
    return [{"old": old, "new": new, "number": number} for (old, new), number in counted.most_common()]


def _body_context(found: RecordedCall) -> dict[str, object]:
    """Both bodies, and the request as a curl command."""
    sides = {side: _body_view(found, side) for side in ("request", "answer")}
    return {"sides": sides, "curl": _curl_command(found.asked) if found.asked else None}


def _body_view(found: RecordedCall, side: str) -> dict[str, object]:
    """A body to show, or that it is damaged; empty when there is none."""
    try:
        text = _body_text(found, side)
    except BodyDamaged:
        return {"damaged": True}
    except Http404:
        return {}
    return {"body": view_of_body(text)} if text else {}


def _curl_command(asked: Entry) -> dict[str, object] | None:
    """The curl command, and whether it sends the same bytes. Its text is empty when it is too long for a page."""
    try:
        text = queries.body_text(asked.chain, asked.request_body)
    except BodyDamaged:
        return None
    exact = curl.is_exact(asked, text)
    if not exact and text and not view_of_body(text).whole:
        return None
    said = curl.command(asked, text)
    return {"text": said if len(said) <= LONGEST_COMMAND else "", "exact": exact}
