"""The calls, one call told completely, and the activity beside them."""

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
from fini_admin.web.json_tree import body_of
from fini_admin.web.pages import show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import curl
from fini_admin.web.wording.activity import in_words, told
from fini_admin.web.wording.calls import meaning
from fini_admin.workspaces.permissions import Permission

TOUCHED = 100
LONGEST_COMMAND = 20_000


@requires(Permission.CALLS_READ)
def calls(request: WorkspaceRequest) -> HttpResponse:
    """The calls, newest first; what is in flight stands on top of the first page."""
    chain, cursor = chain_of(request), request.GET.get("after")
    actors = partial(queries.actors, chain) if Permission.PEOPLE_SEARCH in request.permissions else None
    form = CallFilters(request.GET, actors)
    repeat_only_filters(request, form)
    wanted = form.wanted()
    flying = queries.in_flight(chain, wanted)
    found = page(queries.calls(chain, wanted), cursor=cursor, field="seq")
    ended = {row.call for row in found.rows}
    above = [row for row in flying if row.call not in ended] if found.first else []
    context: dict[str, object] = {"form": form, "page": found, "rows": [*above, *found.rows]}
    return show(request, "audit/calls.html", context | {"actors": actors})


@requires(Permission.CALLS_READ)
def call(request: WorkspaceRequest, call: UUID) -> HttpResponse:
    """A call: who, why, what came of it; to who may read them also its bodies."""
    found = find(request, call)
    entry = found.entry
    touched = changes_by_call(request.workspace, entry.call or "", most=TOUCHED + 1)
    context: dict[str, object] = {
        "call": found,
        "entry": entry,
        "where": where_from(entry.origin),
        "meaning": meaning(entry, flying=found.flying),
        "run": run_of(request.workspace, entry.run) if entry.run else None,
        "attempts": queries.attempts(entry),
        "touched": touched[:TOUCHED],
        "moves": moves(touched[:TOUCHED]),
        "touched_more": len(touched) > TOUCHED,
    }
    allowed = Permission.BODIES_READ in request.permissions
    return show(request, "audit/call.html", context | (bodies(found) if allowed else {}), parts=("call",))


@requires(Permission.BODIES_READ)
def body(request: WorkspaceRequest, call: UUID, side: str) -> HttpResponse:
    """The whole of what was kept of a call's request or answer, or its curl command, as plain text."""
    found = find(request, call)
    try:
        text = text_of(found, side)
    except BodyDamaged as error:
        raise Http404 from error
    return HttpResponse(text.encode("utf-8", "replace"), content_type="text/plain; charset=utf-8")


@requires(Permission.ACTIVITY_READ)
def activity(request: WorkspaceRequest) -> HttpResponse:
    """What people did, newest first."""
    chain, cursor = chain_of(request), request.GET.get("after")
    form = ActivityFilters(request.GET, people=Permission.PEOPLE_SEARCH in request.permissions)
    repeat_only_filters(request, form)
    found = page(queries.activity(chain, **form.values()), cursor=cursor, field="seq")
    rows = [
        {
            "entry": row,
            "what": in_words(row.kind),
            "where": where_from(row.origin),
            "detail": told(row),
        }
        for row in found.rows
    ]
    return show(request, "audit/activity.html", {"form": form, "page": found, "rows": rows})


def chain_of(request: WorkspaceRequest) -> str:
    """The workspace's chain."""
    return str(request.workspace.pk)


def repeat_only_filters(request: WorkspaceRequest, form: Filters) -> None:
    """Let links and the poll repeat the filters that are right, and never a key that was typed into one (P5)."""
    request.GET = QueryDict(form.query())


def find(request: WorkspaceRequest, call: UUID) -> RecordedCall:
    """A call of the workspace; Http404 for any other."""
    found = queries.find_call(chain_of(request), str(call))
    if found is None:
        raise Http404
    return found


def text_of(found: RecordedCall, side: str) -> str:
    """What was kept of one side of a call; raises Damaged, and Http404 for what has no such side."""
    if side == "answer" and found.outcome:
        return queries.body_text(found.entry.chain, found.outcome.answer_body)
    if side in ("request", "curl") and found.asked:
        text = queries.body_text(found.entry.chain, found.asked.request_body)
        return curl.command(found.asked, text) if side == "curl" else text
    raise Http404


def moves(touched: list[StateChange]) -> list[dict[str, object]]:
    """How many sources went from which state to which, the most frequent first."""
    counted = Counter((change.old, change.new) for change in touched)
    return [{"old": old, "new": new, "number": number} for (old, new), number in counted.most_common()]


def bodies(found: RecordedCall) -> dict[str, object]:
    """Both bodies to be shown, and the request as a curl command."""
    sides = {side: shown(found, side) for side in ("request", "answer")}
    return {"sides": sides, "curl": command(found.asked) if found.asked else None}


def shown(found: RecordedCall, side: str) -> dict[str, object]:
    """A body to be shown, or that it is damaged; neither when there is none."""
    try:
        text = text_of(found, side)
    except BodyDamaged:
        return {"damaged": True}
    except Http404:
        return {}
    return {"body": body_of(text)} if text else {}


def command(asked: Entry) -> dict[str, object] | None:
    """The curl command: its text unless it is too long for a page, and whether it sends the very same bytes."""
    try:
        text = queries.body_text(asked.chain, asked.request_body)
    except BodyDamaged:
        return None
    exact = curl.is_exact(asked, text)
    if not exact and text and not body_of(text).whole:
        return None
    said = curl.command(asked, text)
    return {"text": said if len(said) <= LONGEST_COMMAND else "", "exact": exact}
