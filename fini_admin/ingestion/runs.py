"""Starting a run, cutting it into steps, and its end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import NamedTuple, TypedDict, Unpack

from django.db import transaction
from django.db.models import F, Max, QuerySet

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import Resource
from fini_admin.ingestion import queue
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.eligibility import NO_ROUTE, TAKEN
from fini_admin.ingestion.models import (
    Budget,
    Item,
    ItemOutcome,
    QueueEntry,
    Run,
    RunKind,
    RunState,
    Stage,
    Step,
    StepState,
    Watch,
)
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences

# What is read of a queue entry to send it: a source's other columns are many.
SENT_OF = (
    "lane",
    "closed_at",
    "run_id",
    "source_id",
    *(
        f"source__{name}"
        for name in ("provider", "external_id", "fini_id", "original_url", "state", "workspace_id")
    ),
)


# The stages in which an ID has no end yet.
OPEN = [stage for stage in Stage if stage != Stage.ENDED]
# The stages in which a step carries an item, with the step's kind.
CARRIED: dict[str, RunKind] = {
    Stage.REGISTER: RunKind.REGISTER,
    Stage.INGEST: RunKind.INGEST,
    Stage.REFRESH: RunKind.REFRESH,
    Stage.DELETE: RunKind.DELETE,
}
# Those before the others: more may come to be sent while an item is in one of them.
BEFORE = (Stage.REGISTER, Stage.PAIR, Stage.READ)


class Wait(NamedTuple):
    """A queue entry as a run takes it, with what its items hold."""

    pk: int
    closed_at: datetime | None
    run_id: int | None
    source_id: int
    lane: str
    provider: str
    external_id: str


WAIT_OF = ("pk", "closed_at", "run_id", "source_id", "lane", "source__provider", "source__external_id")


class NothingToDo(Exception):
    """The run would have no single ID."""


class Extra(TypedDict, total=False):
    """What a run may be given beyond what it does: why, its one-time number, and what ingest sends along."""

    reason: str
    token: str | None
    english: bool | None
    baser: bool | None


def run_of_token(workspace: Workspace, token: str | None) -> Run | None:
    """The run that came of this one-time number, if one did: a form sent twice leads to the same run (P4)."""
    return Run.objects.filter(workspace=workspace, token=token).first() if token else None


def start_discover(*, by: By, workspace: Workspace, provider: str, **extra: Unpack[Extra]) -> Run:
    """Ask a provider what can be imported."""
    with transaction.atomic():
        lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        run = new_run(workspace, RunKind.DISCOVER, by=by, provider=provider, **extra)
        add_step(run, RunKind.DISCOVER, provider, [])
    return run


def start_register(
    *,
    by: By,
    workspace: Workspace,
    provider: str,
    resources: Sequence[Resource],
    then_ingest: bool,
    **extra: Unpack[Extra],
) -> Run:
    """Register these resources, in batches in their order; with `then_ingest` the run also ingests them."""
    if provider not in PROVIDERS or not resources:
        raise NothingToDo("There is nothing to register")
    items = list(_register_items(provider, resources))  # before anybody has to wait for it
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        run = new_run(
            workspace,
            RunKind.REGISTER,
            by=by,
            provider=provider,
            total=len(resources),
            then_ingest=then_ingest,
            **extra,
        )
        store_items(run, items, batch_size(budget))
    return run


def _register_items(provider: str, resources: Sequence[Resource]) -> Iterator[Item]:
    """One item a resource, in the given order; of no run yet."""
    for position, resource in enumerate(resources):
        yield Item(
            position=position,
            stage=Stage.REGISTER,
            provider=provider,
            external_id=resource.external_id,
            resource=asdict(resource),
        )


def start_ingest(
    *,
    by: By,
    workspace: Workspace,
    entries: Sequence[int] | None = None,
    **extra: Unpack[Extra],
) -> Run:
    """Send what waits: the whole queue as it stands now, or these entries (their numbers) in the given order.

    Of given entries, those that do not wait any more are skipped, and the run says so. Raises NothingToDo when
    nothing waits.
    """
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        taken = _entries_to_send(workspace, entries)
        skipped = sum(not is_waiting(entry) for entry in taken)
        if skipped == len(taken):
            raise NothingToDo("The queue is empty: nothing awaits ingestion")
        run = new_run(
            workspace,
            RunKind.INGEST,
            by=by,
            total=len(taken),
            skipped=skipped,
            **extra,
        )
        for batch in chunks([entry for entry in taken if is_waiting(entry)], CHUNK):
            QueueEntry.objects.filter(pk__in=[entry.pk for entry in batch]).update(run=run)
        store_items(run, list(_ingest_items(taken)), batch_size(budget))
        Watch.objects.filter(workspace=workspace, next_at=None).update(next_at=datetime.now(UTC))
    return run


def _entries_to_send(workspace: Workspace, numbers: Sequence[int] | None) -> list[Wait]:
    """The whole queue in its order, or as `chosen`: plain rows, for a run may have 100,000 and others wait for it."""
    mine = QueueEntry.objects.filter(workspace=workspace)
    if numbers is None:
        parts = [mine.filter(closed_at=None, run=None).order_by("pk")]
    else:
        parts = [mine.filter(pk__in=batch) for batch in chunks(numbers, CHUNK)]
    found = {row[0]: Wait(*row) for part in parts for row in part.values_list(*WAIT_OF)}
    return [found[number] for number in dict.fromkeys(numbers or found) if number in found]


def entries_in_given_order(workspace: Workspace, numbers: Sequence[int]) -> list[QueueEntry]:
    """The entries of these numbers in the order given, whether or not they still wait; less what nobody here reads."""
    found: dict[int, QueueEntry] = {}
    for batch in chunks(numbers, CHUNK):
        entries = QueueEntry.objects.filter(workspace=workspace, pk__in=batch).select_related("source")
        found |= {entry.pk: entry for entry in entries.only(*SENT_OF)}
    return [found[number] for number in dict.fromkeys(numbers) if number in found]


def is_waiting(entry: QueueEntry | Wait) -> bool:
    """Whether an entry still waits: neither sent nor removed, and no run has it."""
    return entry.closed_at is None and entry.run_id is None


def _ingest_items(entries: Sequence[Wait]) -> Iterator[Item]:
    """One item a source; one without a lane is read first (trap 2), one that waits no more is skipped."""
    for position, entry in enumerate(entries):
        item = Item(
            position=position,
            stage=Stage.INGEST if entry.lane else Stage.PAIR,
            provider=entry.provider,
            external_id=entry.external_id,
            source_id=entry.source_id,
            lane=entry.lane,
        )
        if not is_waiting(entry):
            item.stage, item.outcome, item.reason = Stage.ENDED, ItemOutcome.SKIPPED, TAKEN
        yield item


def new_run(workspace: Workspace, kind: RunKind, *, by: By, **fields: object) -> Run:
    """The next run of a workspace, with its entry in the audit trail."""
    last = Run.objects.filter(workspace=workspace).aggregate(Max("number"))["number__max"] or 0
    run = Run(
        workspace=workspace,
        number=last + 1,
        kind=kind,
        actor=by.actor,
        origin=by.origin,
        created_at=datetime.now(UTC),
    )
    for name, value in fields.items():
        setattr(run, name, value)
    run.save(force_insert=True)
    detail: dict[str, object] = {"kind": str(kind), "provider": run.provider, "total": run.total}
    detail |= {"reason": run.reason} if run.reason else {}
    chain.record(
        chain=str(workspace.pk),
        kind=Activity.RUN_STARTED,
        by=by,
        run=run.number,
        detail=detail,
    )
    wake()
    return run


def add_step(
    run: Run, kind: RunKind, provider: str, items: Sequence[Item], *, root: Step | None = None, tries: int = 0
) -> Step:
    """A step that is ready, carrying these items."""
    number = (Step.objects.filter(run=run).aggregate(Max("number"))["number__max"] or 0) + 1
    step = Step.objects.create(
        run=run, number=number, kind=kind, provider=provider, due_at=datetime.now(UTC), root=root, tries=tries
    )
    Item.objects.filter(pk__in=[item.pk for item in items]).update(step=step)
    return step


def store_items(run: Run, items: Sequence[Item], size: int) -> None:
    """Write a new run's items, each with the step that carries it once it may go out.

    Every row is written once and none is read again: whoever else writes waits for it (SQLite).
    """
    ready = [item for item in items if item.stage in CARRIED]
    parts = list(_batches(ready, size, more=any(item.stage in BEFORE for item in items)))
    steps = Step.objects.bulk_create(
        Step(run=run, number=number, kind=kind, provider=provider, due_at=run.created_at)
        for number, (kind, provider, _) in enumerate(parts, 1)
    )
    for item in items:
        item.run_id = run.pk
    for step, (*_, batch) in zip(steps, parts, strict=True):
        for item in batch:
            item.step_id = step.pk
    Item.objects.bulk_create(items, batch_size=CHUNK)


def add_due_steps(run: Run) -> None:
    """Cut what may be sent by now into steps; of a kind that Fini has no route for nothing more is sent."""
    waiting = Item.objects.filter(run=run, stage__in=CARRIED, step=None).order_by("position")
    more = Item.objects.filter(run=run, stage__in=BEFORE).exists()
    size = batch_size(Budget.objects.get(workspace=run.workspace_id))
    for kind, provider, batch in _batches(waiting.only("provider", "stage", "source"), size, more=more):
        if _has_no_route(run, kind):
            finish_and_release(run, batch, ItemOutcome.REFUSED, NO_ROUTE[kind])
        else:
            add_step(run, kind, provider, batch)


def _has_no_route(run: Run, kind: RunKind) -> bool:
    """Whether Fini answered a step of this run that it does not have the route."""
    return kind in NO_ROUTE and Step.objects.filter(run=run, kind=kind, refusal=NO_ROUTE[kind]).exists()


def _batches(
    items: Iterable[Item], size: int, *, more: bool
) -> Iterator[tuple[RunKind, str, Sequence[Item]]]:
    """What the calls carry, each of one kind and one provider (T8).

    Full batches at once; the rest when no `more` is to come, but for what is registered first.
    """
    alike: dict[tuple[RunKind, str], list[Item]] = {}
    for item in items:
        alike.setdefault((CARRIED[item.stage], item.provider), []).append(item)
    for (kind, provider), mine in alike.items():
        for batch in chunks(mine, size):
            if len(batch) == size or not more or kind == RunKind.REGISTER:
                yield kind, provider, batch


def batch_size(budget: Budget) -> int:
    """How many IDs a call may carry: the workspace's, or what Fini said is the most."""
    own = preferences(budget.workspace_id).batch_size
    return min(own, budget.batch_limit or own)


def finish_and_release(run: Run, items: Sequence[Item], outcome: ItemOutcome, reason: str = "") -> None:
    """These IDs have their end; what was not sent waits in the queue again."""
    for batch in chunks(items, CHUNK):
        finish_items(run.pk, Item.objects.filter(pk__in=[item.pk for item in batch]), outcome, reason)
        if outcome != ItemOutcome.DONE:
            queue.release_entries(run, [item.source_id for item in batch if item.source_id])


def finish_items(run: int, items: QuerySet[Item], outcome: ItemOutcome, reason: str) -> None:
    """Give items of a run (its key) their end, and count them in it. One that has its end keeps it."""
    ended = items.filter(outcome=None).update(stage=Stage.ENDED, outcome=outcome, reason=reason)
    Run.objects.filter(pk=run).update(**{outcome.value: F(outcome.value) + ended})


def end_finished_runs(workspace: Workspace) -> None:
    """End each run of the workspace of which no ID and no step is open; then the trail's head is recorded."""
    ended = 0
    for run in Run.objects.filter(workspace=workspace, state=RunState.RUNNING):
        if not _any_open(run) and not Step.objects.filter(run=run).exclude(state=StepState.DONE).exists():
            ended += Run.objects.filter(pk=run.pk).update(state=RunState.ENDED, ended_at=datetime.now(UTC))
    if ended:
        chain.record_head_on_commit(str(workspace.pk))


def _any_open(run: Run) -> bool:
    """Whether an ID of the run has no end yet: a look into an index for each stage before the last."""
    return Item.objects.filter(run=run, stage__in=OPEN).exists()
