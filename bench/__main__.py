"""Measure what the product promises: calls for 1,000 sources, kills, large fields and runs, the cost of recording."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import fields, large_run, syncing, watching
from tests.crash.second_siege import besiege_again
from tests.crash.siege import Findings, besiege
from tests.end_to_end.test_cost import MOST, SOURCES, calls_for
from tests.support.product import POSTGRES, ROOT, Product
from tests.support.sandbox import Sandbox

RESULTS = Path(__file__).parent / "results"
KILLS_EACH = 10
AT_ONCE = 2
Row = tuple[str, str, str]
KINDS = ("lost", "twice", "stuck", "unrecorded", "wrong")


def cost() -> Iterator[Row]:
    """The calls from a known resource to the end of its job."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        calls = calls_for(Path(folder), SOURCES)
    yield f"calls for {SOURCES:,} sources, discovery excluded", str(calls), f"at most {MOST}"
    yield "seconds for it", f"{time.monotonic() - started:.0f}", "-"


def kills(count: int, seed: int, besieged: Callable[..., Findings], amid: str) -> Iterator[Row]:
    """Runs with killed processes, two at a time, each on its own installation."""

    def one_siege(siege: tuple[int, int, bool]) -> Findings:
        share, start, partial = siege
        return besieged(kills=share, seed=start, partial=partial)

    shares = [min(KILLS_EACH, count - done) for done in range(0, count, KILLS_EACH)]
    sieges = [(share, seed + number, bool(number % 2)) for number, share in enumerate(shares)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(one_siege, sieges))
    for kind in KINDS:
        evidence = [text for one in found for text in getattr(one, kind)]
        for text in evidence:
            sys.stderr.write(f"{kind}: {text}\n")
        yield f"{kind}, after {count} kills amid {amid}", str(len(evidence)), "0"
    for name in ("calls", "lost_calls", "unknown_ingests", "unknown_repeats", "sources", "given_up"):
        yield (
            f"{name.replace('_', ' ')} in these sieges",
            f"{sum(getattr(one, name) for one in found):,}",
            "-",
        )


def measured_in_a_product(script: str, *arguments: str, worker: bool = False, **pace: object) -> Any:
    """What a script of this folder prints, as JSON, in an installation of its own, with a worker if it needs one."""
    budget = {"FINI_CALLS_PER_MINUTE": 100_000} if worker else {}
    with Sandbox.start(per_minute=0) as sandbox, Product(sandbox.url, sandbox.key, **budget) as product:
        sandbox.settings(**pace)
        if worker:
            product.worker(ready=True)
        line = [sys.executable, str(Path(__file__).parent / script), *arguments]
        env = product.env | {"PYTHONPATH": str(ROOT)}
        return json.loads(subprocess.run(line, env=env, check=True, stdout=subprocess.PIPE).stdout)


def recording() -> Iterator[Row]:
    """A recorded call compared with a plain one."""
    measured = measured_in_a_product("recording.py")
    yield "a bare call, median ms", f"{measured['bare']:.1f}", "-"
    yield "a recorded call, median ms", f"{measured['recorded']:.1f}", "-"


def imports() -> Iterator[Row]:
    """How close the previews of imports came to what those took; a time is said once three had ended."""
    pace = {"pending_seconds": [1, 1], "running_seconds": [2, 2], "seed_sources": False}
    found = measured_in_a_product("imports.py", worker=True, **pace)
    timed = [one for one in found if one["seconds_said"] is not None]
    calls = sum(abs(one["said"] - one["calls"]) <= max(3, one["calls"] / 4) for one in found)
    times = sum(abs(one["seconds_said"] - one["seconds"]) <= one["seconds"] / 4 for one in timed)
    sys.stderr.writelines(f"import: {one}\n" for one in found)
    yield f"of {len(found)} imports, those with calls within 25 % or 3 of the preview", str(calls), "all"
    yield f"of {len(timed)} imports, those with a time within 25 % of the preview", str(times), "16 of 20"


def searching(sizes: str) -> Iterator[Row]:
    """A first page of the sources and of the queue, searched, among few and among many."""
    few, many = measured_in_a_product("searching.py", *sizes.split(",")).items()
    for (where, what, small), (_, _, large) in zip(few[1], many[1], strict=True):
        said = f"{large:.1f} ({large / small:.1f} times)"
        yield (
            f"{where}, {what}: p95 ms at {int(many[0]):,} (and at {int(few[0]):,})",
            said,
            "at most 30 (1.3 times)",
        )


def trail(sizes: str) -> Iterator[Row]:
    """A page of the audit trail under each search, among few calls and among many."""
    few, many = measured_in_a_product("trail.py", *sizes.split(",")).items()
    for (what, small, _), (_, large, queries) in zip(few[1], many[1], strict=True):
        said = f"{large:.1f} ({large / small:.1f} times), {queries} queries"
        promised = "at most 150" if what == "facets and charts" else "at most 30 (1.3 times), 8 queries"
        yield f"audit, {what}: p95 ms at {int(many[0]):,} (and at {int(few[0]):,})", said, promised


def table(rows: list[Row]) -> str:
    lines = ["| what | measured | promised |", "| --- | ---: | ---: |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def place() -> str:
    """The engine and the machine."""
    engine = "PostgreSQL" if POSTGRES else "SQLite"
    return f"{engine}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"


def parts_of(options: argparse.Namespace) -> dict[str, Callable[[], Iterator[Row]]]:
    """What is measured, by name; `options` may be filled in later."""
    return {
        "recording": recording,
        "cost": cost,
        "fields": fields.measure,
        "imports": imports,
        "searching": lambda: searching(options.sizes),
        "trail": lambda: trail(options.sizes),
        "watching": watching.measure,
        "sync": syncing.measure,
        "large": lambda: large_run.measure(options.resources),
        "kills": lambda: kills(options.kills, options.seed, besiege, "ingestions"),
        "again": lambda: kills(
            options.kills // 2, options.seed, besiege_again, "refreshes, retries, deletions, pages"
        ),
    }


def main() -> int:
    """Run the measurements, print and store the results; exit 1 when a promise was broken."""
    options = argparse.Namespace()
    parts = parts_of(options)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=200, help="how many kills (default 200, a quarter of an hour)"
    )
    parser.add_argument("--only", choices=parts, help="this part alone; its results are not kept")
    parser.add_argument(
        "--sizes", default="10000,1000000", help="how many are searched (default %(default)s)"
    )
    parser.add_argument(
        "--resources", type=int, default=100_000, help="how many resources a large run has (default 100000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="where the dice start (default 1)")
    parser.parse_args(namespace=options)
    chosen = [parts[options.only]] if options.only else list(parts.values())
    rows: list[Row] = [row for part in chosen for row in part()]
    now = datetime.now(UTC)
    text = f"# {now:%Y-%m-%d %H:%M} UTC\n\n{place()}, seed {options.seed}\n\n{table(rows)}"
    if not options.only:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{now:%Y-%m-%d}-{'postgresql' if POSTGRES else 'sqlite'}.md").write_text(text)
    print(text)
    return int(any(row[2] == "0" and row[1] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
