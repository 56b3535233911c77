"""A sync: one step that goes out again and again, with a page of the list, then by ID for what that did not show.

A source is *gone* only when it was absent from two passes over the list and Fini answers 404 for its ID.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from fini_admin.audit.transport import Exchange
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.errors import FiniError, KeyRefused, NotFound
from fini_admin.fini.wire import Document, ListPage
from fini_admin.ingestion.engine import follow
from fini_admin.ingestion.engine.awaited import WALKS_BEFORE_GET
from fini_admin.ingestion.engine.follow import IS_GONE
from fini_admin.ingestion.engine.list_pages import (
    FailedPage,
    grow,
    page_request,
    pause_for_size,
    take_over,
    wait_or_give_up,
    why_failed,
)
from fini_admin.ingestion.engine.sync_walk import Place, after_page, one_more_pass, without_cursor
from fini_admin.ingestion.models import Budget, Item, ItemOutcome, Run, RunKind, Stage, Step
from fini_admin.ingestion.reads import request_read
from fini_admin.ingestion.runs.items import finish_items
from fini_admin.ingestion.runs.steps import close_step, send_again
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

NEW, CHANGED, NOT_LISTED = "New here", "Changed", "The list did not show it, and by its ID Fini has it"
LOST = (
    "Fini's list does not advance: page after page begins at its head again. What was read is kept; a sync may be"
    " repeated safely."
)


def request_of(step: Step) -> Request[Any]:
    """The next call: a page of the list, or once that was read a record by its ID."""
    asked = _asked(step.run).first()
    if asked and asked.source:
        step.asks = asked.pk
        return routes.get_source(asked.source.fini_id)
    return page_request(step.run.workspace, Place.load(step.place).cursor)


def is_sync(step: Step) -> bool:
    """Whether a step is of a sync, and not the read-back of another run (engine/read_back.py)."""
    return step.run.kind == RunKind.SYNC


def is_of_one(step: Step) -> bool:
    """Whether the next call is about one record: its 403 may mean another workspace's record, not a missing scope."""
    return step.kind == RunKind.SYNC and _asks_for_one(step)


def _asks_for_one(step: Step) -> bool:
    """Whether a call is about one record. What it asks for may have its end by the time of the answer."""
    return step.asks is not None or _asked(step.run).exists()


def _asked(run: Run) -> QuerySet[Item]:
    """What is left to be asked for by its ID."""
    return Item.objects.filter(run=run, stage=Stage.ASK).select_related("source").order_by("position")


def settle_answer(step: Step, done: Exchange[Any]) -> None:
    """In the *outcome* transaction: store what a call showed, and go on (P3)."""
    origin = Observation.of(done)
    if isinstance(done.value, Document):
        _record_read(step, done.value, origin)
    else:
        _page_read(step, done, origin)


def _page_read(step: Step, done: Exchange[ListPage], origin: Observation) -> None:
    """Store a page, and go on after it; with the whole list read, with what it did not show."""
    page, place = done.value or ListPage([], has_more=False), Place.load(step.place)
    _take_over_page(step.run, page.documents, origin)
    grow(Budget.objects.get(pk=step.run.workspace_id), done, head=not place.cursor)
    _go_on(step, after_page(place, page.documents, has_more=page.has_more))


def _take_over_page(run: Run, documents: list[Document], origin: Observation) -> None:
    """Store records; each that the sync meets for the first time is one of its IDs, and done."""
    ids = [document.id for document in documents]
    mine = Source.objects.filter(workspace=run.workspace, fini_id__in=ids)
    known = set(mine.values_list("pk", flat=True))
    changed = take_over(run.workspace, documents, origin)
    met = mine.filter(~Exists(Item.objects.filter(run=run, source=OuterRef("pk")))).order_by("pk")
    by_reason: dict[str, list[Source]] = {}
    for source in met:
        reason = NEW if source.pk not in known else CHANGED if source.fini_id in changed else ""
        by_reason.setdefault(reason, []).append(source)
    for reason, sources in by_reason.items():
        _add_items(run, sources)
        finish_items(run.pk, Item.objects.filter(run=run, stage=Stage.ASK), ItemOutcome.DONE, reason)


def _add_items(run: Run, sources: list[Source]) -> None:
    """Make sources IDs of the run, after those that it has."""
    first = Run.objects.values_list("total", flat=True).get(pk=run.pk)
    Item.objects.bulk_create(
        Item(
            run=run,
            position=first + number,
            stage=Stage.ASK,
            source=source,
            provider=source.provider,
            external_id=source.external_id,
        )
        for number, source in enumerate(sources)
    )
    Run.objects.filter(pk=run.pk).update(total=F("total") + len(sources))


def _go_on(step: Step, place: Place) -> None:
    """Store the place, and end the step if nothing is left."""
    if place.is_lost:
        _give_up(step, LOST, "")
        return
    missing = _missing(step.run) if place.done else Source.objects.none()
    if place.done and place.passes < WALKS_BEFORE_GET and missing.exists():
        place = one_more_pass(place)
    elif place.done:
        for sources in chunks(list(missing.only("provider", "external_id")), CHUNK):
            _add_items(step.run, sources)
    Step.objects.filter(pk=step.pk).update(place=place.store(), tries=0, doubts=0)
    if place.done:
        _ask_or_end(step)
    else:
        send_again(step, 0)


def _ask_or_end(step: Step) -> None:
    """Ask for the next record by its ID; end the step if none is left."""
    if _asked(step.run).exists():
        Step.objects.filter(pk=step.pk).update(tries=0, doubts=0)
        send_again(step, 0)
    else:
        close_step(step)


def _missing(run: Run) -> QuerySet[Source]:
    """The sources that the sync has not met, though they were known before it."""
    met = Item.objects.filter(run=run, source=OuterRef("pk"))
    mine = Source.objects.filter(workspace=run.workspace, first_seen__lt=run.created_at).exclude(
        state=State.GONE
    )
    return mine.filter(~Exists(met)).order_by("pk")


def _record_read(step: Step, record: Document, origin: Observation) -> None:
    take_over(step.run.workspace, [record], origin)
    _end_asked(step, ItemOutcome.DONE, NOT_LISTED)


def _end_asked(step: Step, outcome: ItemOutcome, reason: str) -> Source | None:
    """Give the ID that was asked for its outcome, unless it has one, and go on with the next one."""
    # A stop skips what was asked for, and the answer counts all the same.
    open_or_stopped = Q(outcome=None) | Q(outcome=ItemOutcome.SKIPPED)
    items = Item.objects.filter(open_or_stopped).select_related("source")
    item = (_asked(step.run) if step.asks is None else items.filter(pk=step.asks)).first()
    if item:
        finish_items(step.run_id, Item.objects.filter(pk=item.pk), outcome, reason)
    _ask_or_end(step)
    return item.source if item else None


def settle_failed(step: Step, error: FiniError, origin: Observation) -> None:
    """Go on after a failed call: elsewhere in the list, with smaller pages, later, or without the ID (T6, T10)."""
    if _asks_for_one(step):
        _record_failed(step, error, origin)
    else:
        _page_failed(step, error)


def _record_failed(step: Step, error: FiniError, origin: Observation) -> None:
    if isinstance(error, KeyRefused):
        send_again(step, 0)
    elif not isinstance(error, NotFound):
        wait_or_give_up(step, error, partial(_end_asked, step, ItemOutcome.UNKNOWN, str(error)))
    elif source := _end_asked(step, ItemOutcome.DONE, IS_GONE):
        follow.source_gone(source, origin)


def _page_failed(step: Step, error: FiniError) -> None:
    held, place = Budget.objects.get(pk=step.run.workspace_id), Place.load(step.place)
    match why_failed(held, error, cursor=place.cursor, failures=step.doubts):
        case FailedPage.KEY:
            send_again(step, 0)
        case FailedPage.CURSOR:
            _have_read_by_id(step.run.workspace, place.cursor)
            _go_on(step, without_cursor(place))
        case FailedPage.SIZE:
            send_again(step, pause_for_size(error, step.tries))
        case FailedPage.OTHER:
            wait_or_give_up(step, error, partial(_give_up, step, str(error), type(error).__name__))


def _have_read_by_id(workspace: Workspace, fini_id: str) -> None:
    """Have following ask for a record by its ID: as a cursor Fini refused it, so it may have been deleted meanwhile."""
    sources = list(Source.objects.filter(workspace=workspace, fini_id=fini_id))
    request_read(workspace, sources, datetime.now(UTC))
    Source.objects.filter(pk__in=[source.pk for source in sources]).update(missed_walks=WALKS_BEFORE_GET)


def _give_up(step: Step, words: str, kind: str) -> None:
    """End the sync where it stands: what was read stays, and nothing counts as gone."""
    Run.objects.filter(pk=step.run_id).update(error=words, error_kind=kind)
    close_step(step)
