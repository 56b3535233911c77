"""The queue: what awaits ingestion in its lanes, and what was taken out of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBadRequest, QueryDict

from fini_admin.ingestion import queue as ingestion_queue
from fini_admin.ingestion.models import QueueEntry
from fini_admin.ingestion.previews import freeze_ingest
from fini_admin.ingestion.queue import (
    LANES,
    OUT,
    UNREAD,
    Moved,
    QueueCounts,
    QueueCriteria,
    put_sources_back,
    remove_entries,
)
from fini_admin.ingestion.runs import NothingToDo
from fini_admin.lib.paging import CHUNK, page, parts, whole_number, whole_numbers
from fini_admin.sources.states import State
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.runs import QueueFilters
from fini_admin.web.pages import go, show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.views import previews
from fini_admin.web.wording.home import LONG
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.permissions import Permission


@requires(Permission.QUEUE_READ)
@large_body
def queue(request: WorkspaceRequest) -> HttpResponse:
    """The lanes of the queue; posted, what is to be done with the selected IDs."""
    workspace, asked = request.workspace, request.GET
    form = QueueFilters(
        asked, partial(ingestion_queue.who_queued, workspace), partial(ingestion_queue.first_lane, workspace)
    )
    part = asked.get("part", "") if request.htmx else ""
    cursor = whole_number(asked.get("after"))
    request.GET = QueryDict(form.query(after="" if cursor is None else str(cursor)))
    if request.method == "POST":
        return act(request, form)
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
        "tabs": tabs(lane),
        "may_send": may_send,
        "may_remove": may_remove,
        "may_pick": may_remove if lane == OUT else may_send or may_remove,
    }
    context |= (counted if part == "counts" else listed)(request, lane, wanted)
    status = 422 if wanted is None else 200
    shown = "counts" if part == "counts" else "list"
    return show(request, "queue.html", context, parts=(shown,), status=status)


def tabs(lane: str, counts: QueueCounts | None = None) -> list[dict[str, str | bool]]:
    """The tabs with what is known of their numbers; the lane of what was not read yet only while it has some."""
    numbers = counts.lanes if counts else {}
    return [
        {"name": name, "text": text, "here": name == lane, "number": numbers.get(name, "")}
        for name, text in LANES.items()
        if name != UNREAD or name == lane or numbers.get(name, "0") != "0"
    ]


def counted(request: WorkspaceRequest, lane: str, wanted: QueueCriteria | None) -> dict[str, object]:
    """The numbers; where a filter is wrong there are none."""
    if wanted is None:
        return {}
    counts = ingestion_queue.queue_counts(request.workspace, lane, **wanted)
    return {"counts": counts, "tabs": tabs(lane, counts)}


def listed(request: WorkspaceRequest, lane: str, wanted: QueueCriteria | None) -> dict[str, object]:
    """The rows, newest first; where a filter is wrong there are none."""
    if wanted is None:
        return {}
    workspace, cursor = request.workspace, request.GET.get("after")
    context: dict[str, object] = {
        "filtered": any(wanted.values()),
        "late": datetime.now(UTC) - LONG,
    }
    if lane == OUT:
        return context | {
            "page": page(
                ingestion_queue.rows_for_page(ingestion_queue.taken_out(workspace, **wanted)), cursor=cursor
            )
        }
    entries = ingestion_queue.entries_in_lane(workspace, lane, **wanted).select_related("source", "run")
    return context | {"page": page(entries, cursor=cursor)}


def act(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """What was asked for, if this tab has it and this person may do it."""
    asked = ACTS.get((form.lane_shown == OUT, request.POST.get("do", "")))
    if asked is None:
        return HttpResponseBadRequest("The queue does not know this action.", content_type="text/plain")
    permission, what = asked
    if permission not in request.permissions:
        raise PermissionDenied
    try:
        return what(request, form)
    except NothingToDo as error:
        return previews.nothing(request, error, back(request))


def send_all(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """The preview of what the tab and the filters show, on all pages; what came after it was counted is left out."""
    wanted = form.wanted()
    if wanted is None:
        raise NothingToDo("Nothing is shown until the filters are right")
    upto = whole_number(request.POST.get("upto"))
    found = ingestion_queue.selectable(request.workspace, form.lane_shown, upto, **wanted)
    return freeze(request, ingestion_queue.entries_to_send(found))


def send(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """The preview of the selected ones."""
    return freeze(
        request, ingestion_queue.entries_in_queue_order(request.workspace, previews.selected(request))
    )


def freeze(request: WorkspaceRequest, entries: list[QueueEntry]) -> HttpResponse:
    """What would be sent, for a person to confirm."""
    found = freeze_ingest(actor=request.user.email, workspace=request.workspace, entries=entries)
    return previews.offer(request, found)


def take_out(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """Remove the selected ones."""
    entries = previews.selected(request)
    moved = remove_entries(by=request.by, workspace=request.workspace, entries=entries)
    return say(request, moved, "removed from the queue")


def bring_back(request: WorkspaceRequest, form: QueueFilters) -> HttpResponse:
    """Put the selected ones back."""
    sources = previews.selected(request)
    moved = put_sources_back(by=request.by, workspace=request.workspace, sources=sources)
    return say(request, moved, "put back into the queue")


def all_shown(asked: QueryDict, form: QueueFilters, workspace: Workspace) -> list[int]:
    """The numbers that *Select all* selects: what the tab and the filters show, less what came after it was counted."""
    wanted = form.wanted()
    if wanted is None:
        return []
    found = ingestion_queue.selectable(workspace, form.lane_shown, whole_number(asked.get("upto")), **wanted)
    return list(found.order_by("pk").values_list("pk", flat=True))


def still(asked: QueryDict, form: QueueFilters, workspace: Workspace) -> list[int]:
    """Those of a few selected numbers that may be selected yet."""
    numbers = whole_numbers(parts(asked.getlist("id")))
    return ingestion_queue.still_selectable(workspace, form.lane_shown, numbers[:CHUNK])


def say(request: WorkspaceRequest, moved: Moved, done: str) -> HttpResponse:
    """Back to the list, with what was done and what was not."""
    number = len(moved.sources)
    text = f"{number:,} ID{'' if number == 1 else 's'} {done}." if number else "Nothing was changed."
    before = sum(source.state not in (State.REGISTERED, State.QUEUED) for source in moved.sources)
    text += f" {before:,} of them went through ingestion before: in Sources as before." if before else ""
    left = "".join(f" {count:,} left out: {reason}." for reason, count in moved.left.items())
    (messages.warning if left else messages.success)(request, text + left)
    return go(request, back(request))


def back(request: WorkspaceRequest) -> str:
    """The list as it is shown."""
    return f"{request.path}?{request.GET.urlencode()}"


# By whether it is done to what was taken out, and the button's name.
ACTS: dict[tuple[bool, str], tuple[Permission, Callable[[WorkspaceRequest, QueueFilters], HttpResponse]]] = {
    (False, "send"): (Permission.SOURCES_INGEST, send),
    (False, "remove"): (Permission.QUEUE_REMOVE, take_out),
    (True, "put-back"): (Permission.QUEUE_REMOVE, bring_back),
    (False, "send-all"): (Permission.SOURCES_INGEST, send_all),
}
# What a script asks for to select it: numbers with commas between.
NUMBERS: dict[str, Callable[[QueryDict, QueueFilters, Workspace], list[int]]] = {
    "ids": all_shown,
    "still": still,
}
