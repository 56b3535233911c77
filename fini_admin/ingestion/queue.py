"""The queue: the source IDs awaiting ingestion, one open entry each (P4), in two lanes."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.models import Item, Lane, QueueEntry, Run, Stage
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Origin
from fini_admin.sources.models import Source
from fini_admin.sources.states import BUSY, State, ever_ingested
from fini_admin.workspaces.models import Workspace

REMOVED = "removed"
PORTION = 5000  # IDs a transaction: everyone else who writes waits for it
NAMED = 100  # so many IDs stand in the audit trail's entry; the sources' histories name every one
# What a source's state and lane are decided by, and what names it.
DECISIVE = (
    "fini_id",
    "state",
    "read_at",
    "sent_at",
    "job_id",
    "job_status",
    "success",
    "error",
    "updated_at",
    "paragraphs",
    "before_job",
    "before_status",
    "before_updated",
)


def enqueue(sources: list[Source], run: Run) -> None:
    """Open an entry for each source that has none; its lane stays open until the record was read (trap 2)."""
    waiting = set(open_entries(sources).values_list("source_id", flat=True))
    now = datetime.now(UTC)
    QueueEntry.objects.bulk_create(
        QueueEntry(
            workspace_id=source.workspace_id,
            source=source,
            opened_at=now,
            opened_by=run.actor,
            opened_run=run.number,
            run=run if run.then_ingest else None,
        )
        for source in sources
        if source.pk not in waiting
    )
    if run.then_ingest:
        open_entries(sources).filter(run=None).update(run=run)


def open_entries(sources: Iterable[Source]) -> QuerySet[QueueEntry]:
    """The open entries of these sources."""
    return QueueEntry.objects.filter(source__in=[source.pk for source in sources], closed_at=None)


def queued_ids(fini_ids: list[str], workspace_id: UUID) -> set[str]:
    """Which of these IDs have an open entry."""
    entries = QueueEntry.objects.filter(
        closed_at=None, source__fini_id__in=fini_ids, workspace_id=workspace_id
    )
    return set(entries.values_list("source__fini_id", flat=True))


def set_lanes(sources: Collection[Source]) -> None:
    """Set each lane by what the record says: was it ever ingested (trap 2)."""
    for lane, again in ((Lane.ADD, False), (Lane.REFRESH, True)):
        matching = [source for source in sources if ever_ingested(source) is again]
        open_entries(matching).exclude(lane=lane).update(lane=lane)
        Item.objects.filter(source__in=matching, stage__in=(Stage.PAIR, Stage.INGEST)).update(lane=lane)


def close(sources: Iterable[Source], how: str) -> None:
    """The wait is over: sent, removed or gone."""
    open_entries(sources).update(closed_at=datetime.now(UTC), closed_how=how)


def release(run: Run, sources: Collection[int]) -> None:
    """What the run had taken and did not send waits again, for whoever sends it next: sources by their numbers."""
    QueueEntry.objects.filter(source__in=sources, closed_at=None, run=run).update(run=None)


@dataclass(slots=True)
class Moved:
    """The sources that went into the queue or out of it, and how many did not, by reason."""

    sources: list[Source] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)


def remove(*, by: By, workspace: Workspace, entries: Collection[int]) -> Moved:
    """Take these entries (their numbers) out of the queue; what a run has taken stays, and so does what is out."""
    moved = Moved()
    for portion in chunks(sorted(set(entries)), PORTION):
        with transaction.atomic():
            lock_budget(workspace)
            going = [entry for part in chunks(portion, CHUNK) for entry in removable(moved, workspace, part)]
            now = datetime.now(UTC)
            for part in chunks([entry.pk for entry in going], CHUNK):
                QueueEntry.objects.filter(pk__in=part).update(closed_at=now, closed_how=REMOVED)
            sources = [entry.source for entry in going]
            settle(sources, f"Removed from the queue by {by.actor}", queued=False)
            record(Activity.QUEUE_REMOVED, sources, workspace, by)
        moved.sources += sources
    return moved


def removable(moved: Moved, workspace: Workspace, numbers: Sequence[int]) -> list[QueueEntry]:
    """Those entries that may go out of the queue; the others are counted by reason."""
    mine = QueueEntry.objects.filter(workspace=workspace, pk__in=numbers).select_related("source")
    found = {
        entry.pk: entry for entry in mine.only("closed_at", "run_id", *(f"source__{n}" for n in DECISIVE))
    }
    going = []
    for number in numbers:
        entry = found.get(number)
        if entry is None:
            moved.left["it is not in this queue"] += 1
        elif entry.closed_at:
            moved.left["it was out of the queue already"] += 1
        elif entry.run_id:
            moved.left["a run has taken it"] += 1
        else:
            going.append(entry)
    return going


def put_back(*, by: By, workspace: Workspace, sources: Collection[int]) -> Moved:
    """Have these sources (their numbers) wait for ingestion again, but for those that are at it, gone or waiting."""
    moved = Moved()
    for portion in chunks(sorted(set(sources)), PORTION):
        with transaction.atomic():
            lock_budget(workspace)
            coming = [source for part in chunks(portion, CHUNK) for source in fit(moved, workspace, part)]
            QueueEntry.objects.bulk_create(
                [entry_for(source, by.actor) for source in coming], batch_size=CHUNK
            )
            settle(coming, f"Put back into the queue by {by.actor}", queued=True)
            record(Activity.QUEUE_PUT_BACK, coming, workspace, by)
        moved.sources += coming
    return moved


def fit(moved: Moved, workspace: Workspace, numbers: Sequence[int]) -> list[Source]:
    """Those sources that may go into the queue; the others are counted by reason."""
    mine = Source.objects.filter(workspace=workspace, pk__in=numbers).only("workspace_id", *DECISIVE)
    found = {source.pk: source for source in mine}
    waiting = set(open_entries(found.values()).values_list("source_id", flat=True))
    coming = []
    for number in numbers:
        source = found.get(number)
        if source is None:
            moved.left["it is not in this workspace"] += 1
        elif source.state == State.GONE:
            moved.left["it is no longer in Fini"] += 1
        elif source.pk in waiting:
            moved.left["it is in the queue already"] += 1
        elif source.state in BUSY:
            moved.left["its last job has not ended"] += 1
        else:
            coming.append(source)
    return coming


def entry_for(source: Source, actor: str) -> QueueEntry:
    """A wait that a person began; its lane is what the record says (trap 2), open until it was read."""
    lane = "" if source.read_at is None else Lane.REFRESH if ever_ingested(source) else Lane.ADD
    now = datetime.now(UTC)
    return QueueEntry(
        workspace_id=source.workspace_id, source=source, lane=lane, opened_at=now, opened_by=actor
    )


def settle(sources: list[Source], note: str, *, queued: bool) -> None:
    """Give the sources the state that follows, with their history."""
    by_state: dict[State, list[Source]] = {}
    for source in sources:
        by_state.setdefault(mirror.next_state(source, queued=queued), []).append(source)
    shown = Origin("", datetime.now(UTC))
    for state, alike in by_state.items():
        for part in chunks(alike, CHUNK):
            mirror.move_all(part, state, shown, note)


def record(kind: Activity, sources: list[Source], workspace: Workspace, by: By) -> None:
    """Say it in the audit trail, unless nothing was changed."""
    if not sources:
        return
    ids = [source.fini_id for source in sources]
    detail: dict[str, object] = {"number": len(ids), "ids": ids[:NAMED]}
    chain.record(chain=str(workspace.pk), kind=kind, by=by, detail=detail)
