"""A head that a killed process did not record is recorded by the next worker, when it starts (P2)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.product import SLUG, Product, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

WITHIN = 15


@pytest.fixture
def product(sandbox: Sandbox) -> Iterator[Product]:
    with Product(sandbox.url, sandbox.key) as product:
        yield product


def recorded(product: Product) -> list[tuple[int, str]]:
    """Number and hash of each head that was recorded of the workspace's chain, in order."""
    rows = product.query("SELECT detail FROM trail_entry WHERE kind = 'audit.head_recorded' ORDER BY seq")
    return [(said["seq"], said["hash"]) for said in (json.loads(row["detail"]) for row in rows)]


def head(product: Product) -> tuple[int, str]:
    (row,) = product.query("SELECT seq, hash FROM audit_head WHERE chain <> '-'")
    return row["seq"], row["hash"]


def test_a_worker_that_starts_records_what_moved(product: Product) -> None:
    product.command("export_audit", SLUG)
    before = recorded(product)
    assert before[-1] != head(product)
    worker = product.worker(ready=True)
    until(lambda: recorded(product)[-1] == head(product), WITHIN, product.said)
    assert product.terminate(worker) == 0
    assert len(recorded(product)) == len(before) + 1


def test_the_head_is_recorded_when_a_run_has_ended(product: Product) -> None:
    worker = product.worker(ready=True)
    given: Any = json.dumps(resources("heads", 3))
    product.start_run("register", SLUG, "notion", "-", stdin=given)
    product.wait_for_end(20)
    ended = product.query("SELECT max(seq) AS seq FROM trail_entry WHERE run IS NOT NULL")[0]["seq"]
    until(lambda: recorded(product)[-1][0] >= ended, WITHIN, product.said)
    assert product.terminate(worker) == 0
    product.verify()
