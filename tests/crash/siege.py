"""Kill the worker again and again while Fini misbehaves; then count what was lost, doubled, stuck or unrecorded.

Used by the test with a dozen kills, and by `python -m bench` with 200.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.product import SLUG, Product
from tests.support.records import resources, state_of
from tests.support.sandbox import Sandbox

RUN_SIZE = 24
BATCH = 4
POISONED_AT_REGISTER, POISONED_AT_INGEST = 7, 19
KILLS_PER_RUN = 2
LIFE = 3.0
MOMENT = 0.3
UNEASY = 12
END_WITHIN = 150
CLOCKS = 0.002
OUTCOMES = ("call.answered", "call.lost", "call.unsent")
GIVEN_UP = "unknown"

INGEST: dict[str, Any] = {"method": "POST", "path": "public$"}
# FINI_TIMEOUT is 1 s: a delay of 4 s with the work done behind it is Fini still working after we gave up, and over
# before a read-back may conclude that nothing came. Half of all ingest calls go wrong, and a quarter of the others.
FAULTS: tuple[dict[str, Any], ...] = (
    INGEST | {"delay": 4, "probability": 0.2},
    INGEST | {"delay": 2, "after": True, "probability": 0.1},
    INGEST | {"status": 500, "after": True, "probability": 0.1},
    INGEST | {"drop": "after", "probability": 0.1},
    {"drop": "before", "probability": 0.05},
    {"drop": "after", "probability": 0.05},
    {"delay": 2, "after": True, "probability": 0.04},
    {"status": 500, "after": True, "probability": 0.04},
    {"status": 503, "probability": 0.03},
    {"status": 429, "headers": {"Retry-After": "1"}, "probability": 0.02},
    {"truncate": True, "probability": 0.02},
    {"body": "<html>Bad gateway</html>", "content_type": "text/html", "probability": 0.02},
)


@dataclass
class Findings:
    """What went wrong, each with its evidence; all empty when the promises held."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    calls: int = 0
    lost_calls: int = 0
    unknown_ingests: int = 0
    unknown_repeats: int = 0
    sources: int = 0
    given_up: int = 0

    @property
    def clean(self) -> bool:
        """Whether every promise held."""
        return not (self.lost or self.twice or self.stuck or self.unrecorded or self.wrong)


@contextmanager
def besieged() -> Iterator[tuple[Sandbox, Product]]:
    """An installation that sends as fast as it can, in small batches, and gives up on a call after a second."""
    with (
        Sandbox.start(per_minute=0) as sandbox,
        Product(
            sandbox.url, sandbox.key, FINI_TIMEOUT=1, FINI_BATCH_SIZE=BATCH, FINI_CALLS_PER_MINUTE=100_000
        ) as product,
    ):
        yield sandbox, product


def besiege(*, kills: int, seed: int, partial: bool) -> Findings:
    """One installation, `kills` kills, then peace until everything has its end, then the count."""
    dice = random.Random(seed)
    with besieged() as (sandbox, product):
        runs = -(-kills // KILLS_PER_RUN)
        peculiar(sandbox, runs + 1, partial=partial)
        fill_queue(product, runs)
        for fault in FAULTS:
            sandbox.fault(count=None, **fault)
        product.start_run("ingest", SLUG)
        for number in range(kills):
            if number % KILLS_PER_RUN == 0:
                hand_over(product, number // KILLS_PER_RUN, "--ingest")
            one_life(product, sandbox, dice)
        return in_peace(product, sandbox, Findings(kills=kills))


def peculiar(sandbox: Sandbox, runs: int, *, partial: bool) -> None:
    """Poison two resources of each run, and let some jobs fail."""
    poisoned = [
        resources(prefix(run), 1, at)[0][name]
        for run in range(runs)
        for at, name in ((POISONED_AT_REGISTER, "externalId"), (POISONED_AT_INGEST, "originalUrl"))
    ]
    sandbox.settings(
        seed_sources=False,
        latency=0.1,
        running_seconds=[0.5, 2.0],
        weights={"usable": 0.8, "failed": 0.1, "empty": 0.1},
        partial_acceptance=partial,
        poisoned=poisoned,
    )


def prefix(run: int) -> str:
    """The resources of each run are its own: every source is ingested once."""
    return f"siege{run}"


def fill_queue(product: Product, run: int) -> None:
    """In peace still: sources that wait, so that the first worker to be killed has something to ingest at once."""
    hand_over(product, run)
    worker = product.worker()
    product.wait_for_end(END_WITHIN)
    product.kill(worker)


def hand_over(product: Product, run: int, *more: str) -> None:
    """One more run, for the worker that comes next."""
    given = json.dumps(resources(prefix(run), RUN_SIZE))
    product.start_run("register", SLUG, "notion", "-", *more, stdin=given)


def one_life(product: Product, sandbox: Sandbox, dice: random.Random) -> None:
    """Start a worker and kill it: at any moment, or in the middle of a call."""
    worker = product.worker(ready=True)
    if dice.random() < 0.5:
        time.sleep(dice.uniform(0, LIFE))
    else:
        time.sleep(dice.uniform(0, LIFE / 2))
        await_call(sandbox)
        time.sleep(dice.uniform(0, MOMENT))
    if worker.poll() is not None:
        raise AssertionError(f"the worker ended by itself with {worker.returncode}: {product.said()[-2000:]}")
    product.kill(worker)


def await_call(sandbox: Sandbox) -> None:
    """Wait until the next write arrives, or a while."""
    latest = max((entry["number"] for entry in sandbox.log()), default=0)
    started = time.monotonic()
    while time.monotonic() - started < LIFE:
        if any(entry["method"] in ("POST", "DELETE") for entry in sandbox.log(latest)):
            return
        time.sleep(0.02)


def in_peace(product: Product, sandbox: Sandbox, found: Findings) -> Findings:
    """Let one worker finish everything, for a while still with faults; stop it, and count."""
    end_in_peace(product, sandbox, found)
    documents, log = sandbox.documents(), sandbox.log()
    ends = outcomes(product)
    found.lost += lost(product, documents, ends)
    found.twice += [
        f"{one['externalId']}: {one['jobCount']} jobs" for one in documents if one["jobCount"] > 1
    ]
    found.stuck += stuck(product)
    found.unrecorded += unrecorded(product, log)
    found.wrong += wrong(product, documents, ends)
    found.wrong += broken(product)
    found.calls, found.sources = len(log), len(documents)
    found.lost_calls = count(product, "kind = 'call.lost'")
    found.unknown_ingests = count(product, "route = 'ingest' AND outcome = 'unknown'")
    found.given_up = list(ends.values()).count(GIVEN_UP)
    return found


def end_in_peace(product: Product, sandbox: Sandbox, found: Findings) -> None:
    """One worker finishes everything, for a while still with faults, and is stopped."""
    worker = product.worker(ready=True)
    time.sleep(UNEASY)
    sandbox.clear_faults()
    try:
        product.wait_for_end(END_WITHIN)
    except AssertionError as error:
        found.stuck.append(str(error))
    if product.terminate(worker) != 0:
        found.wrong.append("the last worker did not end with 0")


def count(product: Product, condition: str) -> int:
    """The rows of the trail that meet a condition of ours."""
    statement = f"SELECT count(*) AS n FROM trail_entry WHERE {condition}"  # noqa: S608 - a condition of ours
    found: int = product.query(statement)[0]["n"]
    return found


def outcomes(product: Product) -> dict[str, str]:
    """The outcome of every external ID that was handed over, in the last run that had it."""
    rows = product.query("SELECT external_id, outcome FROM ingestion_item ORDER BY run_id")
    return {row["external_id"]: row["outcome"] or "none" for row in rows}


def lost(product: Product, documents: list[dict[str, Any]], ends: dict[str, str]) -> Iterator[str]:
    """Records that came of our registering and are no source here, unless the run says that it does not know."""
    known = {row["fini_id"] for row in product.query("SELECT fini_id FROM sources_source")}
    for document in documents:
        if document["id"] not in known and ends[document["externalId"]] != GIVEN_UP:
            yield f"{document['externalId']} is in Fini and no source here"


def stuck(product: Product) -> Iterator[str]:
    """What would never go on: open steps, items and calls, and sources whose end nobody awaits."""
    waiting = {
        "step": "SELECT id FROM ingestion_step WHERE state <> 'done'",
        "item": "SELECT external_id FROM ingestion_item WHERE stage <> 'ended' OR outcome IS NULL",
        "open call": "SELECT call FROM audit_opencall",
        "source": "SELECT external_id FROM sources_source WHERE state IN ('sent', 'running', 'unknown')",
    }
    for what, statement in waiting.items():
        yield from (f"{what} {next(iter(row.values()))}" for row in product.query(statement))


def unrecorded(product: Product, log: list[dict[str, Any]]) -> Iterator[str]:
    """Requests without exactly one asked row of their own, and asked rows without exactly one outcome (P1)."""
    rows = product.query(
        "SELECT call, kind, at, status, request_sha256 FROM trail_entry WHERE call IS NOT NULL"
    )
    asked = {row["call"]: row for row in rows if row["kind"] == "call.asked"}
    ended = {row["call"]: row for row in rows if row["kind"] in OUTCOMES}
    counts = Counter((row["call"], row["kind"] == "call.asked") for row in rows)
    for call in asked.keys() | ended.keys():
        if counts[call, True] != 1 or counts[call, False] != 1:
            yield f"call {call}: {counts[call, True]} asked, {counts[call, False]} outcomes"
    arrived = Counter(entry["request_id"] for entry in log)
    yield from (f"request {call} was sent {count} times" for call, count in arrived.items() if count > 1)
    for entry in log:
        yield from differences(entry, asked.get(entry["request_id"]), ended.get(entry["request_id"]))
    for call, row in ended.items():
        if row["kind"] == "call.answered" and call not in arrived:
            yield f"call {call} is said to be answered and never arrived"


def differences(
    entry: dict[str, Any], asked: dict[str, Any] | None, ended: dict[str, Any] | None
) -> Iterator[str]:
    """How a request and its two rows disagree."""
    name = f"{entry['method']} {entry['path']} {entry['request_id']}"
    if asked is None or ended is None:
        yield f"{name} has no row"
        return
    if entry["body_sha256"] not in (None, asked["request_sha256"]):
        yield f"{name}: other bytes than recorded"
    if datetime.fromisoformat(asked["at"]).timestamp() > entry["at"] + CLOCKS:
        yield f"{name} arrived before it was recorded"
    if ended["kind"] == "call.unsent":
        yield f"{name} is said not to have left"
    if ended["kind"] == "call.answered" and ended["status"] != entry["status"]:
        yield f"{name}: recorded {ended['status']}, was {entry['status']}"


def wrong(product: Product, documents: list[dict[str, Any]], ends: dict[str, str]) -> Iterator[str]:
    """Outcomes, states and queue entries that do not tell what is true in Fini; counts that do not add up."""
    held = {document["externalId"]: document for document in documents}
    for external_id, outcome in ends.items():
        if outcome not in acceptable(external_id, held.get(external_id)):
            yield f"{external_id} ended {outcome}, its record is {held.get(external_id)}"
    by_id = {document["id"]: document for document in documents}
    for source in product.sources():
        document = by_id[source["id"]]
        name = document["externalId"]
        waits = {"queued", "registered"} if document["linkedJobStatus"] is None else {state_of(document)}
        if source["state"] not in waits and ends[name] != GIVEN_UP:
            yield f"{name} is {source['state']}, not {waits}"
        if source["externalId"] != name and ends[name] != GIVEN_UP:
            yield f"{name} was never read back"
        if source["lane"] and document["jobCount"]:
            yield f"{name} waits in the queue and was ingested"
    yield from miscounted(product)


def miscounted(product: Product) -> Iterator[str]:
    """Runs that did not end, or whose counts are not what their items say."""
    ended: dict[int, dict[str, int]] = {}
    for row in product.query(
        "SELECT number, outcome, count(*) AS ids FROM ingestion_item JOIN ingestion_run r ON r.id = run_id"
        " GROUP BY number, outcome"
    ):
        ended.setdefault(row["number"], {})[row["outcome"]] = row["ids"]
    for row in product.query("SELECT number FROM ingestion_run"):
        run = product.run(row["number"])
        if sum(run["outcomes"].values()) != run["total"] or run["state"] != "ended":
            yield f"run {run}"
        if {outcome: ids for outcome, ids in run["outcomes"].items() if ids} != ended.get(row["number"], {}):
            yield f"run {run}, of whose items {ended.get(row['number'])} have ended"


def acceptable(external_id: str, document: dict[str, Any] | None) -> set[str]:
    """The outcomes that tell the truth about an ID. Given up after five tries is one, and is counted apart."""
    number = int(external_id.rpartition("-")[2])
    if number in (POISONED_AT_REGISTER, POISONED_AT_INGEST):
        return {"refused", GIVEN_UP}
    if document is None:
        return {GIVEN_UP}
    if document["linkedJobStatus"] is None:
        return {"failed", GIVEN_UP}
    return {"done"} if state_of(document) == "usable" else {"failed"}


def broken(product: Product) -> Iterator[str]:
    """Whether every chain is intact."""
    try:
        product.verify()
    except AssertionError as error:
        yield str(error)
