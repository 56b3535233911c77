"""The queue's entries open, change lanes and close here alone: the counts of the lanes move with them (P3)."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import QuerySet

from fini_admin.ingestion.models import Lane, QueueEntry
from fini_admin.lib.paging import CHUNK
from fini_admin.sources import counts
from fini_admin.sources.counts import Counted
from fini_admin.sources.models import Source


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


def put_in_lane(entries: QuerySet[QueueEntry], lane: Lane) -> None:
    """Move open entries to a lane."""
    deltas: Counter[tuple[UUID, str]] = Counter()
    moving = entries.exclude(lane=lane)
    for workspace, old in moving.values_list("workspace_id", "lane"):
        deltas[workspace, old] -= 1
        deltas[workspace, lane.value] += 1
    moving.update(lane=lane)
    counts.move(Counted.ENTRIES, deltas)
