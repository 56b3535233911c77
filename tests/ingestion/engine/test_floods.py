"""Answers with far more in them than was asked for, and texts that are far too long: bounded, and said."""

import json
import sqlite3
import time
from typing import Any
from uuid import uuid4

import pytest

from fini_admin.audit.models import Entry
from fini_admin.fini import routes, wire
from fini_admin.fini.client import Request
from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import InvalidRequest, Resource
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import Item, Step
from fini_admin.ingestion.models import Run as RunRow
from fini_admin.ingestion.resource_rules import fault
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.product import POSTGRES, SLUG, Product, until
from tests.support.sandbox import Sandbox
from tests.support.work import OWNER, QUICK, Start, drive, ends, resources

MANY = 200_000
FLOOD = json.dumps({"addedDocumentIds": [str(uuid4()) for _ in range(MANY)], "updatedDocumentIds": []})
SAID = f"Fini's answer cannot be read: it holds {MANY:,} IDs, and 8 were asked for"
LONG = "x" * 3_000_000
REGISTER = "/documents/public/resources"


def test_a_flood_of_ids_is_said_in_the_run_its_outcomes_and_the_call_and_none_is_taken(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.fault(method="POST", path=REGISTER, body=FLOOD, count=5)
    run = register(resources(8))
    drive(acme)
    assert ends(run) == {"unknown": 8}
    assert set(Item.objects.values_list("reason", flat=True)) == {SAID}
    assert RunRow.objects.get().error == SAID
    assert set(Entry.objects.filter(kind="call.answered").values_list("error", flat=True)) == {SAID}
    assert Source.objects.count() == 0


def test_one_flood_costs_one_more_call(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.fault(method="POST", path=REGISTER, body=FLOOD, count=1, after=True)
    run = register(resources(8), then_ingest=True)
    drive(acme)
    assert ends(run) == {"done": 8}
    assert Source.objects.count() == len(sandbox.documents())


@pytest.mark.usefixtures("impatient")
def test_a_flood_for_an_ingest_is_read_back(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.fault(method="POST", path="/documents/public", body=FLOOD, skip=1, after=True)
    run = register(resources(8), then_ingest=True)
    drive(acme)
    assert ends(run) == {"done": 8}
    assert Step.objects.filter(kind="ingest").count() == 1


def test_a_few_ids_more_are_sources(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    ids = [str(uuid4()) for _ in range(8 + wire.SURPLUS)]
    sandbox.fault(method="POST", path=REGISTER, body=json.dumps({"addedDocumentIds": ids}), after=True)
    register(resources(8))
    drive(acme)
    assert set(ids) <= set(Source.objects.values_list("fini_id", flat=True))


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (routes.list_sources(limit=20), {"documents": [{"id": "a"}] * 121}),
        (
            routes.register("notion", [one.body() for one in resources(3)]),
            {"addedDocumentIds": [f"a{n}" for n in range(104)]},
        ),
        (
            routes.ingest("notion", add=["a"], refresh=["b"]),
            {"updatedDocumentIds": [f"a{n}" for n in range(103)]},
        ),
        (routes.refresh(["a"]), [f"a{n}" for n in range(102)]),
        (routes.delete(["a"]), {"deletedDocuments": [{"id": "a"}] * 102}),
        (routes.crawl(["https://a.example/"], limit=5), {"data": ["https://a.example/"] * 106}),
    ],
)
def test_every_route_bounds_what_it_asked_for(request_: Request[Any], answer: Any) -> None:
    with pytest.raises(NotUnderstood, match=r"it holds 1\d\d \w+, and \d+ were asked for"):
        request_.parse(answer)
    shorter = {name: held[:-1] for name, held in answer.items()} if isinstance(answer, dict) else answer[:-1]
    request_.parse(shorter)


def test_a_title_of_three_megabytes_is_cut_where_it_is_stored_and_is_no_news_twice(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(2))
    assert loop.work_once(acme.pk, OWNER)
    for one in sandbox.documents()[:2]:
        sandbox.change(one["id"], title=LONG)
    drive(acme)
    assert ends(run) == {"done": 2}
    held = Source.objects.filter(title=wire.shortened(LONG, wire.TITLE))
    assert held.count() == 2
    record = wire.Document.parse({"id": held[0].fini_id, "title": LONG})
    assert record.title == held[0].title
    assert len(record.title) == wire.TITLE


@pytest.mark.parametrize("field", [name for name in wire.Document.__dataclass_fields__ if name != "content"])
def test_no_field_of_a_record_is_kept_whole_however_long_it_is(field: str) -> None:
    names = ["source", "externalId", "title", "originalUrl", "mimeType", "type", "error", "linkedJobId"]
    names += [
        "linkedJobStatus",
        "linkedKnowledgeId",
        "linkedOperation",
        "linkedReason",
        "createdAt",
        "updatedAt",
    ]
    document = wire.Document.parse({"id": "a"} | dict.fromkeys(names, LONG))
    value = getattr(document, field)
    assert not isinstance(value, str) or len(value) <= wire.ADDRESS
    assert not isinstance(value, str) or field == "id" or wire.is_shortened(value)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.name)
def test_no_text_of_a_discovery_is_kept_whole(provider) -> None:
    names = ("externalId", "title", "originalUrl", "mimeType")
    (node,) = provider.listing([dict.fromkeys(names, LONG) | {"object": provider.kinds[-1]}]).nodes
    for name in ("external_id", "title", "original_url", "mime_type"):
        assert len(getattr(node, name)) <= wire.ADDRESS, name


def test_two_long_ids_stay_two_and_neither_is_sent_cut() -> None:
    found = PROVIDERS["notion"].listing(
        [{"externalId": LONG + end, "title": "One", "originalUrl": "https://a.example/"} for end in "ab"]
    )
    one, other = (node.external_id for node in found.nodes)
    assert one != other
    assert fault("external_id", one) == "was too long to be kept whole"
    with pytest.raises(InvalidRequest, match="externalId was too long to be kept whole"):
        routes.check_resource(Resource(one, "One", "https://a.example/", "text/html").body())
    with pytest.raises(InvalidRequest, match="is not an http"):
        routes.ingest("web", add=[wire.shortened("https://a.example/" + LONG, wire.ADDRESS)], refresh=[])


@pytest.mark.parametrize("length", [wire.TITLE - 1, wire.TITLE])
def test_a_text_of_the_right_length_is_kept_as_it_is(length: int) -> None:
    assert wire.shortened("y" * length, wire.TITLE) == "y" * length


def test_a_refusal_of_three_megabytes_is_bounded() -> None:
    assert len(wire.error_message({"message": LONG})) == wire.MESSAGE
    assert len(wire.error_message({"message": ["y" * 1_000] * 1_000})) == wire.MESSAGE


@pytest.mark.skipif(bool(POSTGRES), reason="PostgreSQL locks no database")
def test_meanwhile_nobody_waits_for_the_database() -> None:
    with Sandbox.start(per_minute=0) as sandbox:
        sandbox.settings(**QUICK)
        with Product(sandbox.url, sandbox.key, FINI_CALLS_PER_MINUTE=100_000) as product:
            given = json.dumps([one.body() for one in resources(8)])
            product.start_run("register", SLUG, "notion", "-", "--ingest", stdin=given)
            sandbox.fault(method="POST", path=REGISTER, body=FLOOD, count=2, after=True)
            product.worker(ready=True)
            waits = []

            def ended() -> bool:
                waits.append(wait_to_write(product))
                return not product.query("SELECT 1 AS one FROM ingestion_run WHERE state <> 'ended'")

            until(ended, 90, product.unfinished)
            assert sandbox.faults() == []
            assert len(product.query("SELECT id FROM sources_source")) == len(sandbox.documents())
            assert max(waits) < 2


def wait_to_write(product: Product) -> float:
    """How long another process waits until it may write."""
    connection = sqlite3.connect(product.folder / "db.sqlite3", timeout=30, isolation_level=None)
    try:
        started = time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        waited = time.monotonic() - started
        connection.execute("ROLLBACK")
        return waited
    finally:
        connection.close()
