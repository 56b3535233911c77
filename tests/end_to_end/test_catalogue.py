"""The main job, whole, on the real catalogue: discover, register, queue, ingest, follow, by commands alone."""

import json
import time
from typing import Any

from tests.support.product import SLUG, Product
from tests.support.records import state_of
from tests.support.sandbox import Sandbox

LEAVES = {"notion": 397, "zendesk": 380, "confluence": 655}
QUIET = 8


def expected(document: dict[str, Any]) -> dict[str, Any]:
    """A source as it must be exported."""
    names = ("id", "source", "externalId", "title", "originalUrl", "mimeType")
    return {name: document[name] for name in names} | {
        "object": document["type"],
        "state": state_of(document),
    }


def by_id(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {record["id"]: record for record in records}
    assert len(found) == len(records)
    return found


def check_discovery(product: Product) -> dict[str, str]:
    """Every provider is listed whole; returns what `register` takes of each."""
    listed = {}
    for provider, leaves in LEAVES.items():
        done = product.command("discover", SLUG, provider, "--wait")
        run = product.run(int(done.stdout.splitlines()[-1]))
        assert (run["state"], run["total"], run["outcomes"]["done"]) == ("ended", leaves, leaves)
        assert sum(run["outcomes"].values()) == leaves
        listed[provider] = product.command("export_resources", SLUG, provider).stdout
        assert len(json.loads(listed[provider])) == leaves
    return listed


def check_registration(product: Product, listed: dict[str, str]) -> None:
    """All are registered by three runs at once, and wait in the queue for a first ingestion."""
    numbers = {
        provider: product.start_run("register", SLUG, provider, "-", stdin=resources)
        for provider, resources in listed.items()
    }
    product.wait_for_end(90)
    for provider, number in numbers.items():
        run = product.run(number)
        assert (run["total"], run["outcomes"]["done"]) == (LEAVES[provider], LEAVES[provider])
    waiting = product.sources()
    assert len(waiting) == sum(LEAVES.values())
    assert {(source["state"], source["lane"]) for source in waiting} == {("queued", "add")}


def check_ingestion(product: Product, sandbox: Sandbox) -> None:
    """The queue is sent and followed to the end that each record really has."""
    ended = product.command("ingest", SLUG, "--wait", check=False)
    run = product.run(int(ended.stdout.splitlines()[-1]))
    states = [state_of(document) for document in sandbox.documents()]
    usable = states.count("usable")
    assert ended.returncode == 2, "some fail in the sandbox, and the command says so"
    assert run["total"] == len(states) == sum(run["outcomes"].values())
    assert (run["outcomes"]["done"], run["outcomes"]["failed"]) == (usable, len(states) - usable)


def check_way_back(product: Product, sandbox: Sandbox) -> None:
    """What `export_sources` prints is registered again, and Fini's records are byte for byte as before."""
    before = records(sandbox)
    exported = product.command("export_sources", SLUG).stdout.splitlines(keepends=True)
    for provider, leaves in LEAVES.items():
        lines = [line for line in exported if json.loads(line)["source"] == provider]
        number = product.start_run("register", SLUG, provider, "-", stdin="".join(lines))
        product.wait_for_end(90)
        assert product.run(number)["outcomes"]["done"] == leaves
    assert records(sandbox) == before
    assert len(product.sources()) == sum(LEAVES.values())


def records(sandbox: Sandbox) -> dict[str, str]:
    """Fini's records, less when they were last written."""
    held = [document | {"updatedAt": ""} for document in sandbox.documents()]
    return {document["id"]: json.dumps(document, sort_keys=True) for document in held}


def test_the_whole_catalogue_goes_from_discovery_to_its_end_and_then_all_is_silent():
    with (
        Sandbox.start(per_minute=0) as sandbox,
        Product(sandbox.url, sandbox.key, FINI_CALLS_PER_MINUTE=1_000) as product,
    ):
        sandbox.settings(seed_sources=False)
        worker = product.worker()
        check_registration(product, check_discovery(product))
        check_ingestion(product, sandbox)
        assert mirrored(product) == {document["id"]: expected(document) for document in sandbox.documents()}
        calls = len(sandbox.log())
        time.sleep(QUIET)
        assert len(sandbox.log()) == calls
        assert worker.poll() is None
        assert {entry["status"] for entry in sandbox.log()} == {200}
        check_way_back(product, sandbox)
        assert product.verify().count("intact") == 2


def mirrored(product: Product) -> dict[str, dict[str, Any]]:
    """What we export, less what only we know; nothing waits any more."""
    kept = ("id", "source", "externalId", "title", "originalUrl", "mimeType", "object", "state")
    sources = product.sources()
    assert {source["lane"] for source in sources} == {None}
    return {fini_id: {name: source[name] for name in kept} for fini_id, source in by_id(sources).items()}
