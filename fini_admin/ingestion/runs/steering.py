"""Steering: pause, resume and stop a run, hold all that a workspace sends. The engine asks here what may go out.

running ⇄ paused     no step is sent while paused; what was sent is followed
   ↓         ↓
 stopping            nothing is sent any more: what was not sent is skipped, what was sent is followed to its end
   ↓
 ended

A discovery has no write, but its call is held back as well: people pause to have quiet.
"""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.entries import release_all_entries
from fini_admin.ingestion.models import (
    NOT_ENDED,
    Budget,
    Item,
    ItemOutcome,
    Run,
    RunKind,
    RunState,
    Stage,
    Step,
    StepState,
)
from fini_admin.ingestion.reads import wake_watch
from fini_admin.ingestion.runs.items import finish_and_release
from fini_admin.ingestion.runs.steps import BEFORE, CARRIED
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib import lease
from fini_admin.lib.paging import PORTION
from fini_admin.lib.prepared import prepared
from fini_admin.workspaces.models import Workspace

STOPPED = "Stopped before it was sent"
IN_DOUBT = "Stopped after a call without an answer: Fini may have registered it"
NOT_ASKED = "Stopped before Fini was asked"
NOT_ALL_READ = "Stopped before the whole list was read; what was read is kept"
# The stages in which an ID has no end yet.
OPEN = [stage for stage in Stage if stage != Stage.ENDED]


class CannotSteer(Exception):
    """The act does not fit the run's state; says why, in one line."""


# Reads back what was sent (engine/read_back.py): a pause, a stop and a hold do not keep it.
READS_BACK = Q(kind=RunKind.SYNC) & ~Q(run__kind=RunKind.SYNC)


def sendable(steps: QuerySet[Step]) -> QuerySet[Step]:
    """Those of these steps whose run is neither paused nor stopped, and whose workspace is not held."""
    going = Q(run__state=RunState.RUNNING, run__workspace__budget__held_at=None)
    return steps.filter(going | READS_BACK)


def may_send(step: Step) -> bool:
    """Whether this step is `sendable`. To be called under the lock of its workspace's budget."""
    return bool(_SENDABLE(step.pk))


_SENDABLE = prepared(lambda _, step: sendable(Step.objects.filter(pk=step)).values_list("pk"))


def pause(*, by: By, run: Run) -> None:
    """Send nothing more of a run until it is resumed. Safe to repeat. Raises CannotSteer."""
    _steer(run, RunState.PAUSED, Activity.RUN_PAUSED, by)


def resume(*, by: By, run: Run) -> None:
    """Let a paused run go on. Safe to repeat. Raises CannotSteer."""
    _steer(run, RunState.RUNNING, Activity.RUN_RESUMED, by)
    wake()


def stop(*, by: By, run: Run) -> None:
    """End a run: nothing is sent any more. Safe to repeat. Raises CannotSteer for a run that has ended.

    What was not sent ends in small transactions; if this process dies in between, a worker goes on (`finish_stops`).
    """
    _steer(run, RunState.STOPPING, Activity.RUN_STOPPED, by)
    _end_what_was_not_sent(run)


@transaction.atomic
def _steer(run: Run, state: RunState, kind: Activity, by: By) -> None:
    """Move a run to a state and record it; `run` is brought up to date. What is so already stays as it is."""
    lock_budget(run.workspace)
    run.refresh_from_db(fields=["state"])
    if run.state == RunState.ENDED:
        raise CannotSteer(f"Run {run.number} has ended")
    if run.state == state:
        return
    if run.state == RunState.STOPPING:
        raise CannotSteer(f"Run {run.number} is being stopped, which cannot be taken back")
    # Who resumed it is in the trail: of a run that goes on nobody is to be named.
    run.steered_by = "" if state == RunState.RUNNING else by.actor
    run.state, run.steered_at = state, datetime.now(UTC)
    run.save(update_fields=["state", "steered_by", "steered_at"])
    chain.record(chain=str(run.workspace_id), kind=kind, by=by, run=run.number, detail={"kind": run.kind})


@transaction.atomic
def hold(*, by: By, workspace: Workspace) -> None:
    """Send nothing in a workspace, of whichever run, until it is released. Safe to repeat."""
    if lock_budget(workspace).held_at is None:
        mine = Budget.objects.filter(workspace=workspace)
        mine.update(held_by=by.actor, held_at=datetime.now(UTC))
        chain.record(chain=str(workspace.pk), kind=Activity.WORK_HELD, by=by, detail={})


@transaction.atomic
def release(*, by: By, workspace: Workspace) -> None:
    """Let a held workspace send again. Safe to repeat."""
    if lock_budget(workspace).held_at is not None:
        Budget.objects.filter(workspace=workspace).update(held_by="", held_at=None)
        chain.record(chain=str(workspace.pk), kind=Activity.WORK_RELEASED, by=by, detail={})
        wake()


def holder_of(workspace: Workspace) -> str:
    """Who holds a workspace's work; empty if nobody does."""
    held = Budget.objects.filter(workspace=workspace, held_at__isnull=False)
    return held.values_list("held_by", flat=True).first() or ""


def end_finished_runs(workspace: Workspace) -> None:
    """End each run without an open item or step, then record the head of the audit trail.

    Of a run that is being stopped, what was not sent ends first, PORTION at a time. What the others are to send and no
    step carries is cut into steps when the walk over the list ends: without a walk under way, one is ended now.
    """
    ended, going = 0, []
    for run in _GOING_ON(workspace.pk):
        if run.state == RunState.STOPPING:
            _skip_portion(run)
        if _OPEN_ITEM(run.pk) or _OPEN_STEP(run.pk):
            going.append(run)
        elif Run.objects.filter(pk=run.pk).update(
            state=RunState.ENDED,
            ended_at=datetime.now(UTC),
            # All that was sent before a pause came to its end: nobody stopped it.
            steered_by="" if run.state == RunState.PAUSED else run.steered_by,
        ):
            release_all_entries(run)
            ended += 1
    if ended:
        chain.record_head_on_commit(str(workspace.pk))
    if going and any(_is_stranded(run) for run in going):
        wake_watch(workspace)


_GOING_ON = prepared(lambda _, workspace: Run.objects.filter(workspace=workspace, state__in=NOT_ENDED))
# One index lookup for each open stage.
_OPEN_ITEM = prepared(lambda _, run: Item.objects.filter(run=run, stage__in=OPEN).values_list("pk")[:1])
_OPEN_STEP = prepared(
    lambda _, run: Step.objects.filter(run=run).exclude(state=StepState.DONE).values_list("pk")[:1]
)


def _is_stranded(run: Run) -> bool:
    """Whether no step carries what a run is to send, and nothing more is to come that would fill one."""
    if run.state == RunState.STOPPING or Item.objects.filter(run=run, stage__in=BEFORE).exists():
        return False
    return Item.objects.filter(run=run, stage__in=CARRIED, step=None).exists()


def finish_stops() -> None:
    """Go on with what a process began to stop and died over."""
    for run in Run.objects.filter(state=RunState.STOPPING).select_related("workspace"):
        _end_what_was_not_sent(run)


def _end_what_was_not_sent(run: Run) -> None:
    while _ready_steps(run).exists() or _unsent(run).exists():
        with transaction.atomic():
            lock_budget(run.workspace)
            end_finished_runs(run.workspace)
    run.refresh_from_db(fields=["state"])


def _ready_steps(run: Run) -> QuerySet[Step]:
    return Step.objects.filter(run=run, state=StepState.READY).exclude(READS_BACK)


def _unsent(run: Run) -> QuerySet[Item]:
    """The items of which no call is out: before a send, whose step is closed, or that wait for a record to be sent."""
    before = Q(stage__in=CARRIED) & (Q(step=None) | Q(step__state=StepState.DONE))
    return Item.objects.filter(
        before | Q(stage__in=(Stage.READ, Stage.ASK)) | Q(stage=Stage.PAIR, step=None), run=run
    )


def _skip_portion(run: Run) -> None:
    """Close the ready steps of a stopping run, and end at most PORTION of the items that were not sent."""
    ready = _ready_steps(run)
    if run.kind in (RunKind.DISCOVER, RunKind.SYNC, RunKind.CRAWL) and ready.filter(kind=run.kind).exists():
        words = NOT_ALL_READ if run.kind == RunKind.SYNC else NOT_ASKED
        Run.objects.filter(pk=run.pk).update(error=words)
    doubtful = list(Item.objects.filter(step__in=ready.filter(in_doubt=True), stage__in=CARRIED))
    finish_and_release(run, doubtful, ItemOutcome.UNKNOWN, IN_DOUBT)
    lease.give_back(ready, state=StepState.DONE)
    unsent = list(_unsent(run).only("source")[:PORTION])
    finish_and_release(run, unsent, ItemOutcome.SKIPPED, STOPPED)
