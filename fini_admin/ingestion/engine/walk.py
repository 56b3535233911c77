"""Following: the workspace's list is walked from its head, one page a call (T6, T7, T10).

A poll stops at a page without news, or when every followed source was seen. A walk goes on until every one was seen if
a read was requested, once after a minute without news, and where news hide what was sent for long. The records of one
batch are first asked for where they were last seen: by the page after the newest of them, however deep in the list.
What two whole walks do not show is asked for by its ID; 404 then means *gone*. With nothing followed and nothing
requested there are no calls.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest

from fini_admin.audit.models import OpenCall
from fini_admin.audit.names import By, Origin
from fini_admin.audit.recording import ERROR_LIMIT, Context, Superseded
from fini_admin.audit.transport import Exchange, exchange
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.errors import BadRequest, FiniError, KeyRefused, NotFound, Throttled, Unreachable
from fini_admin.fini.retry import backoff
from fini_admin.fini.wire import Document, ListPage
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import credentials, follow, web
from fini_admin.ingestion.engine.awaited import (
    FEW,
    MANY_WALKS,
    TO_BE_SEEN,
    WALKS_BEFORE_GET,
    hidden_from_walks,
    is_anything_unread,
    is_turn_of_list,
    left_to_ids,
    may_come,
    must_be_seen,
    read_in_walk,
    stuck_lately,
)
from fini_admin.ingestion.engine.credentials import context
from fini_admin.ingestion.engine.list_pages import (
    FailedPage,
    as_asked,
    grow,
    is_passed_over,
    page_request,
    pause_for_size,
    take_over,
    why_failed,
)
from fini_admin.ingestion.models import PAGE, Budget, Watch
from fini_admin.ingestion.reads import FIRST_GAP
from fini_admin.ingestion.runs.queries import oldest_running
from fini_admin.ingestion.runs.steering import end_finished_runs
from fini_admin.lib import lease
from fini_admin.lib.prepared import prepared
from fini_admin.sources import counts, mirror
from fini_admin.sources.counts import Counted
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces import keys

YOUNG = timedelta(minutes=2)
QUIET = timedelta(seconds=60)
WHOLE_EVERY = timedelta(minutes=5)
STUCK_AFTER = timedelta(hours=24)
STUCK_EVERY = timedelta(hours=1)
# As `missed_walks`: after a day its ID was asked for once more, and did not tell of it either.
IN_VAIN = 1_000
# Seconds between two walks at most, while something is young and after.
GAP_YOUNG, GAP_OLD = 8.0, 60.0


class WatchTaken(Exception):
    """Another process has the watch."""


def take(workspace_id: UUID, owner: str) -> bool:
    return lease.take(Watch.objects.filter(workspace_id=workspace_id, next_at__lte=datetime.now(UTC)), owner)


def release(workspace_id: UUID, owner: str) -> None:
    # One with a call is another seat's of this process, which took the watch since; or its call is closed by `recover`.
    lease.give_back(Watch.objects.filter(workspace_id=workspace_id, owner=owner, call=""))


def advance(workspace_id: UUID, owner: str) -> None:
    """Make one call of a watch that this process holds. Raises budget.Spent and NoKey before any call."""
    [watch] = _WATCH(workspace_id)
    try:
        if call := _next_call(watch):
            request, settle = call
            mine = _call_context(watch, owner)
            exchange(request, mine, claim=partial(_claim_watch, watch, owner), settle=settle)
        else:
            _stop_walking(watch, owner)
    except (WatchTaken, Superseded, credentials.Withdrawn):
        return


def _next_call(watch: Watch) -> tuple[Request[Any], Callable[[Exchange[Any]], None]] | None:
    """The request whose turn it is, and what settles its answer; None when there is nothing to be seen."""
    if wanted := _asked_by_id(watch):
        return routes.get_source(wanted.fini_id), partial(_settle_record, watch, wanted)
    if newest := _newest_of_batch(watch):
        return page_request(watch.workspace, newest.fini_id), partial(_settle_page_after, watch, newest)
    if TO_BE_SEEN(watch.workspace_id):
        return page_request(watch.workspace, watch.cursor), partial(_settle_page, watch)
    return None


def _stop_walking(watch: Watch, owner: str) -> None:
    """Settle what the last walk left, and make no calls until something is followed again."""
    with transaction.atomic():
        budget.lock_budget(watch.workspace)
        if not _held(watch, owner).exists():
            raise WatchTaken
        watch.refresh_from_db()
        _end_walk(watch, complete=True)


def _call_context(watch: Watch, owner: str) -> Context:
    """The context of the next call; it is made for the oldest run that is going on."""
    run = oldest_running(watch.workspace)
    by = By(run.actor, Origin.WORKER) if run else keys.BY
    number = run.number if run else None
    return context(
        watch.workspace,
        by=by,
        run=number,
        owner=owner,
        attempt=watch.tries + 1,
        reads=True,
    )


def _claim_watch(watch: Watch, owner: str, call: str) -> None:
    """In the *asked* transaction: check the lease and take a slot of the budget (P4)."""
    held = budget.lock_budget(watch.workspace)
    if not _held(watch, owner).update(call=call, lease_until=lease.until()):
        raise WatchTaken
    budget.take(held, call, urgent=False)


def _held(watch: Watch, owner: str) -> QuerySet[Watch]:
    """The watch, if this process still holds it and no seat of it has a call under way."""
    under_way = Exists(OpenCall.objects.filter(call=OuterRef("call")))
    return lease.held(Watch.objects.filter(~under_way, pk=watch.pk), owner)


def _settle_call(watch: Watch, done: Exchange[Any], *, of_one: bool = False) -> Budget:
    """Note the call in budget and key, and re-read the watch; raises Superseded if another process has it by now.

    `of_one`: the call is about one record, whose 403 may mean another workspace's record rather than a missing scope.
    """
    held = credentials.settle(watch.workspace, done, reads=not of_one)
    if not Watch.objects.filter(pk=watch.pk, call=done.call).exists():
        raise Superseded(done.call)
    watch.refresh_from_db()
    return held


def _settle_page(watch: Watch, done: Exchange[ListPage]) -> None:
    """In the *outcome* transaction: store a page's records and go on, or handle its failure (P3)."""
    held = _settle_call(watch, done)
    if done.value is None:
        _page_failed(watch, held, done.error or FiniError())
        return
    ids = [document.id for document in done.value.documents]
    if watch.walk_started is None:
        _begin_walk(watch, done.asked_at)
    repeated = Source.objects.filter(read_in_walk(watch), workspace=watch.workspace, fini_id__in=ids)
    fresh = len(set(ids)) - (repeated.count() if watch.pages else 0)
    news = bool(take_over(watch.workspace, done.value.documents, mirror.Observation.of(done)))
    watch.pages += 1
    watch.tries, watch.error, watch.error_kind = 0, "", ""
    watch.had_news = watch.had_news or news
    grow(held, done, head=watch.pages == 1)
    _go_on_or_end(watch, done.value, news=news, fresh=fresh)


def _begin_walk(watch: Watch, asked_at: datetime) -> None:
    """Begin at the head. The walk is whole after one that was cut short, or when whole walks are due.

    That is without news, or where steady news, as of what is being sent, hide a record that was sent before.
    """
    quiet = watch.news_at is None or watch.news_at + QUIET <= asked_at
    due = watch.whole_at is None or watch.whole_at + WHOLE_EVERY <= asked_at
    watch.walk_started, watch.pages, watch.had_news = asked_at, 0, False
    watch.whole = watch.cut_short or (due and (quiet or is_anything_unread(watch, asked_at - WHOLE_EVERY)))


_WATCH = prepared(
    lambda _, workspace: Watch.objects.select_related("workspace").filter(workspace_id=workspace)
)


def _asked_by_id(watch: Watch) -> Source | None:
    """The source to ask for by its ID now; None while walking, after an error, or where it is the turn of the list.

    So neither one ID that Fini keeps failing on nor many that are asked for can block the rest.
    """
    if watch.walk_started or watch.tries or is_turn_of_list(watch):
        return None
    return hidden_from_walks(watch).order_by("-missed_walks", "pk").first()


def _newest_of_batch(watch: Watch) -> Source | None:
    """The first in the list of one batch whose records are to be read, where the list has more than a page.

    None while walking, after an error, for records whose place is not known, and for more than a page of them.
    """
    if watch.walk_started or watch.tries:
        return None
    wanted = Source.objects.filter(workspace=watch.workspace, wanted_since__lte=datetime.now(UTC))
    batch = list(wanted.only("fini_id", "external_id", "updated_at", "missed_walks")[: PAGE + 1])
    placed = all(source.updated_at and not source.missed_walks for source in batch)
    if not placed or not FEW < len(batch) <= PAGE:
        return None
    if sum(counts.kept(watch.workspace, Counted.SOURCES).values()) <= PAGE:
        return None
    return max(batch, key=lambda source: (source.updated_at, source.external_id))


def _settle_page_after(watch: Watch, newest: Source, done: Exchange[ListPage]) -> None:
    """In the *outcome* transaction: store the records of a batch; the few that moved are asked for by their IDs."""
    held = _settle_call(watch, done)
    mine = Source.objects.filter(workspace=watch.workspace, wanted_since__lte=done.asked_at)
    if done.value:
        take_over(watch.workspace, done.value.documents, mirror.Observation.of(done))
        few = mine.count() <= FEW
        mine.update(missed_walks=WALKS_BEFORE_GET if few else 1)
    elif isinstance(done.error, BadRequest):  # its record may be gone
        mine.filter(pk=newest.pk).update(missed_walks=WALKS_BEFORE_GET)
    else:
        _page_failed(watch, held, done.error or FiniError())
        return
    _save_place(watch, cursor="", next_at=datetime.now(UTC))


def _go_on_or_end(watch: Watch, page: ListPage, *, news: bool, fresh: int) -> None:
    """Go on to the next page, or end the walk."""
    since_before = Q(wanted_since__lte=watch.walk_started) | Q(
        wanted_since=None, sent_at__lte=watch.walk_started
    )
    unseen = must_be_seen(watch).filter(since_before).exclude(read_in_walk(watch))
    waiting = unseen.filter(~left_to_ids())
    left = len(waiting.values_list("pk")[: FEW + 1])  # more than a few are not counted (P7)
    deep = watch.whole or waiting.filter(wanted_since__isnull=False).exists()
    if not left:
        _end_walk(watch, complete=True)
    elif not page.has_more or not page.documents:
        unseen.update(missed_walks=F("missed_walks") + 1)
        _end_walk(watch, complete=True)
    elif (deep or not fresh) and left <= FEW:
        # Who was missed for longer stays before who was just asked for.
        unseen.update(missed_walks=Greatest(F("missed_walks") + 1, WALKS_BEFORE_GET))
        _end_walk(watch, complete=True)
    elif not fresh:
        # The cursor's record moved to the head, and only the head shows what moved there (T6). Walk after walk it may
        # as well be a list that does not advance: what that hides is asked for by its ID in the end.
        if watch.cut_short:
            unseen.update(missed_walks=F("missed_walks") + 1)
        _end_walk(watch, complete=False, cut_short=True)
    elif not news and not deep:
        _end_walk(watch, complete=False)
    else:
        _save_place(watch, cursor=page.documents[-1].id, next_at=datetime.now(UTC))


def _end_walk(watch: Watch, *, complete: bool, cut_short: bool = False) -> None:
    """End the walk, act on what it showed, and set the time of the next one."""
    now = datetime.now(UTC)
    follow.end_unpaired(watch.workspace)
    web.find_records(watch.workspace)
    follow.plan_runs(watch.workspace)
    end_finished_runs(watch.workspace)
    if complete:
        watch.whole_at = now if watch.whole else watch.whole_at
    recent = Q(sent_at__gt=now - YOUNG) | Q(wanted_since__gt=now - YOUNG)
    young = Source.objects.filter(recent, workspace=watch.workspace).exists()
    watch.gap = FIRST_GAP if watch.had_news else min(watch.gap * 1.5, GAP_YOUNG if young else GAP_OLD)
    watch.news_at = now if watch.had_news else watch.news_at
    watch.walk_started, watch.restarts, watch.cut_short = None, 0, cut_short
    watch.error, watch.error_kind = "", ""
    _save_place(watch, cursor="", next_at=_next_walk(watch, now))


def _next_walk(watch: Watch, now: datetime) -> datetime | None:
    """The earliest time at which a walk is needed; None if none is."""
    mine = Source.objects.filter(workspace=watch.workspace)
    times: list[datetime] = []
    wanted = mine.aggregate(Min("wanted_since"))["wanted_since__min"]
    if wanted:
        times.append(max(wanted, now + timedelta(seconds=watch.gap if wanted <= now else 0)))
    if mine.filter(sent_at__isnull=False).exclude(state=State.STUCK).exists():
        times.append(now + timedelta(seconds=watch.gap))
    elif mine.filter(stuck_lately(now), sent_at__isnull=False).exists():
        times.append(now + STUCK_EVERY)
    if hidden_from_walks(watch).exists():
        times.append(now)
    return min(times) if times else None


def _save_place(watch: Watch, *, cursor: str, next_at: datetime | None) -> None:
    """Store where the walk is and give the watch back."""
    watch.cursor, watch.next_at, watch.owner, watch.lease_until, watch.call = cursor, next_at, "", None, ""
    watch.save()


def _page_failed(watch: Watch, held: Budget, error: FiniError) -> None:
    """Ask for smaller pages, go back to the head, or pause, by the kind of error (T6, T10)."""
    if max(watch.tries, watch.restarts) >= FEW and not isinstance(error, KeyRefused | Throttled):
        # A refused key and a wish to slow down are told of already.
        watch.error, watch.error_kind = str(error)[:ERROR_LIMIT], type(error).__name__
    match why_failed(held, error, cursor=watch.cursor, failures=watch.tries):
        case FailedPage.KEY:
            _pause_watch(watch, 0.0)
        case FailedPage.CURSOR if watch.restarts > 2 * FEW:
            _pass_over(watch)
        case FailedPage.CURSOR:
            _back_to_head(watch)
        case FailedPage.SIZE:
            _pause_watch(watch, pause_for_size(error, watch.tries + 1))
        case FailedPage.OTHER if is_passed_over(error, watch.tries):
            _pass_over(watch)
        case FailedPage.OTHER:
            _pause_watch(watch, as_asked(error, backoff(watch.tries)))


def _pass_over(watch: Watch) -> None:
    """A page of one record cannot be read, or none after a cursor: what that hides is asked for by its ID (T6, T10)."""
    unseen = must_be_seen(watch)
    if watch.walk_started:
        unseen = unseen.exclude(read_in_walk(watch))
    # A few a round, those missed for longest: after an outage all others are read page by page again (T7).
    few = list(unseen.order_by("-missed_walks", "read_at", "pk").values_list("pk", flat=True)[: 2 * FEW])
    asked_next = Q(pk__in=few) | Q(missed_walks__lt=MANY_WALKS - 1)
    unseen.filter(asked_next).update(missed_walks=F("missed_walks") + 1)
    watch.tries, watch.pages, told = 0, 2 * FEW, {"error": watch.error, "error_kind": watch.error_kind}
    _end_walk(watch, complete=False)
    Watch.objects.filter(pk=watch.pk).update(**told)


def _back_to_head(watch: Watch) -> None:
    """Begin again at the head: the cursor's record is gone or the page too large. Without a cursor Fini says which."""
    pause = backoff(watch.restarts) if watch.restarts >= FEW else 0.0
    watch.restarts += 1
    watch.walk_started, watch.cut_short, watch.cursor = None, True, ""
    _pause_watch(watch, pause)


def _pause_watch(watch: Watch, seconds: float) -> None:
    """Go on with the same page after `seconds`."""
    watch.tries += 1
    _save_place(watch, cursor=watch.cursor, next_at=datetime.now(UTC) + timedelta(seconds=seconds))


def _settle_record(watch: Watch, source: Source, done: Exchange[Document]) -> None:
    """Store the record that was asked for; after a 404 the source is gone, after other errors it is asked for later."""
    _settle_call(watch, done, of_one=True)
    watch.pages = max(0, min(watch.pages, 2 * FEW) - 1)
    if done.value:
        take_over(watch.workspace, [done.value], mirror.Observation.of(done))
        _end_walk(watch, complete=False)
    elif isinstance(done.error, NotFound) and not may_come(source):
        follow.source_gone(source, mirror.Observation.of(done))
        _end_walk(watch, complete=False)
    elif isinstance(done.error, KeyRefused):
        _pause_watch(watch, 0.0)
    else:
        error = done.error or FiniError()
        _not_shown(source, error)
        _pause_watch(watch, as_asked(error, watch.gap))


def _not_shown(source: Source, error: FiniError) -> None:
    """A record that its ID did not show either: one that was asked for a day is not waited for (loop.stop_waiting).

    Nobody waits for what is stuck any more: it is looked at again when that is due.
    """
    long_since = datetime.now(UTC) - STUCK_AFTER
    if told := not isinstance(error, Throttled | Unreachable):
        follow.set_apart(source)
    asked_since = source.wanted_since or (None if source.state == State.STUCK else source.sent_at)
    in_vain = told and asked_since is not None and asked_since < long_since
    Source.objects.filter(pk=source.pk).update(missed_walks=IN_VAIN if in_vain else 0)
