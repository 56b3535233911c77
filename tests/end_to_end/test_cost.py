"""What the main job costs in calls (T7)."""

import json
from pathlib import Path

from tests.support.product import SLUG, Product
from tests.support.records import resources
from tests.support.sandbox import Sandbox

SOURCES = 1_000
MOST = 60
PROVIDERS = ("notion", "zendesk", "confluence")


def catalogue(folder: Path, count: int) -> Path:
    """Providers of which one holds everything."""
    for provider in PROVIDERS:
        held = resources("cost", count) if provider == "notion" else []
        (folder / f"{provider}.json").write_text(json.dumps(held))
    return folder


def calls_for(folder: Path, count: int) -> int:
    """The calls that it takes to bring `count` known resources to an end, with the default limits."""
    with (
        Sandbox.start(catalogue=catalogue(folder, count)) as sandbox,
        Product(sandbox.url, sandbox.key) as product,
    ):
        product.worker(ready=True)
        product.command("discover", SLUG, "notion", "--wait")
        known = product.command("export_resources", SLUG, "notion").stdout
        number = product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=known)
        product.wait_for_end(150)
        run = product.run(number)
        log = sandbox.log()
        discovering = [entry for entry in log if entry["method"] == "GET" and "/resources/" in entry["path"]]
        assert sum(run["outcomes"].values()) == run["total"] == count
        assert run["outcomes"]["unknown"] == run["outcomes"]["refused"] == run["outcomes"]["skipped"] == 0
        assert {entry["status"] for entry in log} == {200}
        assert run["calls"] == len(log) - len(discovering)
        return len(log) - len(discovering)


def test_a_thousand_sources_come_from_known_to_their_end_in_at_most_60_calls(tmp_path):
    calls = calls_for(tmp_path, SOURCES)
    print(f"{SOURCES} sources: {calls} calls")  # noqa: T201 - the number is what the test is about
    assert calls <= MOST
