"""Starting a run, cutting it into steps, and its end."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain as chained
from typing import NamedTuple, Protocol, TypedDict, TypeVar, Unpack

from django.db import transaction
from django.db.models import F, Max, QuerySet

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import ResourceBody
from fini_admin.ingestion import queue
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.eligibility import TAKEN
from fini_admin.ingestion.models import (
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
from fini_admin.ingestion.steps import ItemWriter, add_step, batch_size
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.workspaces.models import Workspace

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


V_co = TypeVar("V_co", covariant=True)


class Listed(Protocol[V_co]):
    """What a run is made of: how many there are, and all of them in their order."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[V_co]: ...


EMPTY = "The queue is empty: nothing awaits ingestion"


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
        run = _new_run(workspace, RunKind.DISCOVER, by=by, provider=provider, **extra)
        add_step(run, RunKind.DISCOVER, provider, [])
    return run


def start_register(
    *,
    by: By,
    workspace: Workspace,
    provider: str,
    resources: Listed[ResourceBody],
    then_ingest: bool,
    **extra: Unpack[Extra],
) -> Run:
    """Register these resources, in batches in their order; with `then_ingest` the run also ingests them.

    They are read once, in pieces. Raises NothingToDo.
    """
    total = len(resources)
    if provider not in PROVIDERS or not total:
        raise NothingToDo("There is nothing to register")
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        run = _new_run(
            workspace,
            RunKind.REGISTER,
            by=by,
            provider=provider,
            total=total,
            then_ingest=then_ingest,
            **extra,
        )
        ItemWriter(run, batch_size(budget)).write(_register_items(provider, resources))
    return run


def _register_items(provider: str, resources: Iterable[ResourceBody]) -> Iterator[Item]:
    """One item a resource, in the given order; of no run yet."""
    for position, resource in enumerate(resources):
        yield Item(
            position=position,
            stage=Stage.REGISTER,
            provider=provider,
            external_id=resource["externalId"],
            resource=resource,
        )


def start_ingest(
    *,
    by: By,
    workspace: Workspace,
    entries: Listed[tuple[int, int]] | None = None,
    **extra: Unpack[Extra],
) -> Run:
    """Send what waits: the whole queue as it stands now, or these entries: their positions in the run and numbers.

    They are read once, in pieces, and sent in the order given, in which those of a provider stand together. Those that
    do not wait any more are skipped, and the run says so. Raises NothingToDo when nothing waits.
    """
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        taken = _whole_queue(workspace) if entries is None else entries
        total = len(taken)
        if not total:
            raise NothingToDo(EMPTY)
        run = _new_run(workspace, RunKind.INGEST, by=by, total=total, **extra)
        writer = ItemWriter(run, batch_size(budget))
        writer.write(_ingest_items(run, taken))
        if writer.skipped == total:
            raise NothingToDo(EMPTY)
        run.skipped = writer.skipped
        run.save(update_fields=["skipped"])
        Watch.objects.filter(workspace=workspace, next_at=None).update(next_at=datetime.now(UTC))
    return run


def _whole_queue(workspace: Workspace) -> list[tuple[int, int]]:
    """What waits: each entry's place in the queue, from 0, and its number; those of a provider together."""
    mine = QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None).order_by("pk")
    by_provider: dict[str, list[tuple[int, int]]] = {}
    for position, (number, provider) in enumerate(mine.values_list("pk", "source__provider")):
        by_provider.setdefault(provider, []).append((position, number))
    return list(chained.from_iterable(by_provider.values()))


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


def _ingest_items(run: Run, entries: Iterable[tuple[int, int]]) -> Iterator[Item]:
    """One item a source, whose entry the run takes; one without a lane is read first (T2)."""
    for part in chunks(entries, CHUNK):
        found = QueueEntry.objects.filter(workspace=run.workspace_id, pk__in=[number for _, number in part])
        waits = {row[0]: Wait(*row) for row in found.values_list(*WAIT_OF)}
        free = [number for number, wait in waits.items() if is_waiting(wait)]
        QueueEntry.objects.filter(pk__in=free).update(run=run)
        yield from (_ingest_item(position, waits[number]) for position, number in part)


def _ingest_item(position: int, wait: Wait) -> Item:
    """The item of an entry; it is skipped if the entry waits no more."""
    item = Item(
        position=position,
        stage=Stage.INGEST if wait.lane else Stage.PAIR,
        provider=wait.provider,
        external_id=wait.external_id,
        source_id=wait.source_id,
        lane=wait.lane,
    )
    if not is_waiting(wait):
        item.stage, item.outcome, item.reason = Stage.ENDED, ItemOutcome.SKIPPED, TAKEN
    return item


def _new_run(workspace: Workspace, kind: RunKind, *, by: By, **fields: object) -> Run:
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
