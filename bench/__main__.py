"""Measure what the product promises: calls for 1,000 sources, kills, large fields, the cost of recording."""

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

from bench import fields
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


def recording() -> Iterator[Row]:
    """A recorded call compared with a plain one."""
    with Sandbox.start(per_minute=0) as sandbox, Product(sandbox.url, sandbox.key) as product:
        line = [sys.executable, str(Path(__file__).parent / "recording.py")]
        env = product.env | {"PYTHONPATH": str(ROOT)}
        measured = json.loads(subprocess.run(line, env=env, check=True, capture_output=True).stdout)
    yield "a bare call, median ms", f"{measured['bare']:.1f}", "-"
    yield "a recorded call, median ms", f"{measured['recorded']:.1f}", "-"


def table(rows: list[Row]) -> str:
    lines = ["| what | measured | promised |", "| --- | ---: | ---: |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def place() -> str:
    """The engine and the machine."""
    engine = "PostgreSQL" if POSTGRES else "SQLite"
    return f"{engine}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"


def main() -> int:
    """Run the measurements, print and store the results; exit 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=200, help="how many kills (default 200, a quarter of an hour)"
    )
    only = ("recording", "cost", "fields", "kills", "again")
    parser.add_argument("--only", choices=only, help="this part alone; its results are not kept")
    parser.add_argument("--seed", type=int, default=1, help="where the dice start (default 1)")
    options = parser.parse_args()
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "recording": recording,
        "cost": cost,
        "fields": fields.measure,
        "kills": lambda: kills(options.kills, options.seed, besiege, "ingestions"),
        "again": lambda: kills(
            options.kills // 2, options.seed, besiege_again, "refreshes, retries, deletions"
        ),
    }
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
