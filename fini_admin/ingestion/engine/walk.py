"""Following: the workspace's list is walked from its head, one page a call (T6, T7, T10).

A poll stops at a page without news, or when every followed source was seen. A walk goes on until every one was seen if
a read was requested, and once after a minute without news. The records of one batch are first asked for where they were
last seen: by the page after the newest of them, however deep in the list. What two whole walks do not show is asked for
by its ID; 404 then means *gone*. With nothing followed and nothing requested there are no calls.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest

from fini_admin.audit.names import By, Origin
from fini_admin.audit.recording import ERROR_LIMIT, Context, Superseded
from fini_admin.audit.transport import Exchange, exchange
from fini_admin.fini import routes
from fini_admin.fini.errors import BadRequest, FiniError, KeyRefused, NotFound, Throttled, Unreachable
from fini_admin.fini.wire import Document, ListPage
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import credentials, follow, web
from fini_admin.ingestion.engine.credentials import context
from fini_admin.ingestion.engine.list_pages import (
    grow,
    halve,
    is_about_size,
    is_too_heavy,
    page_request,
    take_over,
)
from fini_admin.ingestion.models import PAGE, Budget, Item, Stage, StepState, Watch
from fini_admin.ingestion.queries import oldest_running
from fini_admin.ingestion.reads import FIRST_GAP
from fini_admin.ingestion.steering import end_finished_runs
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
LOOKED_AT_STUCK = timedelta(hours=24)
FEW = 3
WALKS_BEFORE_GET = 2
MANY_WALKS = 6
GAPS = {True: 8.0, False: 60.0}


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
    wanted = _asked_by_id(watch)
    claim = partial(_claim_watch, watch, owner)
    try:
        if wanted:
            exchange(
                routes.get_source(wanted.fini_id),
                _call_context(watch, owner),
                claim=claim,
                settle=partial(_settle_record, watch, wanted),
            )
        elif newest := _newest_of_batch(watch):
            exchange(
                page_request(watch.workspace, newest.fini_id),
                _call_context(watch, owner),
                claim=claim,
                settle=partial(_settle_page_after, watch, newest),
            )
        elif _TO_BE_SEEN(watch.workspace_id):
            exchange(
                page_request(watch.workspace, watch.cursor),
                _call_context(watch, owner),
                claim=claim,
                settle=partial(_settle_page, watch),
            )
        else:
            _stop_walking(watch)
    except (WatchTaken, Superseded):
        return


def _stop_walking(watch: Watch) -> None:
    """Settle what the last walk left, and make no calls until something is followed again."""
    with transaction.atomic():
        budget.lock_budget(watch.workspace)
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
    ours = lease.held(Watch.objects.filter(pk=watch.pk), owner)
    if not ours.update(call=call, lease_until=lease.until()):
        raise WatchTaken
    budget.take(held, call, urgent=False)


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
    repeated = Source.objects.filter(_read_in_walk(watch), workspace=watch.workspace, fini_id__in=ids)
    fresh = len(set(ids)) - (repeated.count() if watch.pages else 0)
    news = bool(take_over(watch.workspace, done.value.documents, _origin_of(watch, done)))
    watch.pages += 1
    watch.tries, watch.error, watch.error_kind = 0, "", ""
    watch.had_news = watch.had_news or news
    grow(held, done, head=watch.pages == 1)
    _go_on_or_end(watch, done.value, news=news, fresh=fresh)


def _begin_walk(watch: Watch, asked_at: datetime) -> None:
    """Begin at the head. The walk is whole after one that was cut short, or when whole walks are due without news."""
    quiet = watch.news_at is None or watch.news_at + QUIET <= asked_at
    due = watch.whole_at is None or watch.whole_at + WHOLE_EVERY <= asked_at
    watch.walk_started, watch.pages, watch.had_news = asked_at, 0, False
    watch.whole = watch.cut_short or (quiet and due)


def _origin_of(watch: Watch, done: Exchange[Any]) -> mirror.Observation:
    """What told of a record: this call, made for the oldest run that is going on."""
    run = oldest_running(watch.workspace)
    return mirror.Observation(done.call, done.asked_at, run.number if run else None)


def _must_be_seen(watch: Watch) -> QuerySet[Source]:
    """The sources whose record this walk has to show: all followed ones, and those whose read is requested by now."""
    now = datetime.now(UTC)
    return Source.objects.filter(_followed(now) | Q(wanted_since__lte=now), workspace=watch.workspace_id)


def _followed(now: datetime) -> Q:
    return Q(sent_at__isnull=False) & (~Q(state=State.STUCK) | _stuck_lately(now))


def _to_be_seen(now: datetime, workspace: UUID) -> QuerySet[Source, Any]:
    """A source whose record a walk has to show, now or later."""
    found = Source.objects.filter(_followed(now) | Q(wanted_since__isnull=False), workspace=workspace)
    return found.values_list("pk")[:1]


_TO_BE_SEEN = prepared(_to_be_seen)
_WATCH = prepared(
    lambda _, workspace: Watch.objects.select_related("workspace").filter(workspace_id=workspace)
)


def _stuck_lately(now: datetime) -> Q:
    """Condition: stuck for less than a day, in which it is looked at once an hour."""
    return Q(state=State.STUCK, state_since__gt=now - LOOKED_AT_STUCK)


def _read_in_walk(watch: Watch) -> Q:
    """Condition: read by this walk. A read time in the future comes from a clock that was ahead and does not count."""
    return Q(read_at__gte=watch.walk_started, read_at__lte=datetime.now(UTC))


def _hidden_from_walks(watch: Watch) -> QuerySet[Source]:
    """The sources to ask for by ID: several walks did not show them, and they are few or it went on for long.

    What may have been deleted is expected to be missing, and only its ID tells: it is asked for however many there are.
    """
    missed = _must_be_seen(watch).filter(missed_walks__gte=WALKS_BEFORE_GET)
    if missed.count() <= FEW:
        return missed
    deleting = Item.objects.filter(source=OuterRef("pk"), stage=Stage.DELETE, step__state=StepState.CHECK)
    return missed.filter(Q(missed_walks__gte=MANY_WALKS) | Exists(deleting))


def _asked_by_id(watch: Watch) -> Source | None:
    """The source to ask for by its ID now; None while walking or after an error.

    So one ID that Fini keeps failing on cannot block the rest.
    """
    if watch.walk_started or watch.tries:
        return None
    return _hidden_from_walks(watch).order_by("-missed_walks", "pk").first()


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
        take_over(watch.workspace, done.value.documents, _origin_of(watch, done))
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
    unseen = _must_be_seen(watch).filter(since_before).exclude(_read_in_walk(watch))
    left = len(unseen.values_list("pk")[: FEW + 1])  # more than a few are not counted (P7)
    deep = watch.whole or unseen.filter(wanted_since__isnull=False).exists()
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
        # The cursor's record moved to the head, and only the head shows what moved there (T6).
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
    watch.gap = FIRST_GAP if watch.had_news else min(watch.gap * 1.5, GAPS[young])
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
    elif mine.filter(_stuck_lately(now), sent_at__isnull=False).exists():
        times.append(now + STUCK_EVERY)
    if _hidden_from_walks(watch).exists():
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
    if isinstance(error, KeyRefused):
        _pause_watch(watch, 0.0)
    elif isinstance(error, BadRequest) and watch.cursor:
        _back_to_head(watch)
    elif is_about_size(held, error):
        halve(held, refused=True)
        _save_place(watch, cursor="", next_at=datetime.now(UTC))
    elif is_too_heavy(held, error):
        halve(held)
        _pause_watch(watch, 1.0)
    else:
        _pause_watch(watch, _backoff(watch.tries))


def _back_to_head(watch: Watch) -> None:
    """Begin again at the head: the cursor's record is gone or the page too large. Without a cursor Fini says which."""
    pause = _backoff(watch.restarts) if watch.restarts >= FEW else 0.0
    watch.restarts += 1
    watch.walk_started, watch.cut_short, watch.cursor = None, True, ""
    _pause_watch(watch, pause)


def _backoff(times: int) -> float:
    """Seconds to pause after `times` failures, at most a minute."""
    return min(60.0, 2.0 ** min(times, 6))


def _pause_watch(watch: Watch, seconds: float) -> None:
    """Go on with the same page after `seconds`."""
    watch.tries += 1
    _save_place(watch, cursor=watch.cursor, next_at=datetime.now(UTC) + timedelta(seconds=seconds))


def _settle_record(watch: Watch, source: Source, done: Exchange[Document]) -> None:
    """Store the record that was asked for; after a 404 the source is gone, after other errors it is asked for later."""
    _settle_call(watch, done, of_one=True)
    if done.value:
        take_over(watch.workspace, [done.value], _origin_of(watch, done))
        _end_walk(watch, complete=True)
    elif isinstance(done.error, NotFound):
        follow.source_gone(source, _origin_of(watch, done))
        _end_walk(watch, complete=True)
    elif isinstance(done.error, KeyRefused):
        _pause_watch(watch, 0.0)
    else:
        _not_shown(source, done.error or FiniError())
        _pause_watch(watch, watch.gap)


def _not_shown(source: Source, error: FiniError) -> None:
    """A record that its ID did not show either: one that was asked for a day is not waited for (loop.stop_waiting)."""
    long_since = datetime.now(UTC) - STUCK_AFTER
    told = not isinstance(error, Throttled | Unreachable)
    in_vain = told and source.wanted_since is not None and source.wanted_since < long_since
    Source.objects.filter(pk=source.pk).update(missed_walks=MANY_WALKS if in_vain else 0)
