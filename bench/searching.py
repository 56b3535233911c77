"""Search among many sources: prints as JSON the 95th percentile, in ms, of a first page by list, workspace and search.

Run in an installation's environment: `python bench/searching.py 10000 1000000`.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.db import connection

from bench import ready  # noqa: F401 - what follows needs Django set up
from fini_admin.ingestion import queue
from fini_admin.ingestion.models import QueueEntry
from fini_admin.lib.paging import page
from fini_admin.sources import queries
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

LOOKS = 40
BATCH = 5_000
WORDS = tuple(
    "account backup billing contact guide handbook invoice language late lunch office onboarding parcel password "  # noqa: SIM905 - easier to read
    "plan policy pricing refund reset restore security service terms travel webhook".split()
)
SEARCHES = {
    "many": "parcel",
    "many, a short word": "pa",
    "some, two words": "travel onboarding",
    "one": "zebra",
    "none": "xylophone quartz",
}


def fill(workspace: Workspace, number: int) -> None:
    """Sources with titles, IDs and addresses as help centres have them, all queued; one of them is about zebras."""
    dice, now = random.Random(1), datetime.now(UTC)
    for start in range(0, number, BATCH):
        rows = [made(workspace, place, dice, now) for place in range(start, min(start + BATCH, number))]
        if start == 0:
            rows[0].title = "Zebra"
        Source.objects.bulk_create(rows)
        QueueEntry.objects.bulk_create(
            QueueEntry(workspace=workspace, source=row, lane="add", opened_at=now, opened_by="bench")
            for row in rows
        )


def made(workspace: Workspace, place: int, dice: random.Random, now: datetime) -> Source:
    title, name = " ".join(dice.choices(WORDS, k=5)), f"{360_000_000 + place}"
    seen = {"state_since": now, "first_seen": now, "last_seen": now, "read_at": now, "state": "queued"}
    return Source(
        workspace=workspace,
        fini_id=str(UUID(int=dice.getrandbits(128))),
        provider="zendesk",
        external_id=name,
        title=title.capitalize(),
        original_url=f"https://help.example/hc/articles/{name}-{title.replace(' ', '-')}",
        **seen,
    )


def p95(look: Callable[[], object]) -> float:
    times = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        look()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.quantiles(times, n=20)[-1]


def measured(workspace: Workspace) -> Iterator[tuple[str, str, float]]:
    for name, typed in SEARCHES.items():
        yield "sources", name, p95(partial(first_sources, workspace, typed))
        yield "queue", name, p95(partial(first_in_queue, workspace, typed))


def first_sources(workspace: Workspace, typed: str) -> object:
    return page(queries.matching(workspace, {"q": typed}), cursor=None)


def first_in_queue(workspace: Workspace, typed: str) -> object:
    return page(queue.entries_in_lane(workspace, "add", q=typed).select_related("source"), cursor=None)


def main(sizes: list[int]) -> None:
    workspaces = [Workspace.objects.create(slug=f"bench-{size}", name="Bench") for size in sizes]
    for workspace, size in zip(workspaces, sizes, strict=True):
        fill(workspace, size)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    found = {size: list(measured(workspace)) for workspace, size in zip(workspaces, sizes, strict=True)}
    print(json.dumps(found))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
