"""The queue: sources that wait for ingestion, by lane, and those taken out of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.utils.dateparse import parse_datetime

from fini_admin.ingestion import queue as ingestion_queue
from fini_admin.ingestion.home_facts import WAITS_LONG
from fini_admin.ingestion.kinds.ingestions import freeze_ingest
from fini_admin.ingestion.models import QueueEntry
from fini_admin.ingestion.queue import LANES, OUT, UNREAD, QueueCounts, QueueCriteria
from fini_admin.ingestion.queue_moves import Moved, put_sources_back, remove_entries, removed_at
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.paging import CHUNK, page, parts, whole_number, whole_numbers
from fini_admin.sources.states import State
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.runs import QueueFilters
from fini_admin.web.pages import keep_valid_filters, parts_shown, redirect_to, render_page, unknown_action
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.web.views import previews
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.permissions import Permission


@requires(Permission.QUEUE_READ)
@large_body
def queue(request: WorkspaceRequest) -> HttpResponse:
    """A lane of the queue; a POST acts on the selected entries."""
    workspace, asked = request.workspace, request.GET
    form = QueueFilters(
        asked, partial(ingestion_queue.who_queued, workspace), partial(ingestion_queue.first_lane, workspace)
    )
    shown, part = parts_shown(request, PARTS) or ("list",), asked.get("part", "") if request.htmx else ""
    cursor = whole_number(asked.get("after"))
    keep_valid_filters(request, form, after="" if cursor is None else str(cursor))
    if request.method == "POST":
        return _act(request, form)
    if part in NUMBERS:
        numbers = NUMBERS[part](asked, form, workspace)
        return HttpResponse(",".join(map(str, numbers)), content_type="text/plain")
    wanted, lane = form.wanted(), form.lane_shown
    may_send = Permission.SOURCES_INGEST in request.permissions
    may_remove = Permission.QUEUE_REMOVE in request.permissions
    context: dict[str, object] = {
        "form": form,
        "lane": lane,
        "clear": f"{request.path}?lane={lane}",
        "tabs": _tabs(lane),
        "may_send": may_send,
        "may_remove": may_remove,
        "may_pick": may_remove if lane == OUT else may_send or may_remove,
    }
    if "list" in shown:
        context |= _list_context(request, lane, wanted)
    if "counts" in shown:
        context |= _count_context(request, lane, wanted)
    status = 422 if wanted is None else 200
    return render_page(request, "queue.html", context, parts=shown, status=status)


def _tabs(lane: str, counts: QueueCounts | None = None) -> list[dict[str, str | bool]]:
    """The tabs with known counts; the lane of unread records only while it has entries."""
    numbers = counts.lanes if counts else {}
    return [
        {"name": name, "text": text, "here": name == lane, "number": numbers.get(name, "")}
        for name, text in LANES.items()
        if name != UNREAD or name == lane or numbers.get(name, "0") != "0"
    ]


def _count_context(request: WorkspaceRequest, lane: str, wanted: QueueCriteria | None) -> dict[str, object]:
    """The counts; none while a filter is invalid."""
    if wanted is None:
        return {}
    counts = ingestion_queue.queue_counts(request.workspace, lane, **wanted)
    return {"counts": counts, "tabs": _tabs(lane, counts)}


def _list_context(request: WorkspaceRequest, lane: str, wanted: QueueCriteria | None) -> dict[str, object]:
    """The rows, newest first; none while a filter is invalid."""
    if wanted is None:
        return {}
    workspace, cursor = request.workspace, request.GET.get("after")
    context: dict[str, object] = {
        "filtered": any(wanted.values()),
        "late": datetime.now(UTC) - WAITS_LONG,
    }
    if lane == OUT:
        return context | {
            "page": page(
                ingestion_queue.with_latest_entry(ingestion_queue.taken_out(workspace, **wanted)),
                cursor=cursor,
            )
        }
    entries = ingestion_queue.entries_in_lane(workspace, lane, **wanted).select_related("source", "run")
    return context | {"page": page(entries, cursor=cursor)}


def _act(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """Run the action, if this tab has it and this person may do it."""
    asked = ACTIONS.get((form.lane_shown == OUT, request.POST.get("do", "")))
    if asked is None:
        return unknown_action()
    permission, what = asked
    check_permissions(request, permission)
    try:
        return what(request, form)
    except CannotStart as error:
        return previews.show_why_not_started(request, error, _list_url(request))


def _send_all(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """Preview everything that tab and filters match; entries newer than `upto`, the count shown, are left out."""
    wanted = form.wanted()
    if wanted is None:
        raise CannotStart("Nothing is shown until the filters are right")
    upto = whole_number(request.POST.get("upto"))
    found = ingestion_queue.selectable(request.workspace, form.lane_shown, upto, **wanted)
    return _preview_entries(request, list(ingestion_queue.entries_to_send(found).order_by("pk")))


def _send_selected(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    numbers = sorted(previews.selected_numbers(request))
    return _preview_entries(request, ingestion_queue.entries_in_given_order(request.workspace, numbers))


def _preview_entries(request: WorkspaceRequest, entries: list[QueueEntry]) -> HttpResponse:
    found = freeze_ingest(workspace=request.workspace, entries=entries)
    return previews.show_preview(request, found)


def _remove_selected(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    entries = previews.selected_numbers(request)
    moved = remove_entries(by=request.by, workspace=request.workspace, entries=entries)
    return _report_moved(
        request, moved, "removed from the queue", undo=moved.at.isoformat() if moved.sources else ""
    )


def _undo_removal(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """Put back what one removal took out, less what went on meanwhile."""
    at = _time_in(request.POST.get("at", ""))
    sources = removed_at(request.workspace, at) if at else []
    if not sources:
        raise CannotStart("There is nothing to put back")
    moved = put_sources_back(by=request.by, workspace=request.workspace, sources=sources)
    return _report_moved(request, moved, "put back into the queue")


def _time_in(text: str) -> datetime | None:
    """The time that a text names, in UTC; None without a zone, and for a day that no calendar has, as 30 February."""
    try:
        at = parse_datetime(text)
        return at.astimezone(UTC) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _put_back_selected(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    sources = previews.selected_numbers(request)
    moved = put_sources_back(by=request.by, workspace=request.workspace, sources=sources)
    return _report_moved(request, moved, "put back into the queue")


def _all_numbers(asked: QueryDict, form: QueueFilters, workspace: Workspace) -> list[int]:
    """The primary keys that *Select all* selects, up to `upto`."""
    wanted = form.wanted()
    if wanted is None:
        return []
    upto = whole_number(asked.get("upto"))
    return ingestion_queue.selectable_keys(workspace, form.lane_shown, upto, **wanted)


def _still_selectable(asked: QueryDict, form: QueueFilters, workspace: Workspace) -> list[int]:
    """Those of the selected primary keys that can still be selected."""
    numbers = whole_numbers(parts(asked.getlist("id")))
    return ingestion_queue.still_selectable(workspace, form.lane_shown, numbers[:CHUNK])


def _report_moved(request: WorkspaceRequest, moved: Moved, done: str, undo: str = "") -> HttpResponse:
    """Redirect to the list with a message of what was done, what was left out, and how it is undone."""
    number = len(moved.sources)
    text = f"{number:,} ID{'' if number == 1 else 's'} {done}." if number else "Nothing was changed."
    before = sum(source.state not in (State.REGISTERED, State.QUEUED) for source in moved.sources)
    text += f" {before:,} of them were ingested before and keep their state in Sources." if before else ""
    left = "".join(f" {count:,} left out: {reason}." for reason, count in moved.left.items())
    (messages.warning if left else messages.success)(request, text + left, extra_tags=undo)
    return redirect_to(request, _list_url(request))


def _list_url(request: WorkspaceRequest) -> str:
    return f"{request.path}?{request.GET.urlencode()}"


# By whether the tab *out of the queue* is shown, and by the button's value.
ACTIONS: dict[
    tuple[bool, str], tuple[Permission, Callable[[WorkspaceRequest, QueueFilters], HttpResponse]]
] = {
    (False, "send"): (Permission.SOURCES_INGEST, _send_selected),
    (False, "remove"): (Permission.QUEUE_REMOVE, _remove_selected),
    (False, "undo"): (Permission.QUEUE_REMOVE, _undo_removal),
    (True, "put-back"): (Permission.QUEUE_REMOVE, _put_back_selected),
    (False, "send-all"): (Permission.SOURCES_INGEST, _send_all),
}
PARTS = ("list", "counts")
# Primary keys for selection.js, as text with commas.
NUMBERS: dict[str, Callable[[QueryDict, QueueFilters, Workspace], list[int]]] = {
    "ids": _all_numbers,
    "still": _still_selectable,
}
