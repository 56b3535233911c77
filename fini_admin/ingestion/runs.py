"""Starting a run, and the end of its IDs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain as chained
from typing import NamedTuple, Protocol, TypedDict, TypeVar, Unpack

from django.db import transaction
from django.db.models import Max

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import ResourceBody
from fini_admin.ingestion import queue
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.eligibility import NO_ROUTE, TAKEN
from fini_admin.ingestion.items import finish_items
from fini_admin.ingestion.models import (
    Item,
    ItemOutcome,
    QueueEntry,
    Run,
    RunKind,
    Stage,
    Step,
)
from fini_admin.ingestion.reads import wake_watch
from fini_admin.ingestion.steps import ItemWriter, add_step, batch_size, due_batches
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


class Wait(NamedTuple):
    """A queue entry with what a run's item holds of it."""

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
    """A collection that is read once: its length, and its elements in order."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[V_co]: ...


EMPTY = "The queue is empty: nothing awaits ingestion"


class NothingToDo(Exception):
    """The run would have no ID."""


class Extra(TypedDict, total=False):
    """Options of a run: its reason, its one-time number, and what is sent along with an ingest."""

    reason: str
    token: str | None
    english: bool | None
    baser: bool | None


def run_of_token(workspace: Workspace, token: str | None) -> Run | None:
    """The run that was started with this one-time number: a form sent twice leads to the same run (P4)."""
    return Run.objects.filter(workspace=workspace, token=token).first() if token else None


def start_discover(*, by: By, workspace: Workspace, provider: str, **extra: Unpack[Extra]) -> Run:
    """Start a discovery of a provider, or find the run of the same token."""
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
    resources: Listed[ResourceBody],
    then_ingest: bool,
    **extra: Unpack[Extra],
) -> Run:
    """Register these resources in their order; with `then_ingest` the run ingests them too.

    They are read once, in pieces, inside the transaction. Raises NothingToDo.
    """
    total = len(resources)
    if provider not in PROVIDERS or not total:
        raise NothingToDo("There is nothing to register")
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        run = new_run(
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
    """Ingest the whole queue as it stands now, or these entries, each given as its position in the run and its key.

    Entries are read once, in pieces, in their sending order; those of a provider must stand together. An entry that no
    longer waits is skipped with a reason. Raises NothingToDo if none waits.
    """
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        taken = _whole_queue(workspace) if entries is None else entries
        total = len(taken)
        if not total:
            raise NothingToDo(EMPTY)
        run = new_run(workspace, RunKind.INGEST, by=by, total=total, **extra)
        writer = ItemWriter(run, batch_size(budget))
        writer.write(_ingest_items(run, taken))
        if writer.skipped == total:
            raise NothingToDo(EMPTY)
        run.skipped = writer.skipped
        run.save(update_fields=["skipped"])
        wake_watch(workspace)
    return run


def _whole_queue(workspace: Workspace) -> list[tuple[int, int]]:
    """The waiting entries as (position in the queue, key), those of a provider together."""
    mine = QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None).order_by("pk")
    by_provider: dict[str, list[tuple[int, int]]] = {}
    for position, (number, provider) in enumerate(mine.values_list("pk", "source__provider")):
        by_provider.setdefault(provider, []).append((position, number))
    return list(chained.from_iterable(by_provider.values()))


def entries_in_given_order(workspace: Workspace, numbers: Sequence[int]) -> list[QueueEntry]:
    """The entries of these keys in the order given, whether or not they still wait, with the columns SENT_OF."""
    found: dict[int, QueueEntry] = {}
    for batch in chunks(numbers, CHUNK):
        entries = QueueEntry.objects.filter(workspace=workspace, pk__in=batch).select_related("source")
        found |= {entry.pk: entry for entry in entries.only(*SENT_OF)}
    return [found[number] for number in dict.fromkeys(numbers) if number in found]


def is_waiting(entry: QueueEntry | Wait) -> bool:
    """Whether an entry is open and no run has taken it."""
    return entry.closed_at is None and entry.run_id is None


def _ingest_items(run: Run, entries: Iterable[tuple[int, int]]) -> Iterator[Item]:
    """One item an entry, which the run takes."""
    for part in chunks(entries, CHUNK):
        found = QueueEntry.objects.filter(workspace=run.workspace_id, pk__in=[number for _, number in part])
        waits = {row[0]: Wait(*row) for row in found.values_list(*WAIT_OF)}
        free = [number for number, wait in waits.items() if is_waiting(wait)]
        QueueEntry.objects.filter(pk__in=free).update(run=run)
        yield from (_ingest_item(position, waits[number]) for position, number in part)


def _ingest_item(position: int, wait: Wait) -> Item:
    """The item of an entry: read first if its lane is unknown (T2), skipped if it no longer waits."""
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


def new_run(workspace: Workspace, kind: RunKind, *, by: By, **fields: object) -> Run:
    """Store the next run of a workspace, record it in the audit trail and wake the workers."""
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


def add_due_steps(run: Run) -> None:
    """Cut what may be sent by now into steps; refuse the items of a kind that this Fini has no route for."""
    for kind, provider, batch in due_batches(run):
        if _has_no_route(run, kind):
            finish_and_release(run, batch, ItemOutcome.REFUSED, NO_ROUTE[kind])
        else:
            add_step(run, kind, provider, batch)


def _has_no_route(run: Run, kind: RunKind) -> bool:
    """Whether Fini answered a step of the run that it does not have the route."""
    return kind in NO_ROUTE and Step.objects.filter(run=run, kind=kind, refusal=NO_ROUTE[kind]).exists()


def finish_and_release(run: Run, items: Sequence[Item], outcome: ItemOutcome, reason: str = "") -> None:
    """Give items their outcome; unless it is *done*, release their queue entries, in batches of CHUNK."""
    for batch in chunks(items, CHUNK):
        finish_items(run.pk, Item.objects.filter(pk__in=[item.pk for item in batch]), outcome, reason)
        if outcome != ItemOutcome.DONE:
            queue.release_entries(run, [item.source_id for item in batch if item.source_id])
