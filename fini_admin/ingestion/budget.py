"""The budget (T7): calls of a workspace are numbered, and number n waits until number n − limit is 60 s old."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Max

from fini_admin.audit.transport import LONGEST_DELAY
from fini_admin.fini.errors import Throttled
from fini_admin.fini.retry import LONGEST_PAUSE
from fini_admin.ingestion.models import Budget, Slot, Watch
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences

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
    """
    Budget.objects.bulk_create([Budget(workspace=workspace)], ignore_conflicts=True)
    Watch.objects.bulk_create([Watch(workspace=workspace)], ignore_conflicts=True)
    return Budget.objects.select_for_update().get(workspace=workspace)


def share(limit: int, *, urgent: bool) -> int:
    """How many of `limit` calls a minute may be used: all if urgent, else a tenth less."""
    return limit if urgent else max(1, limit - max(1, limit // 10) if limit > 1 else 1)


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
    Budget.objects.filter(pk=budget.pk).update(number=number, served_at=now, no_key_until=None)


def hold_without_key(workspace_id: UUID) -> None:
    """Pause all calls of a workspace whose key cannot be opened; after that the next call tries again."""
    Budget.objects.filter(pk=workspace_id).update(no_key_until=datetime.now(UTC) + NO_KEY_PAUSE)


def reopen(workspace: Workspace) -> None:
    """Forget until when the budget was spent, because the limit changed; the next call finds out anew."""
    Budget.objects.filter(pk=workspace.pk).update(spent_until=None)


def settle(budget: Budget, call: str, sent_at: datetime, error: Exception | None) -> None:
    """Note when a call was really sent, and until when Fini asked the workspace to slow down."""
    now = datetime.now(UTC)
    Slot.objects.filter(call=call).update(sent_at=sent_at)
    if isinstance(error, Throttled):
        throttled = budget.throttled + 1
        pause = max(error.retry_after or 0.0, min(LONGEST_PAUSE, 2.0 ** min(throttled, 10)))
        until = max(now + timedelta(seconds=pause), budget.blocked_until or now)
        Budget.objects.filter(pk=budget.pk).update(throttled=throttled, blocked_until=until)
    elif budget.throttled and error is None and (budget.blocked_until or now) <= now:
        # An answer that comes while we wait is of a call that had left before Fini asked: the wish still holds.
        Budget.objects.filter(pk=budget.pk).update(throttled=0, blocked_until=None)
