"""The budget (T7): calls of a workspace are numbered, and number n waits until number n − limit is 60 s old."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import F, Max, Subquery

from fini_admin.audit.transport import LONGEST_DELAY
from fini_admin.fini.errors import Throttled
from fini_admin.fini.retry import backoff
from fini_admin.ingestion.models import Budget, Slot, Watch
from fini_admin.lib.prepared import prepared, prepared_update
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences, preferences_as_read
from fini_admin.workspaces.queries import facts

K = TypeVar("K", bound=Hashable)

# Fini's clock starts when a request arrives: the half second is the way there.
WINDOW = timedelta(seconds=60.5)
AT_THE_LATEST = timedelta(seconds=LONGEST_DELAY)
KEPT = 32
NO_KEY_PAUSE = timedelta(seconds=10)


class Spent(Exception):
    """No call may go out before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the budget is spent until {until:%H:%M:%S}")
        self.until = until


def lock_budget(workspace: Workspace) -> Budget:
    """The workspace's budget, locked until the transaction ends.

    Whoever writes runs, steps, sources or the queue of a workspace takes this lock first, which rules out deadlocks.
    Moving the version takes the lock, so that pages see what is written under it as news (now.py).
    """
    if not _MOVE_VERSION(workspace.pk):
        Budget.objects.bulk_create([Budget(workspace=workspace)], ignore_conflicts=True)
        Watch.objects.bulk_create([Watch(workspace=workspace)], ignore_conflicts=True)
        _MOVE_VERSION(workspace.pk)
    held: Budget = _BUDGET(workspace.pk)[0]
    return held


_MOVE_VERSION = prepared_update(
    lambda _, workspace: (Budget.objects.filter(workspace=workspace), {"version": F("version") + 1})
)
_BUDGET = prepared(lambda _, workspace: Budget.objects.filter(workspace=workspace))


def share(limit: int, *, urgent: bool) -> int:
    """How many of `limit` calls a minute may be used: all if urgent, else a tenth less."""
    return limit if urgent else max(1, limit - max(1, limit // 10))


def take(budget: Budget, call: str, *, urgent: bool) -> None:
    """Give the next number to a call, inside its *asked* transaction; raises Spent.

    The limit is read here, so that a changed setting holds from the next call on.
    """
    now, number = datetime.now(UTC), budget.number + 1
    if budget.blocked_until and budget.blocked_until > now:
        raise Spent(budget.blocked_until)
    slots = Slot.objects.filter(workspace_id=budget.workspace_id)
    limit = preferences(budget.workspace_id).calls_per_minute
    before = slots.filter(number__lte=number - share(limit, urgent=urgent))
    earlier = before.aggregate(Max("sent_at"))["sent_at__max"]
    if earlier and earlier + WINDOW > now:
        raise Spent(earlier + WINDOW)
    Slot.objects.create(
        workspace_id=budget.workspace_id, number=number, call=call, sent_at=now + AT_THE_LATEST
    )
    slots.filter(number__lt=number - limit - KEPT).delete()
    _SERVED(budget.pk, number)


_SERVED = prepared_update(
    lambda now, workspace, number: (
        Budget.objects.filter(pk=workspace),
        {"number": number, "served_at": now, "no_key_until": None},
    )
)


def budget_as_read(workspace: Workspace) -> Budget:
    """The budget that was read with the workspace, not locked; a new one before its first call."""
    return getattr(workspace, "budget", None) or Budget(workspace=workspace)


@dataclass(frozen=True, slots=True)
class BudgetWait:
    """When more calls can have been sent: once `slot` left the window, and `minutes` full windows later."""

    slot: int
    minutes: int

    def seconds(self, sent_at: datetime | None) -> float:
        """The least seconds until all can have gone out; `sent_at` is the slot's, None if it is free."""
        wait = (sent_at + WINDOW - datetime.now(UTC)).total_seconds() if sent_at else 0.0
        return max(0.0, wait) + self.minutes * WINDOW.total_seconds()


def wait_for(budget: Budget, calls: int, limit: int) -> BudgetWait:
    """What `calls` more calls wait for, given those of the last minute and the limit."""
    limit = share(limit, urgent=False)
    minutes, place = divmod(max(calls, 1) - 1, limit)
    number = budget.number + place + 1 - limit
    return BudgetWait(number, minutes)


def sent_at(workspace: UUID, slot: int) -> Subquery:
    """When the call of a slot was sent, as a value within another query."""
    return Subquery(Slot.objects.filter(workspace=workspace, number=slot).values("sent_at")[:1])


def seconds_until_sent(workspace: Workspace, calls: Mapping[K, int]) -> dict[K, float]:
    """The least seconds until so many more calls can have gone out, for each of several numbers, by one query.

    The workspace as it was read.
    """
    limit = preferences_as_read(workspace).calls_per_minute
    waits = [wait_for(budget_as_read(workspace), number, limit) for number in calls.values()]
    slots = {f"slot{at}": sent_at(workspace.pk, wait.slot) for at, wait in enumerate(waits)}
    freed = facts(workspace.pk, **slots).values()
    return {key: wait.seconds(at) for key, wait, at in zip(calls, waits, freed, strict=True)}


def hold_without_key(workspace_id: UUID) -> None:
    """Pause all calls of a workspace whose key cannot be opened; after that the next call tries again."""
    until = datetime.now(UTC) + NO_KEY_PAUSE
    Budget.objects.filter(pk=workspace_id).update(no_key_until=until, version=F("version") + 1)


def reopen(workspace: Workspace) -> None:
    """Forget until when the budget was spent, because the limit changed; the next call finds out anew."""
    Budget.objects.filter(pk=workspace.pk).update(spent_until=None)


_SENT = prepared_update(lambda _, call, at: (Slot.objects.filter(call=call), {"sent_at": at}))


def settle(budget: Budget, call: str, sent_at: datetime, error: Exception | None) -> None:
    """Note when a call was really sent, and until when Fini asked the workspace to slow down."""
    now = datetime.now(UTC)
    _SENT(call, sent_at)
    if isinstance(error, Throttled):
        throttled = budget.throttled + 1
        pause = max(error.retry_after or 0.0, backoff(throttled))
        until = max(now + timedelta(seconds=pause), budget.blocked_until or now)
        Budget.objects.filter(pk=budget.pk).update(throttled=throttled, blocked_until=until)
    elif budget.throttled and error is None and (budget.blocked_until or now) <= now:
        # An answer that comes while we wait is of a call that had left before Fini asked: the wish still holds.
        Budget.objects.filter(pk=budget.pk).update(throttled=0, blocked_until=None)
