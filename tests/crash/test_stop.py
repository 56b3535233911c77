"""A worker ends within 10 s of SIGTERM, and the next one takes over its work within 20 s of its own start."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cpu import lateness
from tests.support.product import SLUG, Product, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

WITHIN = 10
TAKE_OVER = 20
# The test waits longer only to be able to say how long it was.
PATIENCE = 60


@pytest.fixture
def product(sandbox: Sandbox) -> Iterator[Product]:
    with Product(sandbox.url, sandbox.key, FINI_TIMEOUT=40) as product:
        yield product


def register(product: Product, *more: str, count: int = 3) -> int:
    given = json.dumps(resources("stop", count))
    return product.start_run("register", SLUG, "notion", "-", *more, stdin=given)


def writes(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [entry for entry in sandbox.log() if entry["method"] == "POST"]


def ends(product: Product, route: str = "register") -> list[str]:
    """How the calls of a route ended, in order."""
    rows = product.query("SELECT kind, route, call FROM trail_entry WHERE call IS NOT NULL ORDER BY seq")
    return [row["kind"] for row in rows if row["route"] == route and row["kind"] != "call.asked"]


def test_an_idle_worker_ends_with_0_at_once(product):
    worker = product.worker(ready=True)
    started = time.monotonic()
    assert product.terminate(worker) == 0
    assert time.monotonic() - started < WITHIN * lateness()


def test_a_call_that_answers_within_8_seconds_is_finished_before_the_worker_ends(sandbox, product):
    sandbox.fault(method="POST", delay=3)
    register(product)
    worker = product.worker()
    until(lambda: writes(sandbox), 20)
    assert product.terminate(worker) == 0
    assert ends(product) == ["call.answered"]
    assert len(sandbox.log()) == 1, "it started another call after it was told to stop"
    assert len(product.sources()) == 3


def test_a_call_that_takes_longer_is_recorded_as_lost_and_its_work_goes_on(sandbox, product):
    sandbox.fault(method="POST", delay=30)
    number = register(product)
    worker = product.worker()
    until(lambda: writes(sandbox), 20)
    started = time.monotonic()
    assert product.terminate(worker) == 0
    assert time.monotonic() - started < WITHIN * lateness()
    assert ends(product) == ["call.lost"]
    product.worker()
    product.wait_for_end(20)
    assert product.run(number)["outcomes"]["done"] == 3
    product.verify()


@pytest.mark.parametrize("what", ["register", "list", "ingest"])
def test_the_work_of_a_killed_worker_is_taken_up_within_20_seconds(sandbox, product, what):
    """Killed with a call just claimed, so that its lease has the longest to run."""
    method, path = {
        "register": ("POST", "/resources/"),
        "list": ("GET", r"public\?"),
        "ingest": ("POST", "public$"),
    }[what]
    sandbox.fault(method=method, path=path, delay=30)
    register(product, "--ingest")
    worker = product.worker()
    until(lambda: any(entry["fault"] for entry in sandbox.log()), 30)
    product.kill(worker)
    before = len(sandbox.log())
    product.worker()
    taken_up = until(lambda: len(sandbox.log()) > before, PATIENCE, product.unfinished)
    assert taken_up < TAKE_OVER * lateness()
    until(lambda: ends(product, what), PATIENCE, product.unfinished)
    assert ends(product, what)[0] == "call.lost"
