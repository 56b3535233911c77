"""An item's way through its stages: each change moves the counts of its run in the same transaction (P3).

Also which run has a source: what one run has, no other sends or deletes.

After it was made, an item's stage changes here and nowhere else.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from fini_admin.ingestion.entries import release_entries
from fini_admin.ingestion.models import Item, ItemOutcome, QueueEntry, Run, Stage, StepState
from fini_admin.lib.paging import CHUNK, chunks

# What a run counts as sent: followed, an address whose record is to be found, and registered without its record having
# been read. An ingest whose lane is not known waits for its record as well, and no step has carried it.
_SENT_STAGES = (Stage.FOLLOW, Stage.FIND)
SENT = Q(stage__in=_SENT_STAGES) | Q(stage=Stage.PAIR, step__isnull=False)
RUNNING = Q(stage=Stage.RUNNING)
FOLLOWED = (Stage.FOLLOW, Stage.RUNNING)
STARTS_JOBS = (Stage.INGEST, Stage.REFRESH)
# Only the entry tells of an item that is still to be sent; in these stages the item does.
HOLDING = (*FOLLOWED, Stage.DELETE)


def move_items(run: int, items: QuerySet[Item], stage: Stage, **values: Any) -> None:
    """Move items of a run (its key) to a stage, and set `values` with it. An item that has its end keeps it."""
    going = items.filter(outcome=None)
    left = _sent_and_running(going)
    moved = going.update(stage=stage, **values)
    sent = stage in _SENT_STAGES or (stage == Stage.PAIR and values.get("step") is not None)
    _count(run, left, sent=moved * sent, running=moved * (stage == Stage.RUNNING))


def finish_items(run: int, items: QuerySet[Item], outcome: ItemOutcome, reason: str) -> None:
    """Give items of a run (its key) their outcome and count them. An item that has an outcome keeps it."""
    going = items.filter(outcome=None)
    left = _sent_and_running(going)
    ended = going.update(stage=Stage.ENDED, outcome=outcome, reason=reason)
    _count(run, left, **{outcome.value: ended})


def finish_and_release(run: Run, items: Sequence[Item], outcome: ItemOutcome, reason: str = "") -> None:
    """Give items their outcome; unless it is *done*, release their queue entries, in batches of CHUNK."""
    for batch in chunks(items, CHUNK):
        finish_items(run.pk, Item.objects.filter(pk__in=[item.pk for item in batch]), outcome, reason)
        if outcome != ItemOutcome.DONE:
            release_entries(run, [item.source_id for item in batch if item.source_id])


def _sent_and_running(items: QuerySet[Item]) -> dict[str, int]:
    numbers: dict[str, int] = items.order_by().aggregate(
        sent=Count("pk", filter=SENT), running=Count("pk", filter=RUNNING)
    )
    return numbers


def _count(run: int, left: dict[str, int], **came: int) -> None:
    """Move a run's counts by what left *sent* and *running*, and by what came to where."""
    deltas = {name: came.get(name, 0) - left.get(name, 0) for name in {*left, *came}}
    moved = {name: F(name) + delta for name, delta in deltas.items() if delta}
    if moved:
        Run.objects.filter(pk=run).update(**moved)


def busy_items(sources: Collection[int]) -> QuerySet[Item]:
    """The items of these sources (their keys) that a run follows or is to delete."""
    return _busy(source__in=sources)


def _busy(**of: Any) -> QuerySet[Item]:
    # The exclusion changes nothing but lets the partial index item_followed serve it.
    return Item.objects.filter(stage__in=HOLDING, **of).exclude(stage=Stage.ENDED)


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


def is_under_way(source: OuterRef) -> Exists:
    """Condition: a call that starts jobs is under way about the source to which this refers.

    Without the ended items the index of what is followed serves it.
    """
    sent = Item.objects.filter(source=source, stage__in=STARTS_JOBS, step__state=StepState.SENT)
    return Exists(sent.exclude(stage=Stage.ENDED))


def is_held(source: OuterRef) -> Q:
    """Condition: a run has the source to which this refers, as `holders` finds it."""
    busy = _busy(source=source)
    entries = QueueEntry.objects.filter(source=source, closed_at=None, run__isnull=False)
    return Q(Exists(busy) | Exists(entries))
