"""Several workers share one budget: never over it, and not far below while work waits (T7)."""

import json
import time
from datetime import datetime
from typing import Any

from tests.support.product import LOADED, SLUG, Product, Row, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

WORKERS = 4
LIMIT = 30
USED = 0.8
WINDOW = 60
ORDINARY = 27  # a tenth of the limit is kept for what a person waits for
RENEWED = 10
RETRY_AFTER = 5
HASTE = 5


def arrivals(log: list[dict[str, Any]]) -> list[float]:
    return sorted(entry["at"] for entry in log)


def in_window(times: list[float], start: float, length: float = WINDOW) -> int:
    return sum(start <= at < start + length for at in times)


def many_batches(product: Product, count: int) -> int:
    given = json.dumps(resources("budget", count))
    return product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=given)


def discoveries(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [entry for entry in sandbox.log() if entry["method"] == "GET" and "/resources/" in entry["path"]]


def ordinary(sandbox: Sandbox) -> list[float]:
    """When the calls arrived for which nobody waits."""
    return arrivals([entry for entry in sandbox.log() if entry not in discoveries(sandbox)])


def when(row: Row) -> float:
    """When a row of the trail was made, in seconds."""
    return datetime.fromisoformat(row["at"]).timestamp()


def test_four_workers_never_exceed_the_limit_and_use_most_of_it():
    with (
        Sandbox.start(per_minute=0) as sandbox,
        Product(sandbox.url, sandbox.key, FINI_CALLS_PER_MINUTE=LIMIT, FINI_BATCH_SIZE=2) as product,
    ):
        for _ in range(WORKERS):
            product.worker()
        until(lambda: len(product.query("SELECT id FROM ingestion_worker")) == WORKERS, 60)
        many_batches(product, 300)
        until(sandbox.log, 30)
        first = sandbox.log()[0]["at"]
        until(lambda: time.time() > first + WINDOW / 2, WINDOW)
        product.command("discover", SLUG, "zendesk")
        until(lambda: discoveries(sandbox), HASTE)
        until(lambda: len(ordinary(sandbox)) >= ORDINARY + RENEWED, 2 * WINDOW, product.unfinished)
        times = ordinary(sandbox)
        assert product.query("SELECT id FROM ingestion_step WHERE state = 'ready'"), "nothing waits any more"
        assert max(in_window(arrivals(sandbox.log()), start) for start in times) <= LIMIT
        assert in_window(times, first) == ORDINARY
        # A place in the budget is taken again soon after it is free.
        renewed = zip(times, times[ORDINARY:], strict=False)
        assert max(after - before for before, after in renewed) < WINDOW / USED
        assert all(worker.poll() is None for worker in product.workers)


def test_no_worker_calls_before_the_time_that_fini_asked_for():
    with (
        Sandbox.start(per_minute=0) as sandbox,
        Product(sandbox.url, sandbox.key, FINI_BATCH_SIZE=2, FINI_CALLS_PER_MINUTE=1_000) as product,
    ):
        sandbox.settings(latency=0.05)
        sandbox.fault(skip=5, status=429, headers={"Retry-After": str(RETRY_AFTER)})
        number = many_batches(product, 40)
        for _ in range(2):
            product.worker()
        product.wait_for_end(60)
        calls = product.query("SELECT at, kind, status FROM trail_entry WHERE call IS NOT NULL ORDER BY seq")
        told = next(n for n, row in enumerate(calls) if row["status"] == 429)
        # Whoever asked later knew: the trail has its rows in the order of the budget's lock.
        later = [when(row) for row in calls[told:] if row["kind"] == "call.asked"]
        assert RETRY_AFTER - 0.5 < min(later) - when(calls[told]) < RETRY_AFTER + 3 * LOADED
        assert sum(product.run(number)["outcomes"].values()) == 40
