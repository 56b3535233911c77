"""A run of very many resources, in seconds and memory, beside a bare script that makes the same calls."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import requests

from fini_admin.fini import routes
from fini_admin.fini.client import Request
from tests.end_to_end.large_run import QUICK, large_run
from tests.support.records import resources
from tests.support.sandbox import Sandbox

BATCH = PAGE = 100
TIMES, MOST_MB = 4, 250
TIMEOUT = 7_200
Row = tuple[str, str, str]


def measure(count: int) -> Iterator[Row]:
    """The rows of the bench; the last one counts what was broken."""
    found = large_run(count, timeout=TIMEOUT)
    bare, calls = bare_script(count)
    for problem in found.wrong:
        sys.stderr.write(f"large run: {problem}\n")
    what = f"{count:,} resources, registered and ingested"
    yield f"{what}: seconds of a bare script ({calls:,} calls)", f"{bare:.0f}", "-"
    yield (
        f"{what}: seconds at work ({found.calls:,} calls)",
        f"{found.at_work:.0f} ({found.at_work / bare:.1f} times)",
        f"at most {bare * TIMES:.0f} ({TIMES} times)",
    )
    yield f"{what}: seconds paused, and without a worker", f"{found.held:.0f}", "-"
    yield f"{what}: the worker's peak memory, MB", f"{found.peak_mb:.0f}", f"at most {MOST_MB}"
    yield f"{what}: counts that did not add up, in {found.looks:,} looks", str(len(found.wrong)), "0"


def bare_script(count: int) -> tuple[float, int]:
    """The seconds and the calls of a script that registers, ingests and follows, and keeps nothing but the IDs."""
    with Sandbox.start(per_minute=0) as sandbox:
        sandbox.settings(seed_sources=False, **QUICK)
        script = Script(sandbox.url, sandbox.key)
        given = resources("large", count)
        started = time.monotonic()
        for start in range(0, count, BATCH):
            script.call(routes.register("notion", given[start : start + BATCH]))
        ids = [record["id"] for record in script.listed()]
        for start in range(0, count, BATCH):
            script.call(routes.ingest("notion", add=ids[start : start + BATCH], refresh=[]))
        while any(record["linkedJobStatus"] not in ("COMPLETED", "FAILED") for record in script.listed()):
            pass
        return time.monotonic() - started, script.calls


class Script:
    """One session of `requests` that makes the product's calls, and records none."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.calls = url, 0
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {key}"

    def call(self, request: Request[Any]) -> Any:
        self.calls += 1
        answer = self.session.request(
            request.method, self.url + request.target, json=request.body, timeout=60
        )
        answer.raise_for_status()
        return answer.json()

    def listed(self) -> Sequence[dict[str, Any]]:
        """Every record, once."""
        found: dict[str, dict[str, Any]] = {}
        cursor, more = "", True
        while more:
            page = self.call(routes.list_sources(limit=PAGE, cursor=cursor))
            found |= {record["id"]: record for record in page["documents"]}
            more = page["hasMore"]
            cursor = page["documents"][-1]["id"] if page["documents"] else ""
        return list(found.values())
