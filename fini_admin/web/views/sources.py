"""The list of sources, one source's page, and the actions on both."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from fini_admin.audit import queries as trail
from fini_admin.ingestion import export, queue
from fini_admin.ingestion.kinds import deletions, refreshes, retries, syncs
from fini_admin.ingestion.models import Item, Preview, QueueEntry
from fini_admin.ingestion.runs.queries import source_in_runs
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.download import csv_lines, json_lines
from fini_admin.lib.paging import Page, count, exact, newest_key, ordered_page, page, whole_number
from fini_admin.sources import queries
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.web.body_size import large_body
from fini_admin.web.forms.runs import OneTimeForm
from fini_admin.web.forms.sources import SORTS, SourceFilters
from fini_admin.web.pages import (
    keep_valid_filters,
    parts_shown,
    redirect_to,
    render_page,
    unknown_action,
    url_if_allowed,
)
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.web.sync_button import SyncButton
from fini_admin.web.views import previews
from fini_admin.web.wording.refusals import INCOMPLETE
from fini_admin.web.wording.source_actions import actions
from fini_admin.web.wording.source_facts import field_groups
from fini_admin.web.wording.source_life import life
from fini_admin.web.wording.sources import QueuePlace, what_next
from fini_admin.workspaces.permissions import Permission

LIST = "sources/sources.html"
FORMATS = {"jsonl": (json_lines, "application/jsonl"), "csv": (csv_lines, "text/csv")}
MOST = 50
PARTS = ("list", "counts")


# The actions by the value of their button: the permission each needs, and its preview.
Freeze = Callable[..., Preview]
ACTIONS: dict[str, tuple[set[Permission], Freeze]] = {
    "refresh": ({Permission.SOURCES_REFRESH}, refreshes.freeze),
    "retry": ({Permission.SOURCES_INGEST, Permission.SOURCES_REFRESH}, retries.freeze_sources),
    "delete": ({Permission.SOURCES_DELETE}, deletions.freeze),
}
ALL = "-all"  # added to a button's name: with all that match instead of what is selected


@requires(Permission.SOURCES_READ)
@large_body
def index(request: WorkspaceRequest) -> HttpResponseBase:
    """The sources; posted, what is to be done with some of them.

    `export` gives all that match as a file, `part=ids` their keys, those up to `upto`.
    """
    asked, shown = request.GET, parts_shown(request, PARTS) or ("list",)
    form = SourceFilters(asked, cache(partial(queries.reasons, request.workspace)))
    keep_valid_filters(request, form, after=_cursor(form, asked))
    found = queries.matching(request.workspace, form.criteria())
    if request.method == "POST":
        return _act(request, found)
    if asked.get("export") in FORMATS:
        return _download(request, found, asked["export"])
    if request.htmx and asked.get("part") == "ids":
        return _keys_to_select(found, whole_number(asked.get("upto")))
    may = {action for action, (needed, _) in ACTIONS.items() if needed <= request.permissions}
    context: dict[str, object] = {"form": form, "may": may, "discover": url_if_allowed(request, "discover")}
    numbers: dict[str, str] = {}
    if "counts" in shown:
        numbers = queries.by_state(request.workspace, form.criteria(without="state"))
        context["counts"] = _counts(found)
    if "list" in shown:
        context["page"] = _ordered_page(found, form, asked.get("after"))
        context |= {"sorts": _sort_links(form), "sync": SyncButton(request)}
    return render_page(request, LIST, context | _state_tabs(form, numbers), parts=shown)


def _cursor(form: SourceFilters, asked: QueryDict) -> str:
    """The cursor in the URL; empty when it is not valid."""
    cursor = asked.get("after", "")
    if not form.order:
        return str(whole_number(cursor) or "")
    key, _, text = cursor.partition(".")
    known = whole_number(key) is not None and queries.ORDERS[form.order].read(text) is not None
    return cursor if known else ""


def _ordered_page(found: QuerySet[Source], form: SourceFilters, cursor: str | None) -> Page[Source]:
    """A page in the chosen order, by default the newest first."""
    listed = queries.as_listed(found)
    if not form.order:
        return page(listed, cursor=cursor)
    return ordered_page(listed, queries.ORDERS[form.order], cursor=cursor)


def _sort_links(form: SourceFilters) -> list[dict[str, object]]:
    """The orders to choose from; one whose index does not cover the filters has no link."""
    return [
        {
            "text": text,
            "here": name == form.order,
            "query": form.query(sort=name),
            "may": not name or form.may_sort(name),
        }
        for name, text in {"": "Newest", **SORTS}.items()
    ]


def _counts(found: QuerySet[Source]) -> dict[str, object]:
    """How many match, and the newest of them: what *Select all* would select."""
    here = count(found)
    return {"here": here, "exact": exact(here), "newest": newest_key(found)}


def _keys_to_select(found: QuerySet[Source], upto: int | None) -> HttpResponse:
    """The primary keys that *Select all* selects, with commas; sources newer than the count are left out."""
    numbers = queries.keys_newest_first(found, upto)
    return HttpResponse(",".join(map(str, numbers)), content_type="text/plain")


def _act(request: WorkspaceRequest, found: QuerySet[Source]) -> HttpResponse:
    """Preview an action on the selected sources, or on all that match."""
    name = request.POST.get("do", "")
    if name.removesuffix(ALL) not in ACTIONS:
        return unknown_action()
    check_permissions(request, *ACTIONS[name.removesuffix(ALL)][0])
    back = f"{request.path}?{request.GET.urlencode()}"
    try:
        keys = queries.keys_newest_first(found) if name.endswith(ALL) else previews.selected_numbers(request)
    except CannotStart as error:
        return previews.show_why_not_started(request, error, back)
    return _show_preview(request, name.removesuffix(ALL), keys, back)


def _show_preview(request: WorkspaceRequest, action: str, keys: Sequence[int], back: str) -> HttpResponse:
    """What would be done with these sources, for a person to confirm."""
    try:
        frozen = ACTIONS[action][1](workspace=request.workspace, sources=keys)
    except CannotStart as error:
        return previews.show_why_not_started(request, error, back)
    return previews.show_preview(request, frozen)


def _state_tabs(form: SourceFilters, numbers: dict[str, str]) -> dict[str, object]:
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
    # These filters scan all rows of the workspace, so their counts load once and are not polled.
    dear = {"q", "since"} & form.values().keys()
    clear = f"?state={chosen}" if chosen else ""
    return {"form": form, "tabs": told, "clear": clear, "live": bool(numbers) and not dear}


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
    """A source: what comes next, what can be done, every field, its history, its runs and its calls."""
    found = queries.source_of(request.workspace, fini_id)
    if found is None:
        raise Http404
    if request.method == "POST":
        return _act_on(request, found)
    entry = queue.open_entry_of(found)
    told = what_next(found, _waiting(entry))
    history = page(queries.history(found), cursor=request.GET.get("after"), size=MOST)
    in_runs = source_in_runs(found, most=MOST + 1)
    items, calls = in_runs.items[:MOST], _calls_of(history.rows, in_runs.items[:MOST])
    holder = entry.run.number if entry and entry.run else in_runs.busy
    context: dict[str, object] = {
        "source": found,
        "entry": entry,
        "next": told,
        "next_url": url_if_allowed(request, told.page, told.query) if told.page else "",
        "actions": actions(found, {found.pk: holder} if holder else {}, request.permissions),
        "attempts": in_runs.attempts,
        "groups": field_groups(found),
        "page": history,
        # An older page of the history would be a life with its end missing.
        "life": life(history.rows) if history.first else None,
        "items": items,
        "more_items": len(in_runs.items) > MOST,
        "calls": trail.latest_call_rows(str(request.workspace.pk), calls),
    }
    return render_page(request, "sources/source.html", context, parts=("source",))


def _act_on(request: WorkspaceRequest, found: Source) -> HttpResponse:
    """Preview an action on this source alone."""
    action = request.POST.get("do", "")
    if action not in ACTIONS:
        return unknown_action()
    check_permissions(request, *ACTIONS[action][0])
    return _show_preview(request, action, [found.pk], request.path)


def _waiting(entry: QueueEntry | None) -> QueuePlace | None:
    """A place in the queue as far as it matters for what comes next."""
    return QueuePlace(entry.lane, entry.run.number if entry.run else None) if entry else None


def _calls_of(history: list[StateChange], items: list[Item]) -> set[str]:
    """The IDs of the calls that showed a change, and of those that carried the source in a run."""
    shown, carried = {change.call for change in history}, {item.step.call for item in items if item.step}
    return (shown | carried) - {""}


@requires(Permission.SOURCES_DISCOVER)
def sync(request: WorkspaceRequest) -> HttpResponse:
    """Start a sync and lead to its run; the same form sent twice leads to the same run."""
    form = OneTimeForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        if request.method == "POST":
            messages.warning(request, INCOMPLETE.format(button="Sync"))
        return redirect_to(request, reverse("sources", args=[request.workspace.slug]))
    run = syncs.start_sync(by=request.by, workspace=request.workspace, token=form.cleaned_data["token"])
    return redirect_to(request, reverse("run", args=[request.workspace.slug, run.number]))
