"""One run of many resources through register and ingest, steered and killed on the way; then what was wrong.

Used by the test with 2,000, and by `python -m bench` with 100,000.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.product import SLUG, Product, Worker, peak_mb, until
from tests.support.records import resources
from tests.support.sandbox import Sandbox

QUICK = {
    "pending_seconds": [0, 0.05],
    "running_seconds": [0, 0.1],
    "weights": {"usable": 0.96, "failed": 0.02, "empty": 0.02},
}
SHARE_TO_STOP = 10  # the run that is stopped has a tenth of the resources
QUIET = 1.0
COUNTS_EVERY = 15.0
# What a run's row says, and how many items it has, in one statement: at one moment.
ROWS = """
SELECT number, state, total, done + refused + failed + unknown + skipped AS ended, sent, running,
    (SELECT count(*) FROM ingestion_item WHERE run_id = ingestion_run.id) AS items
FROM ingestion_run
"""


@dataclass
class Large:
    """What one large run took, and what was wrong on the way; `wrong` is empty when the promises held."""

    resources: int
    seconds: float = 0
    held: float = 0
    calls: int = 0
    peak_mb: float = 0
    looks: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def at_work(self) -> float:
        """The seconds of the run in which it was neither paused nor without a worker."""
        return self.seconds - self.held


@dataclass
class Course:
    """A large run under way: the installation, its worker, and what is found."""

    product: Product
    sandbox: Sandbox
    found: Large
    timeout: float
    worker: Worker = field(init=False)
    checked: float = 0

    def __post_init__(self) -> None:
        self.worker = self.product.worker(ready=True)

    def wait(self, done: Callable[[], bool]) -> None:
        """Wait, and look meanwhile whether the counts add up."""

        def look() -> bool:
            self.add_up()
            if time.monotonic() - self.checked > COUNTS_EVERY:
                self.compare()
            return done()

        until(look, self.timeout, self.product.unfinished)

    def add_up(self) -> None:
        """Each run's counts add up to its total, at any moment."""
        self.found.looks += 1
        for row in self.product.query(ROWS):
            counted = row["ended"] + row["sent"] + row["running"]
            over = row["state"] == "ended" and row["ended"] != row["total"]
            if (
                over
                or row["items"] != row["total"]
                or counted > row["total"]
                or min(row["sent"], row["running"]) < 0
            ):
                self.found.wrong.append(f"does not add up: {row}")

    def compare(self) -> None:
        """The kept counts are what the rows say."""
        told = self.product.command("verify_counts", SLUG, check=False)
        self.checked = time.monotonic()
        if told.returncode:
            self.found.wrong.append(told.stdout)

    def items(self, number: int, *stages: str) -> int:
        """How many items of a run are in one of these stages."""
        names = ", ".join(f"'{stage}'" for stage in stages)
        [row] = self.product.query(
            "SELECT count(*) AS n FROM ingestion_item WHERE run_id ="  # noqa: S608 - names of ours
            f" (SELECT id FROM ingestion_run WHERE number = {number}) AND stage IN ({names})"
        )
        return int(row["n"])

    def ended(self, number: int) -> bool:
        found = self.product.query(f"SELECT state FROM ingestion_run WHERE number = {number}")  # noqa: S608 - a number
        return bool(found[0]["state"] == "ended")

    def steer(self, number: int, verb: str) -> None:
        self.product.command("run", SLUG, str(number), verb)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """What is done meanwhile is not part of the run's time."""
        started = time.monotonic()
        yield
        self.found.held += time.monotonic() - started

    def note_memory(self) -> None:
        """Keep the most memory that the worker ever had."""
        self.found.peak_mb = max(self.found.peak_mb, peak_mb(self.worker))


def large_run(count: int, *, timeout: float, batch: int = 100, latency: float = 0) -> Large:
    """`count` resources in an installation of its own: paused, resumed, killed; then a run that is stopped.

    A small run needs a small `batch` and some `latency`: it would be over before anybody could steer it.
    """
    limits = {"FINI_CALLS_PER_MINUTE": 1_000_000, "FINI_BATCH_SIZE": batch}
    with (
        Sandbox.start(per_minute=0) as sandbox,
        Product(sandbox.url, sandbox.key, **limits) as product,
    ):
        sandbox.settings(seed_sources=False, latency=latency, **QUICK)
        course = Course(product, sandbox, Large(count), timeout)
        to_its_end(course, count)
        stopped(course, max(200, count // SHARE_TO_STOP))
        course.note_memory()
        if product.terminate(course.worker) != 0:
            course.found.wrong.append("the worker did not end with 0")
        return course.found


def to_its_end(course: Course, count: int) -> None:
    """One run, registered and ingested: paused while it registers, its worker killed while it ingests."""
    given = json.dumps(resources("large", count))
    number = course.product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=given)
    started = time.monotonic()
    course.wait(lambda: course.items(number, "register") <= count * 7 // 8)
    with course.at_rest():
        pause_and_resume(course, number)
    course.wait(lambda: course.items(number, "follow", "running", "ended") >= count // 8)
    with course.at_rest():
        kill_and_restart(course)
    course.wait(lambda: course.ended(number))
    course.found.seconds = time.monotonic() - started
    course.compare()
    course.found.calls = len(course.sandbox.log())
    course.found.wrong += differences(course, number)


def pause_and_resume(course: Course, number: int) -> None:
    """A paused run sends nothing, and its counts stand as they are."""
    course.steer(number, "pause")
    time.sleep(QUIET)
    before = writes(course.sandbox)
    course.add_up()
    course.compare()
    if writes(course.sandbox) != before:
        course.found.wrong.append("a paused run sent a call")
    if not course.items(number, "register"):
        course.found.wrong.append("the run had registered everything before it was paused")
    course.steer(number, "resume")


def kill_and_restart(course: Course) -> None:
    """Kill the worker, count what it left, and start another; at rest until that one has made its first call."""
    course.note_memory()
    course.product.kill(course.worker)
    course.add_up()
    course.compare()
    before = len(course.sandbox.log())
    course.worker = course.product.worker(ready=True)
    course.wait(lambda: len(course.sandbox.log()) > before)


def writes(sandbox: Sandbox) -> int:
    return sum(entry["method"] == "POST" for entry in sandbox.log())


def stopped(course: Course, count: int) -> None:
    """Another run, stopped half way: what was sent has its end, the rest is skipped, and Fini is asked no more."""
    given = json.dumps(resources("stopped", count))
    number = course.product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=given)
    course.wait(lambda: course.items(number, "register") < count)
    course.steer(number, "cancel")
    course.compare()
    course.wait(lambda: course.ended(number))
    course.compare()
    run = course.product.run(number)
    if not run["outcomes"]["skipped"] or sum(run["outcomes"].values()) != run["total"]:
        course.found.wrong.append(f"stopped: {run}")


def differences(course: Course, number: int) -> Iterator[str]:
    """How the first run's outcomes differ from what Fini holds; and what Fini was asked to do twice."""
    run = course.product.run(number)
    held = course.sandbox.documents()
    ends = run["outcomes"]
    usable = sum(one["linkedJobStatus"] == "COMPLETED" and bool(one["paragraphCount"]) for one in held)
    if (ends["done"], ends["done"] + ends["failed"]) != (usable, run["total"]):
        yield f"{ends}, and {usable} of {len(held)} are usable in Fini"
    twice: list[dict[str, Any]] = [one for one in held if one["jobCount"] != 1]
    yield from (f"{one['externalId']}: {one['jobCount']} jobs" for one in twice[:5])
