"""The siege of the second day: the worker is killed amid refreshes, retries, deletions and web pages; then the count.

Used by the test with a dozen kills, and by `python -m bench --only again` with 100.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.crash.siege import (
    END_WITHIN,
    FAULTS,
    GIVEN_UP,
    KILLS_PER_RUN,
    Findings,
    besieged,
    broken,
    count,
    end_in_peace,
    miscounted,
    one_life,
    outcomes,
    stuck,
    unrecorded,
)
from tests.support.product import SLUG, Product
from tests.support.records import resources, state_of
from tests.support.sandbox import Sandbox

PORTION = 6
REFRESH: dict[str, Any] = {"method": "POST", "path": "/refresh$"}
DELETE: dict[str, Any] = {"method": "DELETE"}
# As FAULTS for ingest: Fini goes on after we gave up, fails after half of the work, or its answer is lost.
MORE_FAULTS: tuple[dict[str, Any], ...] = tuple(
    route | fault
    for route in (REFRESH, DELETE)
    for fault in (
        {"delay": 4, "probability": 0.15},
        {"status": 500, "after": True, "half": True, "probability": 0.15},
        {"drop": "after", "probability": 0.15},
        {"delay": 2, "after": True, "probability": 0.1},
    )
)
ITEMS = (
    "SELECT r.number, r.kind, i.outcome, i.reason, s.fini_id, s.state FROM ingestion_item i"
    " JOIN ingestion_run r ON r.id = i.run_id JOIN sources_source s ON s.id = i.source_id"
    " WHERE r.number > 1 AND r.kind <> 'crawl' ORDER BY r.number"
)
ADDRESSES = (
    "SELECT r.number, i.external_id, i.outcome, i.reason FROM ingestion_item i"
    " JOIN ingestion_run r ON r.id = i.run_id WHERE r.kind = 'crawl' ORDER BY r.number"
)
NEVER_TOOK = "Fini never took it"


def besiege_again(*, kills: int, seed: int, partial: bool) -> Findings:
    """One installation with sources that ended well and badly, `kills` kills, then peace, then the count."""
    dice = random.Random(seed)
    with besieged() as (sandbox, product):
        rounds = -(-kills // KILLS_PER_RUN)
        usable = ingest_in_peace(product, sandbox, rounds)
        bad = [usable.pop() for _ in range(rounds)]
        absent = [usable.pop() for _ in range(rounds)]
        sandbox.remove(absent)
        sandbox.settings(poisoned=bad, partial_acceptance=partial, weights={"usable": 0.9, "failed": 0.1})
        for fault in (*MORE_FAULTS, *FAULTS):
            sandbox.fault(count=None, **fault)
        product.start_run("run", SLUG, "1", "retry")
        for number in range(kills):
            if number % KILLS_PER_RUN == 0:
                hand_over(product, usable, bad.pop(), absent.pop())
            one_life(product, sandbox, dice)
        return counted(product, sandbox, Findings(kills=kills))


def ingest_in_peace(product: Product, sandbox: Sandbox, rounds: int) -> list[str]:
    """Sources of which some failed; the IDs of those that are usable."""
    sandbox.settings(
        seed_sources=False,
        latency=0.1,
        pending_seconds=[0.1, 0.2],
        running_seconds=[0.2, 0.5],
        weights={"usable": 0.8, "failed": 0.1, "empty": 0.1},
    )
    given = json.dumps(resources("again", 2 * (PORTION + 2) * rounds + 2 * PORTION))
    product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=given)
    worker = product.worker()
    product.wait_for_end(END_WITHIN)
    product.kill(worker)
    return [source["id"] for source in product.sources() if source["state"] == "usable"]


def hand_over(product: Product, usable: list[str], bad: str, absent: str) -> None:
    """A refresh with one ID that Fini refuses, a deletion with one that it has not, a site; no ID is in two runs."""
    product.start_run("refresh", SLUG, *portion(usable), bad)
    product.start_run("delete", SLUG, *portion(usable), absent)
    site = f"https://site-{len(usable)}.example/"
    product.start_run("crawl", SLUG, site, "--limit", str(PORTION), "--ingest")


def portion(usable: list[str]) -> list[str]:
    """The next IDs, taken away from those that are left."""
    taken = usable[-PORTION:]
    del usable[-PORTION:]
    return taken


def counted(product: Product, sandbox: Sandbox, found: Findings) -> Findings:
    """Let one worker finish, and count."""
    end_in_peace(product, sandbox, found)
    documents = {document["id"]: document for document in sandbox.documents()}
    items, log = product.query(ITEMS), sandbox.log()
    known = {
        row["fini_id"]: row["state"] for row in product.query("SELECT fini_id, state FROM sources_source")
    }
    pages = {one["originalUrl"]: one for one in documents.values() if one["source"] == "web"}
    addresses = product.query(ADDRESSES)
    given_up = {one["external_id"] for one in addresses if one["outcome"] == GIVEN_UP}
    found.lost += [
        f"{one} is in Fini and no source here"
        for one in documents.keys() - known.keys()
        if documents[one]["originalUrl"] not in given_up
    ]
    found.twice += [
        f"{one['id']}: {one['jobCount']} jobs"
        for one in documents.values()
        if one["jobCount"] > (1 if one["source"] == "web" else 2)
    ]
    found.twice += repeated_blindly(product)
    found.stuck += stuck(product)
    found.unrecorded += unrecorded(product, log)
    found.wrong += [text for item in items for text in untrue(item, documents.get(item["fini_id"]))]
    found.wrong += [text for one in addresses for text in untrue_page(one, pages.get(one["external_id"]))]
    found.wrong += [
        f"{one} is {state} and {'not ' if one not in documents else ''}in Fini"
        for one, state in known.items()
        if (state == "gone") is (one in documents)
    ]
    found.wrong += [*miscounted(product), *broken(product)]
    found.calls, found.sources = len(log), len(known)
    found.lost_calls = count(product, "kind = 'call.lost'")
    found.unknown_repeats = count(product, "route IN ('refresh', 'delete') AND outcome = 'unknown'")
    found.unknown_ingests = count(product, "route = 'ingest' AND outcome = 'unknown'")
    found.given_up = sum(NEVER_TOOK in (item["reason"] or "") for item in items) + list(
        outcomes(product).values()
    ).count(GIVEN_UP)
    return found


def untrue(item: dict[str, Any], document: dict[str, Any] | None) -> Iterator[str]:
    """What an item says that does not fit what Fini holds."""
    name = (
        f"run {item['number']} ({item['kind']}): {item['fini_id']} ended {item['outcome']} ({item['reason']})"
    )
    if item["kind"] == "delete":
        if (item["outcome"] == "done") is not (document is None) or item["outcome"] not in ("done", "failed"):
            yield f"{name}, and Fini {'has it' if document else 'has it not'}"
        return
    if document is None:
        yield f"{name}, and Fini has it not"
    elif item["outcome"] == "refused" or NEVER_TOOK in (item["reason"] or ""):
        if document["jobCount"] != 1:
            yield f"{name}, and had {document['jobCount']} jobs"
    elif document["jobCount"] != 2 or (item["outcome"] == "done") is not (state_of(document) == "usable"):
        yield f"{name}, its record is {document}"


def untrue_page(item: dict[str, Any], document: dict[str, Any] | None) -> Iterator[str]:
    """What an address says that does not fit what Fini holds; that it is not known is counted apart."""
    if item["outcome"] == GIVEN_UP:
        return
    fits = document is not None and (item["outcome"] == "done") is (state_of(document) == "usable")
    if not fits or item["outcome"] not in ("done", "failed"):
        yield f"run {item['number']}: {item['external_id']} ended {item['outcome']} ({item['reason']}): {document}"


def repeated_blindly(product: Product) -> Iterator[str]:
    """What a second call names although nothing was read since the first may have left: refresh, delete, web."""
    pending: dict[tuple[str, str], str] = {}
    routes: dict[str, tuple[str, list[str]]] = {}
    for line in product.command("export_audit", SLUG, "--bodies").stdout.splitlines():
        row = json.loads(line)
        if row["kind"] == "call.asked" and (route := route_of(row)):
            asked = json.loads(row["request_text"])
            names = asked.get("documentIds") or asked["documentIdsToAdd"]
            routes[row["call"]] = (route, names)
            yield from (f"{route} of {one} again" for one in names if (route, one) in pending)
        elif row["kind"] == "call.answered" and row["method"] == "GET" and row["status"] in (200, 404):
            pending.clear()
        elif row["call"] in routes and row["kind"] != "call.unsent" and row["status"] != 429:
            route, names = routes[row["call"]]
            pending |= {(route, one): row["call"] for one in names}


def route_of(row: dict[str, Any]) -> str:
    """Which of the calls that are never repeated blindly a row is about; empty for every other."""
    if row["method"] == "DELETE":
        return "delete"
    if row["route"] == "ingest" and json.loads(row["request_text"])["source"] == "web":
        return "web"
    return "refresh" if row["path"].endswith("/refresh") else ""
