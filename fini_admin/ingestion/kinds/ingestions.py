"""Ingestions: what waits in the queue is sent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Unpack

from django.db import transaction

from fini_admin.audit.names import By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.eligibility import TAKEN, unaddressed, why_not
from fini_admin.ingestion.models import (
    Item,
    ItemOutcome,
    Preview,
    PreviewRow,
    QueueEntry,
    RowGroupName,
    Run,
    RunKind,
    Stage,
)
from fini_admin.ingestion.planning.preview_store import (
    in_sending_order,
    number_of_ids,
    rows_in_sending_order,
    store_preview,
)
from fini_admin.ingestion.queue import COLUMNS_FOR_RUN, EntryForRun, is_waiting
from fini_admin.ingestion.reads import request_read, wake_watch
from fini_admin.ingestion.runs.starting import CannotStart, RunOptions, SizedIterable, start_run
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

EMPTY = "The queue is empty: nothing awaits ingestion"
NONE_LEFT = "None of these is waiting any more: another run has them, or they were taken out of the queue"


def freeze_ingest(*, workspace: Workspace, entries: Sequence[QueueEntry]) -> Preview:
    """These entries in their order, less what may not be sent now, which is counted by reason.

    Raises CannotStart when none may be sent.
    """
    queued = {entry.source_id for entry in entries if is_waiting(entry)}
    skipped: Counter[str] = Counter()
    addresses: set[str] = set()
    by_provider: dict[str, list[PreviewRow]] = {}
    position = 0
    for entry in entries:
        reason = why_not(entry.source, queued) or unaddressed(entry.source, addresses)
        if reason:
            skipped[reason] += 1
            continue
        row = PreviewRow(group=RowGroupName.ENTRY, position=position, entry=entry)
        by_provider.setdefault(entry.source.provider, []).append(row)
        position += 1
    if not by_provider:
        raise CannotStart(f"None of these can be sent: {'; '.join(skipped) or 'nothing waits'}")
    summary = {
        "providers": [(name, len(rows)) for name, rows in by_provider.items()],
        "skipped": dict(skipped),
    }
    preview = Preview(workspace=workspace, kind=RunKind.INGEST, summary=summary)
    return store_preview(preview, in_sending_order(by_provider.values()))


@dataclass(frozen=True, slots=True)
class FrozenEntries:
    """The queue entries of an ingest's preview in the order of sending, read in pieces: their positions and numbers."""

    preview: Preview

    def __len__(self) -> int:
        return number_of_ids(self.preview)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for rows in rows_in_sending_order(self.preview):
            yield from ((row.position or 0, row.entry_id or 0) for row in rows)


def start_ingest(
    *,
    by: By,
    workspace: Workspace,
    entries: SizedIterable[tuple[int, int]] | None = None,
    **extra: Unpack[RunOptions],
) -> Run:
    """Ingest the whole queue as it stands now, or these entries, each given as its position in the run and its key.

    Entries are read once, in pieces, in their sending order; those of a provider must stand together. An entry that no
    longer waits is skipped with a reason. Raises CannotStart if none waits.
    """
    with transaction.atomic():
        lock_budget(workspace)  # no other run takes what waits meanwhile
        taken = _whole_queue(workspace) if entries is None else entries
        return start_run(
            workspace,
            RunKind.INGEST,
            partial(_ingest_items, taken),
            by=by,
            none_left=NONE_LEFT if entries else EMPTY,
            total=len(taken),
            **extra,
        )


def _whole_queue(workspace: Workspace) -> list[tuple[int, int]]:
    """The waiting entries as (position in the queue, key), those of a provider together."""
    mine = QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None).order_by("pk")
    by_provider: dict[str, list[tuple[int, int]]] = {}
    for position, (number, provider) in enumerate(mine.values_list("pk", "source__provider")):
        by_provider.setdefault(provider, []).append((position, number))
    return list(chain.from_iterable(by_provider.values()))


def _ingest_items(entries: Iterable[tuple[int, int]], run: Run) -> Iterator[Item]:
    """One item an entry, which the run takes; then what was not read yet is asked for."""
    for part in chunks(entries, CHUNK):
        found = QueueEntry.objects.filter(workspace=run.workspace_id, pk__in=[number for _, number in part])
        waits = {row[0]: EntryForRun(*row) for row in found.values_list(*COLUMNS_FOR_RUN)}
        free = [number for number, wait in waits.items() if is_waiting(wait)]
        QueueEntry.objects.filter(pk__in=free).update(run=run)
        yield from (_ingest_item(position, waits[number]) for position, number in part)
    unread = Source.objects.filter(entries__run=run, entries__closed_at=None, entries__lane="")
    if missing := list(unread.filter(wanted_since=None)):
        request_read(run.workspace, missing, run.created_at)
    wake_watch(run.workspace)


def _ingest_item(position: int, wait: EntryForRun) -> Item:
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
