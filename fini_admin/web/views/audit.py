"""The list of calls, one call's page with its bodies, and the list of activities."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render

from fini_admin.audit import distinct, queries
from fini_admin.audit.bodies import BodyDamaged
from fini_admin.audit.chain import time_of
from fini_admin.audit.matching import TrailFilter
from fini_admin.audit.models import Entry
from fini_admin.audit.names import where_from
from fini_admin.audit.newest import newest_calls
from fini_admin.audit.queries import RecordedCall
from fini_admin.ingestion.runs.queries import run_of
from fini_admin.sources.models import StateChange
from fini_admin.sources.queries import changes_by_call, ids_of_external
from fini_admin.web.forms.audit import ActivityFilters, CallFilters, TrailFilters
from fini_admin.web.forms.audit_suggestions import suggestions
from fini_admin.web.json_tree import view_of_body
from fini_admin.web.pages import keep_valid_filters, render_page
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import curl
from fini_admin.web.wording.activity import activity_name, told
from fini_admin.web.wording.audit_summary import CallSummary, summary_of
from fini_admin.web.wording.calls import explain_call, timeline_of
from fini_admin.web.wording.times import in_address
from fini_admin.workspaces import searches
from fini_admin.workspaces.models import SearchedPage
from fini_admin.workspaces.permissions import Permission

TOUCHED = 100
LONGEST_COMMAND = 20_000


@requires(Permission.CALLS_READ)
def calls(request: WorkspaceRequest) -> HttpResponse:
    """The calls, newest first. The first page begins with the matching calls that are in flight."""
    chain, cursor = _chain_of(request), request.GET.get("after")
    form = CallFilters(request.GET, **_search_of(request, partial(distinct.actors, chain)))
    part, typed, counted = (request.GET.get(name, "") for name in ("part", "text", "counts"))
    keep_valid_filters(request, form)
    wanted = form.wanted()
    if part == "suggest":
        return _suggestions_part(request, form, typed)
    if part == "summary":
        return render(request, "audit/_summary.html", {"summary": _summary(request, form, wanted)})
    flying = queries.in_flight(chain, wanted) if not cursor else []
    found = queries.calls_page(chain, wanted, cursor=cursor)
    ended = {row.call for row in found.rows}
    above = [row for row in flying if row.call not in ended] if found.first else []
    context: dict[str, object] = {"form": form, "page": found, "rows": [*above, *found.rows]}
    context |= {"summary": _summary(request, form, wanted)} if counted else {}
    return render_page(request, "audit/calls.html", context | _saved_of(request, SearchedPage.CALLS))


def _saved_of(request: WorkspaceRequest, page: SearchedPage) -> dict[str, object]:
    """The saved searches of a page, read when they are shown: a fragment shows none of them."""
    return {
        "saved": partial(searches.visible_on, request.workspace, request.user, page),
        "searched": page,
        "may_save": Permission.SEARCHES_SAVE in request.permissions,
    }


def _suggestions_part(request: WorkspaceRequest, form: TrailFilters, typed: str) -> HttpResponse:
    """What may be meant by what was typed so far."""
    found = suggestions(form, request.workspace, typed)
    return render(request, "audit/_suggestions.html", {"suggestions": found})


def _summary(request: WorkspaceRequest, form: CallFilters, wanted: TrailFilter) -> CallSummary:
    """What loads after the page: counts, charts and errors of the newest calls that match."""
    return summary_of(form, wanted, newest_calls(_chain_of(request), wanted))


def _search_of(request: WorkspaceRequest, actors: Callable[[], list[str]]) -> dict[str, Any]:
    """What a search form needs to know: who may be searched for, and which sources have an external ID."""
    people = Permission.PEOPLE_SEARCH in request.permissions
    return {
        "actors": actors if people else None,
        "about": partial(ids_of_external, request.workspace),
    }


@requires(Permission.CALLS_READ)
def call(request: WorkspaceRequest, call: UUID) -> HttpResponse:
    """A call: who, why, its outcome and what it changed; its bodies with BODIES_READ."""
    may_read_bodies = Permission.BODIES_READ in request.permissions
    found = _find_call(request, call, with_bodies=may_read_bodies)
    entry = found.entry
    attempts = queries.attempts(entry)
    touched = changes_by_call(request.workspace, entry.call or "", most=TOUCHED + 1)
    context: dict[str, object] = {
        "call": found,
        "entry": entry,
        "where": where_from(entry.origin),
        "meaning": explain_call(entry, flying=found.flying),
        "run": run_of(request.workspace, entry.run) if entry.run else None,
        "attempts": attempts,
        "timeline": timeline_of(found, attempts, touched[:TOUCHED]),
        "beside": queries.calls_beside(entry),
        "around": _minutes_around(entry) if Permission.ACTIVITY_READ in request.permissions else "",
        "may_search_people": Permission.PEOPLE_SEARCH in request.permissions,
        "touched": touched[:TOUCHED],
        "moves": _count_changes(touched[:TOUCHED]),
        "touched_more": len(touched) > TOUCHED,
    }
    shown = _body_context(found) if may_read_bodies else {}
    return render_page(request, "audit/call.html", context | shown, parts=("call",))


@requires(Permission.BODIES_READ)
def body(request: WorkspaceRequest, call: UUID, side: str) -> HttpResponse:
    """A call's whole recorded request or answer, or its curl command, as plain text."""
    found = _find_call(request, call, with_bodies=True)
    try:
        text = _body_text(found, side)
    except BodyDamaged as error:
        raise Http404 from error
    return HttpResponse(text.encode("utf-8", "replace"), content_type="text/plain; charset=utf-8")


@requires(Permission.ACTIVITY_READ)
def activity(request: WorkspaceRequest) -> HttpResponse:
    """What people did, newest first, alone or with the calls in one line of time."""
    part, typed, cursor = (request.GET.get(name, "") for name in ("part", "text", "after"))
    actors = partial(distinct.actors, _chain_of(request), of_activity=True)
    form = ActivityFilters(request.GET, **_search_of(request, actors))
    keep_valid_filters(request, form)
    if part == "suggest":
        return _suggestions_part(request, form, typed)
    shown = queries.timeline_page if form.values().get("show") else queries.activity_page
    found = shown(_chain_of(request), form.wanted(), cursor=cursor)
    rows = [
        {
            "entry": row,
            "what": activity_name(row.kind),
            "where": where_from(row.origin),
            "told": told(row),
        }
        for row in found.rows
    ]
    context: dict[str, object] = {"form": form, "page": found, "rows": rows}
    return render_page(request, "audit/activity.html", context | _saved_of(request, SearchedPage.ACTIVITY))


def _minutes_around(entry: Entry) -> str:
    """The query of all that happened within a minute of a row; empty where its time was tampered with."""
    at = time_of(entry.at)
    if at is None:
        return ""
    since, until = at - timedelta(minutes=1), at + timedelta(minutes=2)
    return urlencode({"show": "all", "since": in_address(since), "until": in_address(until)})


def _chain_of(request: WorkspaceRequest) -> str:
    return str(request.workspace.pk)


def _find_call(request: WorkspaceRequest, call: UUID, *, with_bodies: bool) -> RecordedCall:
    found = queries.find_call(_chain_of(request), str(call), with_bodies=with_bodies)
    if found is None:
        raise Http404
    return found


def _body_text(found: RecordedCall, side: str) -> str:
    """The recorded body of one side; raises BodyDamaged, or Http404 where the call has no such side."""
    if side == "curl" and found.asked:
        return curl.command(found.asked, found.body_text("request"))
    if side in ("request", "answer") and found.has(side):
        return found.body_text(side)
    raise Http404


def _count_changes(touched: list[StateChange]) -> list[dict[str, object]]:
    """How many sources changed from which state to which, the most frequent first."""
    counted = Counter((change.old, change.new) for change in touched)
    return [{"old": old, "new": new, "number": number} for (old, new), number in counted.most_common()]


def _body_context(found: RecordedCall) -> dict[str, object]:
    """Both bodies, and the request as a curl command."""
    sides = {side: _body_view(found, side) for side in ("request", "answer")}
    return {"sides": sides, "curl": _curl_command(found, found.asked) if found.asked else None}


def _body_view(found: RecordedCall, side: str) -> dict[str, object]:
    """A body to show, or that it is damaged; empty when there is none."""
    try:
        text = _body_text(found, side)
    except BodyDamaged:
        return {"damaged": True}
    except Http404:
        return {}
    return {"body": view_of_body(text)} if text else {}


def _curl_command(found: RecordedCall, asked: Entry) -> dict[str, object] | None:
    """The curl command, and whether it sends the same bytes. Its text is empty when it is too long for a page."""
    try:
        text = found.body_text("request")
    except BodyDamaged:
        return None
    exact = curl.is_exact(asked, text)
    if not exact and text and not view_of_body(text).whole:
        return None
    said = curl.command(asked, text)
    return {"text": said if len(said) <= LONGEST_COMMAND else "", "exact": exact}
