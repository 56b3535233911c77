"""Seats take turns: a long run in one workspace keeps nobody waiting for more than the calls in flight."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.support.product import SLUG, Product, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

LATENCY = 2
BATCHES = 300
SEATS = 4  # of one worker
OTHER, OTHERS_KEY = "other", "fini_fairness_0123456789abcdef"


def calls(sandbox: Sandbox, method: str) -> list[dict[str, Any]]:
    return [entry for entry in sandbox.log() if entry["method"] == method and "/resources/" in entry["path"]]


def discovered(sandbox: Sandbox, number: int) -> bool:
    return len(calls(sandbox, "GET")) >= number


def left_before(sandbox: Sandbox, discover: dict[str, Any], since: float) -> int:
    """How many register calls left between a moment and a discovery."""
    return sum(since < entry["at"] < discover["at"] for entry in calls(sandbox, "POST"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_discovery_leaves_among_hundreds_of_batches(workers: int) -> None:
    """Within 2 s plus one call: no seat takes a second batch while it waits."""
    with (
        Sandbox.start(per_minute=0) as sandbox,
        Product(sandbox.url, sandbox.key, FINI_CALLS_PER_MINUTE=10_000, FINI_BATCH_SIZE=1) as product,
    ):
        sandbox.settings(latency=LATENCY)
        product.command("add_workspace", OTHER, "--name", "Other")
        sandbox.add_key(OTHERS_KEY, OTHER)
        product.command("add_key", OTHER, "--label", "main", stdin=OTHERS_KEY)
        for _ in range(workers):
            product.worker()
        until(lambda: len(product.query("SELECT id FROM ingestion_worker")) == workers, 60)
        product.start_run("register", SLUG, "notion", "-", stdin=json.dumps(resources("fair", BATCHES)))
        until(lambda: len(calls(sandbox, "POST")) >= SEATS * workers, 60)
        for number, slug in enumerate((OTHER, SLUG), 1):
            product.command("discover", slug, "zendesk")
            asked = product.query("SELECT MAX(created_at) AS at FROM ingestion_run WHERE kind = 'discover'")
            assert until(partial(discovered, sandbox, number), LATENCY * 5) < LATENCY * 5
            since = moment(asked[0]["at"])
            # A seat that had just begun a call when the run was stored takes none before the discovery.
            assert left_before(sandbox, calls(sandbox, "GET")[-1], since) <= SEATS * workers
        assert product.query("SELECT id FROM ingestion_step WHERE state = 'ready'"), "the run is over already"


def moment(stored: Any) -> float:
    """A stored time as seconds, on either engine."""
    at = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
