"""A sync of many sources with long texts: its calls, its seconds, and the worker's memory."""

import time
from collections.abc import Iterator

from tests.support.product import SLUG, Product, peak_mb, until
from tests.support.sandbox import Sandbox

SOURCES, TEXT_BYTES, MOST_MB = 20_000, 20_000, 250
PORTION = 2_000
TIMEOUT = 3_600
LIST = "/v2/documents/public"
Row = tuple[str, str, str]


def measure(count: int = SOURCES) -> Iterator[Row]:
    """The rows of the bench; the last one counts what the mirror lacks."""
    with Sandbox.start(per_minute=0) as sandbox:
        sandbox.settings(seed_sources=False, paragraph_bytes=TEXT_BYTES)
        for start in range(0, count, PORTION):
            sandbox.seed(count=min(PORTION, count - start), state="usable")
        with Product(sandbox.url, sandbox.key) as product:
            yield from _synced(sandbox, product, count)


def _synced(sandbox: Sandbox, product: Product, count: int) -> Iterator[Row]:
    worker = product.worker(ready=True)
    started = time.monotonic()
    number = product.start_run("sync", SLUG)
    until(lambda: product.run(number)["state"] == "ended", TIMEOUT, product.unfinished)
    seconds, peak = time.monotonic() - started, peak_mb(worker)
    lists = sum(entry["path"].split("?")[0] == LIST for entry in sandbox.log())
    lacking = len({one["id"] for one in sandbox.documents()} - {one["id"] for one in product.sources()})
    what = f"sync of {count:,} sources with {TEXT_BYTES // 1000} KB of text each"
    yield f"{what}: seconds", f"{seconds:.0f}", "-"
    yield f"{what}: list calls", f"{lists:,}", "-"
    yield f"{what}: the worker's peak memory, MB", f"{peak:.0f}", f"at most {MOST_MB}"
    yield f"{what}: sources that the mirror lacks", str(lacking), "0"
