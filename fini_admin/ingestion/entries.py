"""The queue's entries open, change lanes and close here alone: the counts of the lanes move with them (P3)."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import QuerySet

from fini_admin.ingestion.models import Item, Lane, QueueEntry, Run, Stage
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources import counts, mirror
from fini_admin.sources.counts import Counted
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.sources.states import ever_ingested

# What a source's state and lane are decided by, and what names it.
DECISIVE = (
    "workspace_id",
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


def open_entries_of(sources: Iterable[Source]) -> QuerySet[QueueEntry]:
    """The open entries of these sources."""
    return QueueEntry.objects.filter(source__in=[source.pk for source in sources], closed_at=None)


def open_entries(entries: Iterable[QueueEntry]) -> None:
    """Store new entries."""
    opened = QueueEntry.objects.bulk_create(entries, batch_size=CHUNK)
    counts.move(Counted.ENTRIES, Counter((entry.workspace_id, entry.lane) for entry in opened))


def close_entries(entries: QuerySet[QueueEntry], how: str, at: datetime | None = None) -> None:
    """Close open entries, now unless `at` is given; `how` is *sent*, *removed*, *gone* or *not sent*."""
    going = Counter(entries.values_list("workspace_id", "lane"))
    entries.update(closed_at=at or datetime.now(UTC), closed_how=how)
    counts.move(Counted.ENTRIES, {place: -number for place, number in going.items()})


def _put_in_lane(entries: QuerySet[QueueEntry], lane: Lane) -> None:
    """Move open entries to a lane."""
    deltas: Counter[tuple[UUID, str]] = Counter()
    moving = entries.exclude(lane=lane)
    for workspace, old in moving.values_list("workspace_id", "lane"):
        deltas[workspace, old] -= 1
        deltas[workspace, lane.value] += 1
    moving.update(lane=lane)
    counts.move(Counted.ENTRIES, deltas)


def enqueue(sources: list[Source], run: Run) -> None:
    """Open an entry for each source without one. Its lane is empty until the record was read (T2)."""
    waiting = set(open_entries_of(sources).values_list("source_id", flat=True))
    now = datetime.now(UTC)
    open_entries(
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
    # What another run opened for itself alone is asked for here as well, and waits on if that run does not send it.
    open_entries_of(sources).filter(for_run_alone=True).update(for_run_alone=False)
    if run.then_ingest:
        open_entries_of(sources).filter(run=None).update(run=run)


def queued_ids(fini_ids: list[str], workspace_id: UUID) -> set[str]:
    """Which of these IDs have an open entry; the sources first, so that no database walks the whole queue (P7)."""
    named = Source.objects.filter(workspace=workspace_id, fini_id__in=fini_ids)
    by_key = dict(named.values_list("pk", "fini_id"))
    waiting = QueueEntry.objects.filter(source__in=list(by_key), closed_at=None)
    return {by_key[key] for key in waiting.values_list("source_id", flat=True)}


def lane_of(source: Source) -> Lane:
    """The lane that a source's record decides (T2)."""
    return Lane.REFRESH if ever_ingested(source) else Lane.ADD


def set_lanes(sources: Collection[Source]) -> None:
    """Set the lane of open entries and items by the record: was it ever ingested (T2)."""
    by_lane: dict[Lane, list[Source]] = {Lane.ADD: [], Lane.REFRESH: []}
    for source in sources:
        by_lane[lane_of(source)].append(source)
    for lane, matching in by_lane.items():
        _put_in_lane(open_entries_of(matching), lane)
        Item.objects.filter(source__in=matching, stage__in=(Stage.PAIR, Stage.READ, Stage.INGEST)).update(
            lane=lane
        )


def release_entries(run: Run, sources: Collection[int]) -> None:
    """Let go of the entries of these sources (keys) that a run took and did not send: they wait again, for any run.

    What the run opened for itself alone is closed.
    """
    mine = QueueEntry.objects.filter(source__in=sources, closed_at=None, run=run)
    alone = [entry.source for entry in mine.filter(for_run_alone=True).select_related("source")]
    mine.filter(for_run_alone=False).update(run=None)
    if alone:
        close_entries(open_entries_of(alone), "not sent")
        settle_states(alone, Observation("", datetime.now(UTC), run.number))


def release_all_entries(run: Run) -> None:
    """Let go of all that a run that ended still has: an entry may belong to a source that no ID of the run came to."""
    left = QueueEntry.objects.filter(run=run, closed_at=None).values_list("source_id", flat=True)
    for part in chunks(list(left), CHUNK):
        release_entries(run, part)


def hold_for_run(run: Run, sources: Sequence[Source], lanes: Mapping[int, str]) -> None:
    """Have a run hold these sources: it takes their waiting entries, and opens one where none waits.

    `lanes` by the source's key; a source without one has its waiting entry taken, and none opened.
    """
    for part in chunks(sources, CHUNK):
        open_entries_of(part).filter(run=None).update(run=run)
        held = set(open_entries_of(part).values_list("source_id", flat=True))
        opening = [source for source in part if source.pk in lanes and source.pk not in held]
        now = datetime.now(UTC)
        open_entries(
            QueueEntry(
                workspace_id=run.workspace_id,
                source=source,
                lane=lanes[source.pk],
                opened_at=now,
                opened_by=run.actor,
                opened_run=run.number,
                run=run,
                for_run_alone=True,
            )
            for source in opening
        )
        settle_states(opening, Observation("", now, run.number))


def settle_states(sources: Collection[Source], origin: Observation, note: str = "") -> None:
    """Give these sources the state that follows from their records and from what waits, with their history."""
    queued = set(open_entries_of(sources).values_list("source_id", flat=True))
    mirror.settle_states(sources, origin, note, queued=queued)
