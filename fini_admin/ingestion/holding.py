"""Which run is at work on a source: what one run has, no other sends or deletes."""

from collections.abc import Collection

from django.db.models import QuerySet

from fini_admin.ingestion.items import FOLLOWED
from fini_admin.ingestion.models import Item, QueueEntry, Run, Stage

# Only the entry tells of an item that is still to be sent; in these stages the item does.
HOLDING = (*FOLLOWED, Stage.DELETE)


def busy_items(sources: Collection[int]) -> QuerySet[Item]:
    """The items of these sources (their keys) that a run follows or is to delete."""
    return Item.objects.filter(source__in=sources, stage__in=HOLDING).exclude(stage=Stage.ENDED)


def holders(sources: Collection[int], *, but: Run | None = None) -> dict[int, int]:
    """Which run has each of these sources (their keys): it is to send it, follows it, or is to delete it.

    By the source's key the run's number; what no run but `but` has is left out. One query.
    """
    items = busy_items(sources)
    entries = QueueEntry.objects.filter(source__in=sources, closed_at=None, run__isnull=False)
    if but:
        items, entries = items.exclude(run=but), entries.exclude(run=but)
    rows = items.values_list("source_id", "run__number").union(
        entries.values_list("source_id", "run__number")
    )
    return dict(rows)
