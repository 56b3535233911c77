"""A clock that goes as fast as a test wants: all that the engine waits for comes nearer, in the product and in Fini."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q

from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.engine.clock_skew import TIMES, Time
from fini_admin.ingestion.models import Budget, Step, StepState, Watch, Worker
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.work import OWNER

# Beside what the engine waits for: what it compares that with.
READ_AT = Time(Source, "read_at", lambda: timedelta(0))
RARELY = 300.0


def pass_time(sandbox: Sandbox, seconds: float) -> None:
    """Make it so much later."""
    for time in (*TIMES, READ_AT):
        if time.model is not Worker:
            known = time.model._default_manager.filter(Q(**{f"{time.field}__isnull": False}))
            known.update(**{time.field: F(time.field) - timedelta(seconds=seconds)})
    sandbox.advance(seconds)


def seconds_to_wait(workspace: Workspace) -> float:
    """Until something may be due in a workspace."""
    steps = Step.objects.filter(run__workspace=workspace, state=StepState.READY)
    times = [*steps.values_list("due_at", flat=True), *Watch.objects.values_list("next_at", flat=True)]
    held = Budget.objects.get(workspace=workspace)
    ends = [end for end in (held.blocked_until, held.spent_until) if end]
    due = max([min(time for time in times if time), *ends]) if any(times) else datetime.now(UTC)
    return min(RARELY, max(0.01, (due - datetime.now(UTC)).total_seconds() + 0.01))


def work_for(
    workspace: Workspace,
    sandbox: Sandbox,
    seconds: float,
    over: Callable[[float], bool] = lambda _passed: False,
) -> float:
    """Work for so long by this clock, or until it is `over`, which is told the seconds that passed; returns these."""
    passed = 0.0
    while not over(passed):
        wait = seconds_to_wait(workspace)
        if passed + wait > seconds:
            pass_time(sandbox, seconds - passed)
            return seconds
        pass_time(sandbox, wait)
        passed += wait
        while loop.work_once(workspace.pk, OWNER):
            pass
    return passed
