"""What is due, and doing one piece of it: a call of a verification, a step's call or a page of a walk."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When

from fini_admin.audit import recording
from fini_admin.audit.models import Head, OpenCall
from fini_admin.ingestion import budget, reasons, verifications
from fini_admin.ingestion.engine import follow, key_check, send, walk
from fini_admin.ingestion.engine.awaited import MANY_WALKS
from fini_admin.ingestion.engine.credentials import NoKey
from fini_admin.ingestion.entries import settle_states
from fini_admin.ingestion.models import Budget, RunKind, Step, StepState, Verification, Watch, Worker
from fini_admin.ingestion.reads import watch_from
from fini_admin.ingestion.runs.steering import sendable
from fini_admin.lib import lease
from fini_admin.lib.keyring import UnknownKey
from fini_admin.lib.outage import contained, outage_of
from fini_admin.lib.prepared import prepared
from fini_admin.sources import mirror
from fini_admin.sources.models import Source
from fini_admin.sources.states import BUSY, State, hides_its_end
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.queries import usable_key

log = logging.getLogger(__name__)
Leased = Step | Watch | Verification
PATIENT = timedelta(seconds=5)
PAUSE = timedelta(seconds=10)
LATER = timedelta(minutes=1)
FORGOTTEN = timedelta(days=1)
PORTION = 500  # sources a transaction
# What can wait for all else in its workspace: a page of a sync moves nothing.
SYNCS = Q(kind=RunKind.SYNC)
# What each thread of this process has in hand, by its table and number: one at a time. Single operations on a dict are
# safe between threads.
IN_HAND: dict[int, tuple[type[Leased], int | UUID]] = {}
# Of each chain the row up to which every call has its outcome: what was looked at is not looked at again.
ALL_ENDED: dict[str, int] = {}


@contextmanager
def in_hand(
    table: type[Leased],
    number: Any,
    owner: str,
    *,
    recover: Callable[[Any], None],
    release: Callable[[Any, str], None],
    waits_for: tuple[type[Exception], ...] = (budget.Spent, NoKey, UnknownKey),
) -> Iterator[None]:
    """Hold a leased row for a piece of work: the heartbeat keeps its lease and call, and it is released at the end.

    A fault in one workspace must stop neither the worker nor the work after it: it is logged, and `recover` settles the
    row. Raises what the row `waits_for`, and an outage of the database, in which nothing can be written: the lease runs
    out.
    """
    IN_HAND[threading.get_ident()] = table, number
    try:
        yield
    except waits_for:
        raise
    except Exception as error:  # see above
        if outage_of(error):
            raise
        log.exception("%s %s", table.__name__.lower(), number)
        # Where another has the row by now, its call is under way.
        if table._default_manager.filter(pk=number, owner__in=("", owner)).exists():
            recover(number)
    finally:
        try:
            release(number, owner)
        finally:
            del IN_HAND[threading.get_ident()]


def due_steps(now: datetime) -> QuerySet[Step]:
    """Steps that may go out now, if the budget has a slot: not paused, with a key, and not told to slow down."""
    free = lease.free(sendable(Step.objects.filter(state=StepState.READY, due_at__lte=now)), now)
    open_ = free.filter(usable_key("run__workspace")).exclude(closed("run__workspace__budget__", now))
    return open_.filter(send.WAITED_FOR | ~Q(run__workspace__budget__spent_until__gt=now))


def closed(budget_path: str, now: datetime) -> Q:
    """Whether no call may go out at all, by the budget there: Fini asked us to slow down, or no key can be opened."""
    return Q(**{f"{budget_path}blocked_until__gt": now}) | Q(**{f"{budget_path}no_key_until__gt": now})


def due_watches(now: datetime) -> QuerySet[Watch]:
    """Watches whose next page is due; steps go first while it is PATIENT, for a walk tells more after them."""
    free = lease.free(Watch.objects.filter(next_at__lte=now), now).filter(usable_key("workspace"))
    open_ = free.exclude(closed("workspace__budget__", now) | Q(workspace__budget__spent_until__gt=now))
    steps = Step.objects.exclude(SYNCS)
    sent = steps.filter(state=StepState.SENT).values("run__workspace")
    sending = sendable(steps.filter(state=StepState.READY, due_at__lte=now)).values("run__workspace")
    busy = Q(workspace__in=sent) | Q(workspace__in=sending)
    return open_.exclude(busy & Q(next_at__gt=now - PATIENT))


def due_workspaces() -> list[UUID]:
    """The workspaces in which anything is due, in the order of their turns.

    First where a person waits for a verification of a key, then where one waits for a discovery or a crawl; among
    equals the one served longest ago.
    """
    return [found for (found,) in _IN_TURN()]


def anything_due() -> bool:
    """Whether there is any work, by one query."""
    return bool(_ANY())


def _due(now: datetime) -> QuerySet[Budget]:
    """The budgets of the workspaces in which anything is due."""
    by_step = due_steps(now).order_by().values("run__workspace_id")
    by_watch = due_watches(now).order_by().values("workspace_id")
    asked_for = verifications.due(now).order_by().values("key__workspace_id")
    return Budget.objects.filter(Q(pk__in=by_step) | Q(pk__in=by_watch) | Q(pk__in=asked_for))


def _in_turn(now: datetime) -> QuerySet[Budget, Any]:
    verified = verifications.due(now).filter(key__workspace=OuterRef("pk"))
    discovered = due_steps(now).filter(send.WAITED_FOR, run__workspace=OuterRef("pk"))
    first = Case(When(Exists(verified), then=0), When(Exists(discovered), then=1), default=2)
    return _due(now).order_by(first, F("served_at").asc(nulls_first=True), "pk").values_list("pk")


_IN_TURN = prepared(_in_turn)
_ANY = prepared(lambda now: _due(now).values_list("pk")[:1])


def _next_step(now: datetime, workspace: UUID) -> QuerySet[Step]:
    """The workspace's due steps, the next one first."""
    mine = due_steps(now).filter(run__workspace_id=workspace)
    return mine.order_by(Case(When(send.WAITED_FOR, then=0), default=1), "due_at", "pk")


def _first(found: QuerySet[Any]) -> QuerySet[Any, Any]:
    return found.values_list("pk", flat=True)[:1]


_VERIFICATION = prepared(
    lambda now, workspace: _first(verifications.due(now).filter(key__workspace_id=workspace))
)
_STEP = prepared(lambda now, workspace: _first(_next_step(now, workspace).exclude(SYNCS)))
_ANY_STEP = prepared(lambda now, workspace: _first(_next_step(now, workspace)))
_WATCH = prepared(lambda now, workspace: _first(due_watches(now).filter(workspace_id=workspace)))
_WAITED_FOR = prepared(lambda now, workspace: _first(_next_step(now, workspace).filter(send.WAITED_FOR)))
# A long run has a step due for as long as its calls take: without its turn the watch would see no end meanwhile.
_OVERDUE = prepared(
    lambda now, workspace: _first(due_watches(now).filter(workspace_id=workspace, next_at__lte=now - PATIENT))
)


def work(owner: str, stopping: threading.Event) -> bool:
    """Do the one piece of work whose turn it is; False when nothing is due, or nothing may go out.

    A seat that comes back chooses again, so a run of many batches keeps nobody waiting for more than a call.
    """
    return any(work_once(one, owner) for one in due_workspaces() if not stopping.is_set())


def work_once(workspace_id: UUID, owner: str) -> bool:
    """One piece of work in a workspace; False when nothing is due, or nothing may go out."""
    if found := _VERIFICATION(workspace_id):
        return _do_verification(found[0], owner)
    try:
        overdue = _OVERDUE(workspace_id) and not _WAITED_FOR(workspace_id)
        if overdue and walk.take(workspace_id, owner):
            return _do_watch(workspace_id, owner)
        if found := _STEP(workspace_id):
            return _do_step(found[0], owner)
        if _WATCH(workspace_id) and walk.take(workspace_id, owner):
            return _do_watch(workspace_id, owner)
        if found := _ANY_STEP(workspace_id):
            return _do_step(found[0], owner)
    except budget.Spent as spent:
        Budget.objects.filter(pk=workspace_id).update(spent_until=spent.until)
    except (NoKey, UnknownKey) as error:
        log.warning("%s", error)
        budget.hold_without_key(workspace_id)
    return False


def _do_verification(key_id: UUID, owner: str) -> bool:
    """Lease a verification and make its next call. It waits for nothing: it ends, and says why."""
    if verifications.take(key_id, owner):
        with in_hand(
            Verification,
            key_id,
            owner,
            recover=_recover_verification,
            release=verifications.give_back,
            waits_for=(),
        ):
            key_check.advance(key_id, owner)
    return True


def _do_step(step_id: int, owner: str) -> bool:
    """Lease a step and perform it."""
    if send.take(step_id, owner):
        with in_hand(Step, step_id, owner, recover=_recover_step, release=send.release):
            send.perform(step_id, owner)
    return True


def _do_watch(workspace_id: UUID, owner: str) -> bool:
    """Make the next call of a leased watch."""
    with in_hand(Watch, workspace_id, owner, recover=_recover_watch, release=walk.release):
        walk.advance(workspace_id, owner)
    return True


def _recover_verification(key_id: UUID) -> None:
    """A verification that failed here ends: its call is lost, and the page says so."""
    row = Verification.objects.select_related("key__workspace").get(pk=key_id)
    with transaction.atomic():
        budget.lock_budget(row.key.workspace)
        if row.call and OpenCall.objects.filter(call=row.call).exists():
            _recover_call(row.call, str(row.key.workspace_id), died=False)
        verifications.end(row, key_check.FAILED_HERE)


def _recover_step(step_id: int) -> None:
    """What this process failed on after it was sent: its call is lost, as if the process had died in it."""
    step = Step.objects.select_related("run").get(pk=step_id)
    if step.state == StepState.SENT:
        with transaction.atomic():
            _recover_call(step.call, str(step.run.workspace_id), died=False)
    else:
        Step.objects.filter(pk=step_id).update(due_at=datetime.now(UTC) + PAUSE)


def _recover_watch(workspace_id: UUID) -> None:
    """The same for a page of a walk, which is asked for again after a pause."""
    call = Watch.objects.values_list("call", flat=True).get(workspace_id=workspace_id)
    if OpenCall.objects.filter(call=call).exists():
        with transaction.atomic():
            _recover_call(call, str(workspace_id), died=False)
    Watch.objects.filter(workspace_id=workspace_id).update(next_at=datetime.now(UTC) + PAUSE)


def recover(owner: str | None = None) -> None:
    """Close the calls of processes that are gone, or of `owner`, and go on with what they were for (P3).

    Each by itself: one that cannot be closed is logged, tried again after a while, and stops no other.
    """
    for call, chain in recording.calls_to_close(owner):
        later = partial(_postpone_call, call)
        with (
            contained(log, "call %s of %s", call, chain, recover=later),
            suppress(recording.Superseded),
            transaction.atomic(),
        ):
            _recover_call(call, chain, died=True)


def reopen_calls() -> None:
    """Find the calls without an outcome whose open row was removed by hand; `recover` then closes them as lost."""
    for chain in Head.objects.order_by("chain").values_list("chain", flat=True):
        with contained(log, "open calls of %s", chain):
            ALL_ENDED[chain] = recording.restore_open_calls(chain, ALL_ENDED.get(chain, 0))


def _postpone_call(call: str) -> None:
    """Nobody closes this call again every second."""
    lease.extend(OpenCall.objects.filter(call=call), LATER)


def _recover_call(call: str, chain: str, *, died: bool) -> None:
    """One call: its outcome row, and its step or watch, in one transaction."""
    workspace = Workspace.objects.filter(pk=chain).first()
    if workspace:
        budget.lock_budget(workspace)
        step = (
            Step.objects.select_related("run__workspace", "root")
            .filter(call=call, state=StepState.SENT)
            .first()
        )
        if step:
            send.settle_lost_call(step, call, died=died)
        lease.give_back(Watch.objects.filter(workspace=workspace, call=call), call="")
        lease.give_back(Verification.objects.filter(key__workspace=workspace, call=call), call="")
    recording.write_lost(call)


def beat(owner: str) -> None:
    """Say that this process is alive: its row, and the leases of all that its threads have in hand.

    Work that a thread dropped because the database was away is not renewed, so its lease runs out.
    """
    Worker.objects.filter(pk=owner).update(seen_at=datetime.now(UTC))
    held = list(IN_HAND.copy().values())
    for table in (Step, Watch, Verification):
        mine = table.objects.filter(pk__in=[pk for one, pk in held if one is table], owner=owner)
        recording.extend_leases(list(mine.values_list("call", flat=True)))
        lease.extend(mine)


def abandon(owner: str) -> None:
    """At the end of a process: what it holds is free for others at once."""
    recover(owner)
    lease.give_back(Step.objects.filter(owner=owner, state=StepState.READY))
    lease.give_back(Watch.objects.filter(owner=owner), call="")
    lease.give_back(Verification.objects.filter(owner=owner), call="")
    Worker.objects.filter(pk=owner).delete()


def forget_dead(owner: str) -> None:
    """The rows of killed workers go after a day; never `owner`'s own, which may have been suspended for as long."""
    Worker.objects.filter(seen_at__lt=datetime.now(UTC) - FORGOTTEN).exclude(pk=owner).delete()


def mark_stuck() -> None:
    """A job that did not end in 24 hours is stuck: its item ends unknown, its source is looked at rarely.

    One that Fini took and that may have ended unseen is not: its source is what its record says.

    Somebody has to have looked after that time: at the record, or at the whole list. While no worker was there, no key
    or an archived workspace, nobody did.
    """
    old = Source.objects.filter(sent_at__lt=datetime.now(UTC) - walk.STUCK_AFTER, state__in=BUSY)
    over = F("sent_at") + walk.STUCK_AFTER
    # A walk waits for none that is left to its ID (awaited.left_to_ids), and says nothing of it.
    walked = Q(workspace__watch__whole_at__gte=over, missed_walks__lt=MANY_WALKS)
    looked = Q(read_at__gte=over) | walked | Q(missed_walks__gte=walk.IN_VAIN)
    old = old.filter(looked, workspace__archived_at=None)
    _in_each_workspace(old, _mark_stuck)


def _mark_stuck(workspace: Workspace, old: list[Source]) -> None:
    taken = [one for one in old if one.state == State.SENT and hides_its_end(one, one.before)]
    stuck = [one for one in old if one not in taken]
    Source.objects.filter(pk__in=[one.pk for one in taken]).update(sent_at=None, missed_walks=0)
    for one in taken:
        one.sent_at = None
    settle_states(taken, mirror.Observation("", datetime.now(UTC)), reasons.END_UNSEEN)
    follow.give_up_on(workspace, taken, reasons.END_UNSEEN)
    # They are looked at hourly from now on, like what no walk has missed yet.
    Source.objects.filter(pk__in=[one.pk for one in stuck]).update(missed_walks=0)
    mirror.move_all(stuck, State.STUCK, mirror.Observation("", datetime.now(UTC)), reasons.NO_END)
    follow.give_up_on(workspace, stuck, reasons.NO_END)


def stop_waiting() -> None:
    """A record of which neither the list nor its ID told, though both were asked for a day, is not waited for."""
    since = datetime.now(UTC) - walk.STUCK_AFTER
    unseen = Source.objects.filter(wanted_since__lt=since, missed_walks__gte=walk.IN_VAIN)
    _in_each_workspace(unseen, _stop_waiting)


def _stop_waiting(workspace: Workspace, unseen: list[Source]) -> None:
    mine = Source.objects.filter(pk__in=[source.pk for source in unseen])
    mine.update(wanted_since=None, missed_walks=0)
    follow.give_up_on(workspace, unseen, reasons.NEVER_SHOWN)
    watch_from(workspace, datetime.now(UTC))


def _in_each_workspace(sources: QuerySet[Source], act: Callable[[Workspace, list[Source]], None]) -> None:
    """Act on each workspace's own of these sources, at most PORTION at once, in a transaction that holds its budget."""
    for workspace in Workspace.objects.filter(pk__in=sources.values("workspace")):
        with contained(log, "sources in %s", workspace), transaction.atomic():
            budget.lock_budget(workspace)
            act(workspace, list(sources.filter(workspace=workspace)[:PORTION]))
