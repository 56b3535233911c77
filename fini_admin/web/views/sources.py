"""The sources, one source told completely, and what can be done with them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBadRequest, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase

from fini_admin.ingestion import deletions, export, refreshes, retries
from fini_admin.ingestion import queries as ingestion_queries
from fini_admin.ingestion.holding import holders
from fini_admin.ingestion.models import Item, Preview, QueueEntry
from fini_admin.ingestion.runs import NothingToDo
from fini_admin.lib.download import csv_lines, json_lines
from fini_admin.lib.paging import Page, ordered_page, page, whole_number
from fini_admin.sources import queries
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.sources import SORTS, SourceFilters
from fini_admin.web.pages import show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.views import previews
from fini_admin.web.views.home import way
from fini_admin.web.wording.source_actions import actions
from fini_admin.web.wording.source_facts import facts
from fini_admin.web.wording.sources import Waiting, what_next
from fini_admin.workspaces.permissions import Permission

LIST = "sources/sources.html"
FORMATS = {"jsonl": (json_lines, "application/jsonl"), "csv": (csv_lines, "text/csv")}
MOST = 50


# What is done with sources, by the button's name: what it asks for, and the preview that it leads to.
Freeze = Callable[..., Preview]
DEEDS: dict[str, tuple[set[Permission], Freeze]] = {
    "refresh": ({Permission.SOURCES_REFRESH}, refreshes.freeze),
    "retry": ({Permission.SOURCES_INGEST, Permission.SOURCES_REFRESH}, retries.freeze_sources),
    "delete": ({Permission.SOURCES_DELETE}, deletions.freeze),
}
ALL = "-all"  # added to a button's name: with all that match instead of what is selected


@requires(Permission.SOURCES_READ)
@large_body
def index(request: WorkspaceRequest) -> HttpResponseBase:
    """The sources; posted, what is to be done with some of them.

    `export` gives all that match as a file, `part=counts` how many are in each state, `part=ids` their keys.
    """
    asked = request.GET
    form = SourceFilters(asked, partial(queries.reasons, request.workspace))
    request.GET = QueryDict(form.query(after=cursor_of(form, asked)))
    found = queries.matching(request.workspace, form.criteria())
    if request.method == "POST":
        return act(request, found)
    if asked.get("export") in FORMATS:
        return download(request, found, asked["export"])
    if request.htmx and asked.get("part") in PARTS:
        return PARTS[asked["part"]](request, form, found, whole_number(asked.get("upto")))
    context: dict[str, object] = {
        "page": in_order(found, form, asked.get("after")),
        "discover": way(request, "discover"),
        "sorts": sorts(form),
        "may": {deed for deed, (needed, _) in DEEDS.items() if needed <= request.permissions},
    }
    return show(request, LIST, context | tabs(form, {}))


def cursor_of(form: SourceFilters, asked: QueryDict) -> str:
    """Where the page begins, as the address says it; empty for what is no such place."""
    cursor = asked.get("after", "")
    if not form.order:
        return str(whole_number(cursor) or "")
    key, _, text = cursor.partition(".")
    known = whole_number(key) is not None and queries.ORDERS[form.order].read(text) is not None
    return cursor if known else ""


def in_order(found: QuerySet[Source], form: SourceFilters, cursor: str | None) -> Page[Source]:
    """A page of them: the newest first, unless they are sorted otherwise."""
    if not form.order:
        return page(found, cursor=cursor)
    return ordered_page(found, queries.ORDERS[form.order], cursor=cursor)


def sorts(form: SourceFilters) -> list[dict[str, object]]:
    """The orders to choose from; with filters that its index does not carry there is no way to one."""
    return [
        {
            "text": text,
            "here": name == form.order,
            "query": form.query(sort=name),
            "may": not name or form.may_sort(name),
        }
        for name, text in {"": "Newest", **SORTS}.items()
    ]


def counted(
    request: WorkspaceRequest, form: SourceFilters, found: QuerySet[Source], upto: int | None
) -> HttpResponse:
    """How many are in each state under the other filters, and how many *Select all* would select."""
    numbers = queries.by_state(queries.matching(request.workspace, form.criteria(without="state")))
    here = numbers[form.values().get("state", "")]
    newest = found.order_by("-pk").values_list("pk", flat=True).first() or 0
    counts = {"here": here, "exact": "" if here.endswith("+") else here.replace(",", ""), "newest": newest}
    may = any(needed <= request.permissions for needed, _ in DEEDS.values())
    context = tabs(form, numbers) | {"counts": counts, "may": may}
    return show(request, LIST, context, parts=("counts",))


def keys_of(
    request: WorkspaceRequest, form: SourceFilters, found: QuerySet[Source], upto: int | None
) -> HttpResponse:
    """What *Select all* selects: keys with commas between, less what came after it was counted."""
    counted_then = found if upto is None else found.filter(pk__lte=upto)
    numbers = counted_then.order_by("-pk").values_list("pk", flat=True)
    return HttpResponse(",".join(map(str, numbers)), content_type="text/plain")


PARTS = {"counts": counted, "ids": keys_of}


def act(request: WorkspaceRequest, found: QuerySet[Source]) -> HttpResponse:
    """The preview of what was asked for: with what is selected, or with all that match."""
    name = request.POST.get("do", "")
    if name.removesuffix(ALL) not in DEEDS:
        return HttpResponseBadRequest("The sources do not know this action.", content_type="text/plain")
    check(request, name.removesuffix(ALL))
    back = f"{request.path}?{request.GET.urlencode()}"
    try:
        if name.endswith(ALL):
            keys = list(found.order_by("-pk").values_list("pk", flat=True))
        else:
            keys = previews.selected(request)
    except NothingToDo as error:
        return previews.nothing(request, error, back)
    return offer(request, name.removesuffix(ALL), keys, back)


def check(request: WorkspaceRequest, deed: str) -> None:
    """Raises PermissionDenied for who may not do it."""
    if not DEEDS[deed][0] <= request.permissions:
        raise PermissionDenied


def offer(request: WorkspaceRequest, deed: str, keys: Sequence[int], back: str) -> HttpResponse:
    """What would be done with these sources, for a person to confirm."""
    try:
        frozen = DEEDS[deed][1](by=request.by, workspace=request.workspace, sources=keys)
    except NothingToDo as error:
        return previews.nothing(request, error, back)
    return previews.offer(request, frozen)


def tabs(form: SourceFilters, numbers: dict[str, str]) -> dict[str, object]:
    """The states to choose from, with how many are in each once they were counted."""
    chosen = form.values().get("state", "")
    told = [
        {
            "state": state,
            "here": state == chosen,
            "query": form.query(state=state),
            "number": numbers.get(state, ""),
        }
        for state in ("", *State.values)
    ]
    # These read every row of a workspace: their counts are taken once, not every other second.
    dear = {"q", "since"} & form.values().keys()
    return {"form": form, "tabs": told, "live": bool(numbers) and not dear}


def download(request: WorkspaceRequest, found: QuerySet[Source], kind: str) -> StreamingHttpResponse:
    """What matches as a file, written as it is read."""
    written, content_type = FORMATS[kind]
    lines = written(export.sources_newest_first(found), export.NAMES)
    answer = StreamingHttpResponse(lines, content_type=f"{content_type}; charset=utf-8")
    name = f"sources-{request.workspace.slug}-{datetime.now(UTC):%Y-%m-%d}.{kind}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@requires(Permission.SOURCES_READ)
def source(request: WorkspaceRequest, fini_id: str) -> HttpResponse:
    """A source: what comes next, what can be done, every field, its history, its runs and its calls."""
    found = queries.source_of(request.workspace, fini_id)
    if found is None:
        raise Http404
    if request.method == "POST":
        return act_on(request, found)
    entry = ingestion_queries.open_entry_of(found)
    told = what_next(found, waiting(entry))
    history = page(queries.history(found), cursor=request.GET.get("after"), size=MOST)
    items = ingestion_queries.items_of_source(found, most=MOST + 1)
    context: dict[str, object] = {
        "source": found,
        "entry": entry,
        "next": told,
        "way": way(request, told.page, told.query) if told.page else "",
        "actions": actions(found, holders([found.pk]), request.permissions),
        "attempts": ingestion_queries.attempts(found),
        "groups": facts(found),
        "page": history,
        "items": items[:MOST],
        "more_items": len(items) > MOST,
        "calls": ingestion_queries.latest_call_rows(request.workspace, named(history.rows, items[:MOST])),
    }
    return show(request, "sources/source.html", context, parts=("source",))


def act_on(request: WorkspaceRequest, found: Source) -> HttpResponse:
    """The preview of what was asked for, with this source alone."""
    deed = request.POST.get("do", "")
    if deed not in DEEDS:
        return HttpResponseBadRequest("A source does not know this action.", content_type="text/plain")
    check(request, deed)
    return offer(request, deed, [found.pk], request.path)


def waiting(entry: QueueEntry | None) -> Waiting | None:
    """A place in the queue as far as it matters for what comes next."""
    return Waiting(entry.lane, entry.run.number if entry.run else None) if entry else None


def named(history: list[StateChange], items: list[Item]) -> set[str]:
    """The calls that showed a change, and those that carried the source in a run."""
    shown, carried = {change.call for change in history}, {item.step.call for item in items if item.step}
    return (shown | carried) - {""}
