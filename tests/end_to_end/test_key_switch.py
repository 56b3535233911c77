"""Another key takes over while 200 calls are queued and in flight: none fails, and a refused one is no harm."""

import json
from typing import Any

from tests.support.product import SLUG, Product, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

CALLS = 200
WORKERS = 2
NEXT = "fini_next_0123456789abcdefghijklmnopqrstuv"
SWITCH = """
from fini_admin.audit.names import By, Origin
from fini_admin.ingestion.engine import key_check
from fini_admin.workspaces.keys import switch_key
from fini_admin.workspaces.models import ApiKey
key = ApiKey.objects.get(label="next")
by = By("ada@example.com", Origin.COMMAND_LINE)
key_check.verify(by=by, key=key)
switch_key(by=by, key=key)
"""
COUNT = (
    "SELECT key, outcome, count(*) AS n FROM trail_entry WHERE route = 'register' AND outcome IS NOT NULL"
    " GROUP BY key, outcome"
)


def installation(sandbox: Sandbox) -> Product:
    """One resource a call, so that there are as many calls as resources."""
    return Product(sandbox.url, sandbox.key, FINI_CALLS_PER_MINUTE=100_000, FINI_BATCH_SIZE=1)


def under_way(product: Product, sandbox: Sandbox) -> int:
    """A run of 200 calls, some of them answered, and a second key that waits."""
    sandbox.settings(latency=0.05)
    sandbox.add_key(NEXT)
    product.command("add_key", SLUG, "--label", "next", stdin=NEXT)
    for _ in range(WORKERS):
        product.worker(ready=True)
    given = json.dumps(resources("switch", CALLS))
    number = product.start_run("register", SLUG, "notion", "-", stdin=given)
    until(lambda: len(posts(sandbox)) >= 20, 60)
    return number


def posts(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [
        entry
        for entry in sandbox.log()
        if entry["method"] == "POST" and entry["path"].split("?")[0].endswith("/resources/notion")
    ]


def by_key(product: Product) -> dict[str, dict[str, int]]:
    """How many register calls each key made, by outcome."""
    counted: dict[str, dict[str, int]] = {}
    for row in product.query(COUNT):
        counted.setdefault(row["key"], {})[row["outcome"]] = row["n"]
    return counted


def states(product: Product) -> dict[str, str]:
    return {row["label"]: row["state"] for row in product.query("SELECT label, state FROM workspaces_apikey")}


def test_200_calls_go_on_while_the_key_is_switched_and_none_fails():
    with Sandbox.start(per_minute=0) as sandbox, installation(sandbox) as product:
        number = under_way(product, sandbox)
        product.command("shell", "-c", SWITCH)
        left = CALLS - len(posts(sandbox))
        product.wait_for_end(120)
        assert left > 20, "the switch came when nearly everything was done"
        counted = by_key(product)
        assert set(counted) == {"main", "next"}
        assert all(set(outcomes) == {"done"} for outcomes in counted.values())
        assert sum(outcomes["done"] for outcomes in counted.values()) == CALLS
        assert {entry["status"] for entry in posts(sandbox)} == {200}
        assert product.run(number)["outcomes"]["done"] == CALLS
        assert states(product) == {"main": "waiting", "next": "live"}
        product.verify()


def test_a_new_key_that_fini_refuses_midway_costs_no_item_and_the_work_goes_back():
    with Sandbox.start(per_minute=0) as sandbox, installation(sandbox) as product:
        number = under_way(product, sandbox)
        product.command("shell", "-c", SWITCH)
        until(lambda: "next" in by_key(product), 30)
        sandbox.revoke(NEXT)
        product.wait_for_end(120)
        assert product.run(number)["outcomes"] == {
            "done": CALLS,
            "refused": 0,
            "failed": 0,
            "unknown": 0,
            "skipped": 0,
        }
        counted = by_key(product)
        assert counted["next"].get("refused", 0) >= 1
        assert set(counted["main"]) == {"done"}
        assert counted["main"]["done"] + counted["next"]["done"] == CALLS
        assert states(product) == {"main": "live", "next": "waiting"}
        fell = product.query("SELECT actor FROM trail_entry WHERE kind = 'key.fallen_back'")
        assert [row["actor"] for row in fell] == ["Fini Admin"]
        product.verify()
