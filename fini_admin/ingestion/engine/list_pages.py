"""Pages of Fini's list, for whoever walks it: how many records each has, and what follows from a page (T6, T10)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fini_admin.audit.transport import Exchange
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.errors import BadRequest, FiniError, NotUnderstood, TimedOut
from fini_admin.fini.wire import Document, ListPage
from fini_admin.ingestion import queue
from fini_admin.ingestion.engine import follow, web
from fini_admin.ingestion.models import PAGE, Budget
from fini_admin.ingestion.reads import FIRST_GAP, watch_from
from fini_admin.lib.prepared import prepared
from fini_admin.sources import mirror
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

LIGHT = 4 * 1024 * 1024
# What Fini says when it takes no page of this size is not stated: a validation's answers may mean that, no others.
ABOUT_LIMIT = (400, 422)
LIMITED = timedelta(minutes=10)
JOB_STATES = (State.SENT, State.RUNNING)


def page_request(workspace: Workspace, cursor: str, *, source: str = "") -> Request[ListPage]:
    """The page after the cursor's record, of the size that answers in bounds; with `source` of that kind alone."""
    [size] = _PAGE_SIZE(workspace.pk)
    return routes.list_sources(limit=size, cursor=cursor, source=source)


_PAGE_SIZE = prepared(
    lambda _, workspace: Budget.objects.filter(workspace=workspace).values_list("page_size", flat=True)
)


def take_over(workspace: Workspace, documents: Sequence[Document], origin: mirror.Observation) -> set[str]:
    """Store records and act on them (P3); returns the Fini IDs of the sources that changed by it."""
    ids = [document.id for document in documents]
    found = mirror.observe(workspace, documents, origin, queued=queue.queued_ids(ids, workspace.pk))
    follow.act_on_records(workspace, found.sources)
    web.find_records(workspace, documents)
    _follow_jobs_of_others(workspace, found.sources)
    return found.changed


def _follow_jobs_of_others(workspace: Workspace, sources: Sequence[Source]) -> None:
    """Follow jobs that others started: until they end, nothing can be sent about these sources."""
    now = datetime.now(UTC)
    busy = [source.pk for source in sources if source.state in JOB_STATES and source.sent_at is None]
    mine = Source.objects.filter(pk__in=busy, state__in=JOB_STATES, sent_at=None)
    if busy and mine.update(sent_at=now, before_job="", before_status="", before_updated=""):
        watch_from(workspace, now + timedelta(seconds=FIRST_GAP))


def grow(held: Budget, done: Exchange[ListPage], *, head: bool) -> None:
    """Double the page size after a light page, up to what Fini takes (T10).

    A size that was refused is tried again after a while, at the head only: then a refusal costs no more than a walk.
    """
    over = held.limited_until is None or held.limited_until <= datetime.now(UTC)
    limit = PAGE if head and over else held.page_limit
    if held.page_size < limit and done.value and done.value.has_more and done.size * 2 < LIGHT:
        Budget.objects.filter(pk=held.pk).update(page_size=min(limit, held.page_size * 2), page_limit=limit)


def is_about_size(held: Budget, error: FiniError) -> bool:
    """Whether Fini refused a page, asked for without a cursor, that may be too large for it."""
    return type(error) is BadRequest and error.status in ABOUT_LIMIT and held.page_size > 1


def is_too_heavy(held: Budget, error: FiniError) -> bool:
    """Whether a page came that was too large to be read, or not in time."""
    return isinstance(error, NotUnderstood | TimedOut) and held.page_size > 1


def halve(held: Budget, *, refused: bool = False) -> None:
    """Ask for pages of half the size; of one that Fini `refused`, no larger ones for a while."""
    smaller = max(1, held.page_size // 2)
    limits = {"page_limit": smaller, "limited_until": datetime.now(UTC) + LIMITED} if refused else {}
    Budget.objects.filter(pk=held.pk).update(page_size=smaller, **limits)
