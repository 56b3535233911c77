"""The queue: the source IDs awaiting ingestion, one open entry each (P4), in two lanes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import QuerySet

from fini_admin.ingestion.models import Item, Lane, QueueEntry, Run, Stage
from fini_admin.sources.models import Source
from fini_admin.sources.states import ever_ingested


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


def set_lanes(sources: list[Source]) -> None:
    """Set each lane by what the record says: was it ever ingested (trap 2)."""
    for lane, again in ((Lane.ADD, False), (Lane.REFRESH, True)):
        matching = [source for source in sources if ever_ingested(source) is again]
        open_entries(matching).exclude(lane=lane).update(lane=lane)
        Item.objects.filter(source__in=matching, stage__in=(Stage.PAIR, Stage.INGEST)).update(lane=lane)


def close(sources: Iterable[Source], how: str) -> None:
    """The wait is over: sent, removed or gone."""
    open_entries(sources).update(closed_at=datetime.now(UTC), closed_how=how)


def release(run: Run, sources: Iterable[Source]) -> None:
    """What the run had taken and did not send waits again, for whoever sends it next."""
    open_entries(sources).filter(run=run).update(run=None)
