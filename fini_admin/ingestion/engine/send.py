"""Where a run goes on: one step, one call. Claim, send, settle (P3, P4).

ready ─claim→ sent ─answered→ done; a sync's, ready again until all was read
  ↑             ├─not done, or unknown and repeatable→ ready, later
  └─────────────┴─unknown→ check ─read back→ done, what left no trace ready again
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from fini_admin.audit.names import Origin
from fini_admin.audit.recording import Superseded
from fini_admin.audit.transport import Exchange, exchange
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.errors import FiniError
from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.retry import is_away, is_doubt, may_be_repeated
from fini_admin.fini.routes import InvalidRequest
from fini_admin.ingestion import budget
from fini_admin.ingestion.eligibility import TAKEN, why_not, why_not_refreshed, why_not_sent
from fini_admin.ingestion.engine import credentials, read_back, settle, sync, web
from fini_admin.ingestion.engine.credentials import context_for
from fini_admin.ingestion.models import Item, ItemOutcome, QueueEntry, RunKind, Step, StepState
from fini_admin.ingestion.runs.items import finish_and_release, holders
from fini_admin.ingestion.runs.steering import end_finished_runs, may_send
from fini_admin.ingestion.runs.steps import CARRIED, close_step, name_in, request_of_items, send_again
from fini_admin.lib import lease
from fini_admin.lib.prepared import prepared
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.sources.states import BUSY, State

# What only reads: the read key may send it. A crawl stores nothing either, but Fini wants the write scope for it.
READS = (RunKind.DISCOVER, RunKind.SYNC)
WITHOUT_ITEMS = (*READS, RunKind.CRAWL)
# What a person waits for: a crawl, or a discovery that no schedule started.
URGENT = (RunKind.DISCOVER, RunKind.CRAWL)
WAITED_FOR = Q(kind__in=URGENT) & ~Q(run__origin=Origin.SCHEDULE)
TWIN = "another one in the same batch has the same address or ID"


class StepChanged(Exception):
    """The lease ran out, the items changed, or the run is paused or stopped since: nothing is sent."""


def take(step_id: int, owner: str) -> bool:
    ready = Step.objects.filter(pk=step_id, state=StepState.READY, due_at__lte=datetime.now(UTC))
    return lease.take(ready, owner)


def release(step_id: int, owner: str) -> None:
    lease.give_back(Step.objects.filter(pk=step_id, owner=owner, state=StepState.READY))


def perform(step_id: int, owner: str) -> None:
    """Send a step that this process holds, and settle the outcome. Raises budget.Spent and NoKey before any call."""
    [step] = _STEP(step_id)
    try:
        _perform(step, owner)
    except (StepChanged, Superseded, credentials.Withdrawn):
        return


def _perform(step: Step, owner: str) -> None:
    items = _without_ineligible(step, _items_of(step), owner)
    if not items and step.kind not in WITHOUT_ITEMS:
        _close_empty(step, owner)
        return
    try:
        request = request_of(step, items)
    except InvalidRequest as error:
        _refuse_locally(step, items, str(error), owner)
        return
    exchange(
        request,
        context_for(step.run, owner=owner, attempt=step.tries + 1, reads=step.kind in READS),
        claim=partial(_claim, step, items, owner),
        settle=partial(_settle_step, step, items),
    )


def _items_of(step: Step) -> list[Item]:
    """What a step's call carries, in the order in which it was given."""
    return _ITEMS(step.pk)


_STEP = prepared(lambda _, step: Step.objects.select_related("run__workspace", "root").filter(pk=step))
_ITEMS = prepared(
    lambda _, step: (
        Item.objects.filter(step=step, stage__in=CARRIED).select_related("source").order_by("position")
    )
)
_SENT = prepared(
    lambda _, step, call: Step.objects.filter(pk=step, state=StepState.SENT, call=call).values_list(
        "tries", "doubts", "aways"
    )
)


def request_of(step: Step, items: list[Item]) -> Request[Any]:
    """The request that a step carries. Raises InvalidRequest for what Fini would refuse (T4, T8)."""
    return _request_without_items(step) if step.kind in WITHOUT_ITEMS else request_of_items(step, items)


def _request_without_items(step: Step) -> Request[Any]:
    """The request of a discovery, a crawl, or of the next read of a list."""
    if step.kind == RunKind.SYNC:
        return sync.request_of(step) if sync.is_sync(step) else read_back.request_of(step)
    if step.kind == RunKind.CRAWL:
        options = step.run.crawl or {}
        return routes.crawl(options["links"], limit=options["limit"])
    return routes.discover(step.provider)


def _without_ineligible(step: Step, items: list[Item], owner: str) -> list[Item]:
    """These items less what became ineligible since the run was started: that ends, and says why."""
    reasons = {} if _may_be_repeated(step) else _ineligible_by_reason(step, items)
    if not reasons:
        return items
    with transaction.atomic():
        _lock_held(step, owner)
        # Anew under the lock: of two runs that were in each other's way, one may have ended by now.
        for reason, ineligible in _ineligible_by_reason(step, _items_of(step)).items():
            finish_and_release(step.run, ineligible, ItemOutcome.SKIPPED, reason)
    return _items_of(step)


def _ineligible_by_reason(step: Step, items: list[Item]) -> dict[str, list[Item]]:
    """The items that may not be sent, by reason."""
    if step.kind == RunKind.WEB:
        return web.ineligible(step, items)
    sources = [item.source_id for item in items if item.source_id]
    mine = QueueEntry.objects.filter(run=step.run, closed_at=None, source__in=sources)
    queued = set(mine.values_list("source_id", flat=True))
    held = holders(sources, but=step.run)
    reasons: dict[str, list[Item]] = {}
    for item in items:
        if reason := _why_not(step, item.source, queued, held):
            reasons.setdefault(reason, []).append(item)
    return reasons


def _why_not(step: Step, source: Source | None, queued: set[int], held: dict[int, int]) -> str:
    """Why a step may not carry a source; empty when it may. `queued`: its run has the entry; `held`: another has it."""
    if step.kind == RunKind.DELETE:
        return why_not_sent(source, held)
    if step.kind == RunKind.INGEST:
        return why_not(source, queued, held)
    return why_not_refreshed(source, held) or ("" if source and source.pk in queued else TAKEN)


def _lock_held(step: Step, owner: str) -> None:
    """Lock the budget; raises StepChanged where another process has the step by now, and may have sent it."""
    budget.lock_budget(step.run.workspace)
    if not _held(step, owner).exists():
        raise StepChanged


def _held(step: Step, owner: str) -> QuerySet[Step]:
    return lease.held(Step.objects.filter(pk=step.pk, state=StepState.READY), owner)


def _close_empty(step: Step, owner: str) -> None:
    """End a step of which every item was skipped or refused."""
    with transaction.atomic():
        _lock_held(step, owner)
        close_step(step)
        end_finished_runs(step.run.workspace)


def _refuse_locally(step: Step, items: list[Item], reason: str, owner: str) -> None:
    """Refuse the items that break a rule checked here (T4); the rest of the step stays ready."""
    offenders = dict(_offending(step, items))
    with transaction.atomic():
        _lock_held(step, owner)
        for item, problem in (offenders or dict.fromkeys(items, reason)).items():
            finish_and_release(step.run, [item], ItemOutcome.REFUSED, f"Not sent: {problem}")


def _offending(step: Step, items: list[Item]) -> Iterator[tuple[Item, str]]:
    """The items that cannot be sent alone, and each that repeats an earlier one's name, with what is wrong."""
    names: set[str] = set()
    for item in items:
        name = _name_of(step, item)
        problem = _problem_of(step, item) or (TWIN if name in names else "")
        if problem:
            yield item, problem
        names.add(name)


def _name_of(step: Step, item: Item) -> str:
    """The ID or address by which the step's call names an item, in whichever spelling; empty where it has none."""
    if step.kind == RunKind.REGISTER:
        return comparison_key(item.provider, item.external_id)
    if step.kind == RunKind.WEB:
        return item.external_id
    return name_in(step, item) if item.source else ""


def _problem_of(step: Step, item: Item) -> str:
    """What is wrong with a single item; empty if it can be sent alone."""
    try:
        request_of(step, [item])
    except InvalidRequest as error:
        return str(error)
    return ""


def _claim(step: Step, items: list[Item], owner: str, call: str) -> None:
    """In the *asked* transaction: check run and lease, move the step to *sent*, take a slot of the budget (P4)."""
    held = budget.lock_budget(step.run.workspace)
    if not may_send(step):
        raise StepChanged
    sent = {"state": StepState.SENT, "call": call, "tries": F("tries") + 1, "lease_until": None}
    if not _held(step, owner).update(**sent):
        raise StepChanged
    if step.kind == RunKind.REGISTER:
        settle.note_registration(step, items)
    if step.kind == RunKind.WEB:
        if not web.claim(step, items):
            raise StepChanged
    elif not _may_be_repeated(step):
        _check_lanes(items)
        _claim_sources(step, [item.source_id for item in items if item.source_id])
    budget.take(held, call, urgent=step.kind in URGENT and step.run.origin != Origin.SCHEDULE)


def _check_lanes(items: list[Item]) -> None:
    """Raise StepChanged if an item changed its lane since the request was made: others have ingested it (T2)."""
    lanes = dict(Item.objects.filter(pk__in=[item.pk for item in items]).values_list("pk", "lane"))
    if any(lanes.get(item.pk) != item.lane for item in items):
        raise StepChanged


def _claim_sources(step: Step, keys: list[int]) -> None:
    """Keep how each source stood before its job (T3); raise StepChanged if one is busy, gone or another run's (P4)."""
    sources = Source.objects.filter(pk__in=keys)
    starts_jobs = step.kind != RunKind.DELETE
    mine = sources.filter(entries__run=step.run_id, entries__closed_at=None) if starts_jobs else sources
    if mine.exclude(state__in=(*BUSY, State.GONE)).count() != len(keys) or holders(keys, but=step.run):
        raise StepChanged
    if starts_jobs:
        mirror.note_before_send(sources)


def _settle_step(step: Step, items: list[Item], done: Exchange[Any]) -> None:
    """In the *outcome* transaction: settle the step by its answer. Raises Superseded if it was settled meanwhile."""
    reads = step.kind in READS and not sync.is_of_one(step)
    reader_failed = reads and credentials.cannot_read(step.run.workspace, done)
    credentials.settle(step.run.workspace, done, reads=reads)
    sent = _SENT(step.pk, done.call)
    if not sent:
        raise Superseded(done.call)
    [(step.tries, step.doubts, step.aways)] = sent
    step.state = StepState.SENT
    if reader_failed:
        send_again(step, 0)
    elif done.error:
        _settle_failed(step, items, done.error, done.call)
    elif step.kind == RunKind.SYNC and sync.is_sync(step):
        sync.settle_answer(step, done)
    elif step.kind == RunKind.SYNC:
        read_back.settle_answer(step, done)
    else:
        settle.settle_accepted(step, items, done)
    end_finished_runs(step.run.workspace)


def _settle_failed(step: Step, items: list[Item], error: FiniError, call: str) -> None:
    if is_doubt(error, step.route):
        settle.note_doubt(step)
    elif is_away(error, step.route):
        settle.note_away(step)
    if step.kind == RunKind.SYNC and not sync.is_sync(step):
        read_back.settle_failed(step, error)
    elif step.kind == RunKind.SYNC:
        sync.settle_failed(step, error, Observation(call, datetime.now(UTC), step.run.number))
    else:
        settle.settle_failed(step, items, error, call=call)


def _may_be_repeated(step: Step) -> bool:
    """Whether a step's call may be sent again after an unknown outcome (T3)."""
    return may_be_repeated(step.route)


def settle_lost_call(step: Step, call: str, *, died: bool) -> None:
    """Settle a step whose call has no known outcome, because its process failed on it or `died`. In a transaction.

    A death says nothing about the step: what may be repeated is repeated at once, however often (P3).
    """
    if died and _may_be_repeated(step):
        if step.kind == RunKind.REGISTER:
            settle.note_lost_registration(step, _items_of(step))
        send_again(step, 0, in_doubt=True)
        Step.objects.filter(pk=step.pk).update(tries=F("tries") - 1)
    else:
        _settle_failed(step, _items_of(step), FiniError("the process that sent it failed or ended"), call)
    end_finished_runs(step.run.workspace)
