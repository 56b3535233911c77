"""The list of sources, and one source's page."""

from datetime import UTC, datetime

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase

from fini_admin.ingestion import export
from fini_admin.ingestion import queries as ingestion_queries
from fini_admin.ingestion.models import Item, QueueEntry
from fini_admin.lib.download import csv_lines, json_lines
from fini_admin.lib.paging import page, whole_number
from fini_admin.sources import queries
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.web.forms.sources import SourceFilters
from fini_admin.web.pages import render_page
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.views.home import url_if_allowed
from fini_admin.web.wording.source_facts import field_groups
from fini_admin.web.wording.sources import QueuePlace, what_next
from fini_admin.workspaces.permissions import Permission

LIST = "sources/sources.html"
FORMATS = {"jsonl": (json_lines, "application/jsonl"), "csv": (csv_lines, "text/csv")}
MOST = 50


@requires(Permission.SOURCES_READ)
def index(request: WorkspaceRequest) -> HttpResponseBase:
    """The sources, newest first. `export` downloads all matches, `part=counts` counts each state."""
    asked, form = request.GET, SourceFilters(request.GET)
    cursor = whole_number(asked.get("after"))
    request.GET = QueryDict(form.query(after="" if cursor is None else str(cursor)))
    found = queries.matching(request.workspace, form.criteria())
    if asked.get("export") in FORMATS:
        return _download(request, found, asked["export"])
    if request.htmx and asked.get("part") == "counts":
        beside = queries.matching(request.workspace, form.criteria(without="state"))
        return render_page(request, LIST, _state_tabs(form, queries.by_state(beside)), parts=("counts",))
    context: dict[str, object] = {
        "page": page(found, cursor=asked.get("after")),
        "discover": url_if_allowed(request, "discover"),
    }
    return render_page(request, LIST, context | _state_tabs(form, {}))


def _state_tabs(form: SourceFilters, numbers: dict[str, str]) -> dict[str, object]:
    """The states as tabs, with their counts once known."""
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
    # These filters scan all rows of the workspace, so their counts load once and are not polled.
    dear = {"q", "since"} & form.values().keys()
    return {"form": form, "tabs": told, "live": bool(numbers) and not dear}


def _download(request: WorkspaceRequest, found: QuerySet[Source], kind: str) -> StreamingHttpResponse:
    """All matches as a file, streamed."""
    written, content_type = FORMATS[kind]
    lines = written(export.sources_newest_first(found), export.NAMES)
    answer = StreamingHttpResponse(lines, content_type=f"{content_type}; charset=utf-8")
    name = f"sources-{request.workspace.slug}-{datetime.now(UTC):%Y-%m-%d}.{kind}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@requires(Permission.SOURCES_READ)
def source(request: WorkspaceRequest, fini_id: str) -> HttpResponse:
    """A source: what comes next, its fields, its history, its runs and its calls."""
    found = queries.source_of(request.workspace, fini_id)
    if found is None:
        raise Http404
    entry = ingestion_queries.open_entry_of(found)
    told = what_next(found, _waiting(entry))
    history = page(queries.history(found), cursor=request.GET.get("after"), size=MOST)
    items = ingestion_queries.items_of_source(found, most=MOST + 1)
    context: dict[str, object] = {
        "source": found,
        "entry": entry,
        "next": told,
        "way": url_if_allowed(request, told.page, told.query) if told.page else "",
        "groups": field_groups(found),
        "page": history,
        "items": items[:MOST],
        "more_items": len(items) > MOST,
        "calls": ingestion_queries.latest_call_rows(request.workspace, _calls_of(history.rows, items[:MOST])),
    }
    return render_page(request, "sources/source.html", context, parts=("source",))


def _waiting(entry: QueueEntry | None) -> QueuePlace | None:
    return QueuePlace(entry.lane, entry.run.number if entry.run else None) if entry else None


def _calls_of(history: list[StateChange], items: list[Item]) -> set[str]:
    """The IDs of the calls that showed a change, and of those that carried the source in a run."""
    shown, carried = {change.call for change in history}, {item.step.call for item in items if item.step}
    return (shown | carried) - {""}
