"""Pages of Fini's list, for whoever walks it: how many records each has, and what follows from a page (T6, T10)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum

from fini_admin.audit.transport import Exchange
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.errors import (
    BadRequest,
    Dropped,
    FiniError,
    KeyRefused,
    NotFound,
    NotUnderstood,
    TimedOut,
)
from fini_admin.fini.retry import backoff, pause_before_retry
from fini_admin.fini.wire import Document, ListPage
from fini_admin.ingestion.engine import follow, web
from fini_admin.ingestion.engine.awaited import FEW
from fini_admin.ingestion.entries import queued_ids
from fini_admin.ingestion.models import PAGE, Budget, Step
from fini_admin.ingestion.reads import FIRST_GAP, watch_from
from fini_admin.ingestion.runs.steps import send_again
from fini_admin.lib.prepared import prepared
from fini_admin.sources import mirror
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

LIGHT = 4 * 1024 * 1024
# What Fini says when it takes no page of this size is not stated: a validation's answers may mean that, no others.
ABOUT_LIMIT = (400, 422)
# What Fini says of a page with a record that it fails on, and a gateway of an answer that is too large for it, or too
# late: a smaller one may pass. Either may also be away.
TOO_HEAVY = (500, 502, 504)
LIMITED = timedelta(minutes=10)
# From PAGE down to one record. Where others let pages grow meanwhile, no smaller one may ever be asked for.
HALVINGS = PAGE.bit_length()
# Seconds. No walk is put off for longer than what is stuck (walk.STUCK_EVERY).
LONGEST_ASKED_FOR = 3_600.0
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
    found = mirror.observe(workspace, documents, origin, queued=queued_ids(ids, workspace.pk))
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


class FailedPage(Enum):
    """Why a page failed, as far as it decides how the reading goes on."""

    KEY = "the key: asked for again, with the key that is live by then"
    CURSOR = "its cursor, whose record may be gone: the reading goes on elsewhere"
    SIZE = "its size: by now pages of half of it are asked for"
    OTHER = "something else: it is asked for later, or not again"


def why_failed(held: Budget, error: FiniError, *, cursor: str, failures: int) -> FailedPage:
    """Why a page that was asked for after `cursor` failed; if it was for its size, that is halved (T6, T10).

    `failures`: how often in a row it failed before. After HALVINGS its size is no longer taken for the reason.
    """
    if isinstance(error, KeyRefused):
        return FailedPage.KEY
    if cursor and type(error) in (BadRequest, NotFound):
        return FailedPage.CURSOR
    refused = type(error) is BadRequest and error.status in ABOUT_LIMIT
    heavy = isinstance(error, NotUnderstood | TimedOut) or error.status in TOO_HEAVY
    if held.page_size > 1 and failures < HALVINGS and (refused or heavy):
        _halve(held, refused=refused)
        return FailedPage.SIZE
    return FailedPage.OTHER


def pause_for_size(error: FiniError, tries: int) -> float:
    """Seconds until a smaller page is asked for after `tries` calls: nobody knows if Fini is away."""
    return backoff(tries - 1) if error.status in TOO_HEAVY else 1.0


def is_passed_over(error: FiniError, tries: int) -> bool:
    """Whether a page that failed after so many failures is not waited for: longer where Fini may only be away."""
    if isinstance(error, NotUnderstood | TimedOut):
        return tries >= FEW
    return (error.status in TOO_HEAVY or isinstance(error, Dropped)) and tries >= 2 * FEW


def as_asked(error: FiniError, seconds: float) -> float:
    """Seconds to pause: longer where `Retry-After` asks for it, up to an hour (T7)."""
    return max(seconds, min(error.retry_after or 0.0, LONGEST_ASKED_FOR))


def wait_or_give_up(step: Step, error: FiniError, give_up: Callable[[], object]) -> None:
    """Have a step's read of the list sent again later, or give up what it was for."""
    pause = pause_before_retry(error, tries=step.tries, doubts=step.doubts, route="list")
    if pause is not None:
        send_again(step, pause)
    else:
        give_up()


def _halve(held: Budget, *, refused: bool) -> None:
    """Ask for pages of half the size; of one that Fini `refused`, no larger ones for a while."""
    smaller = max(1, held.page_size // 2)
    limits = {"page_limit": smaller, "limited_until": datetime.now(UTC) + LIMITED} if refused else {}
    Budget.objects.filter(pk=held.pk).update(page_size=smaller, **limits)
