"""An item's way through its stages: each change moves the counts of its run in the same transaction (P3).

After it was made, an item's stage changes here and nowhere else.
"""

from typing import Any

from django.db.models import Count, F, Q, QuerySet

from fini_admin.ingestion.models import Item, ItemOutcome, Run, Stage

# What a run counts as sent: followed, an address whose record is to be found, and registered without its record having
# been read. An ingest whose lane is not known waits for its record as well, and no step has carried it.
SENT = Q(stage__in=(Stage.FOLLOW, Stage.FIND)) | Q(stage=Stage.PAIR, step__isnull=False)
RUNNING = Q(stage=Stage.RUNNING)
FOLLOWED = (Stage.FOLLOW, Stage.RUNNING)


def move_items(run: int, items: QuerySet[Item], stage: Stage, **values: Any) -> None:
    """Move items of a run (its key) to a stage, and set `values` with it. An item that has its end keeps it."""
    going = items.filter(outcome=None)
    left = _sent_and_running(going)
    moved = going.update(stage=stage, **values)
    sent = stage in (Stage.FOLLOW, Stage.FIND) or (stage == Stage.PAIR and values.get("step") is not None)
    _count(run, left, sent=moved * sent, running=moved * (stage == Stage.RUNNING))


def finish_items(run: int, items: QuerySet[Item], outcome: ItemOutcome, reason: str) -> None:
    """Give items of a run (its key) their outcome and count them. An item that has an outcome keeps it."""
    going = items.filter(outcome=None)
    left = _sent_and_running(going)
    ended = going.update(stage=Stage.ENDED, outcome=outcome, reason=reason)
    _count(run, left, **{outcome.value: ended})


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
