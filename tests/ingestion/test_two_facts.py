"""A source's state and its wait for a refresh are two facts: on every page, in exports and in the numbers."""

import importlib
import json
from datetime import UTC, datetime

from django.apps import apps
from django.test import Client

from fini_admin.ingestion import export, queue, queue_moves
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import QueueEntry
from fini_admin.ingestion.verify_counts import differences
from fini_admin.sources import mirror
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.web.wording.sources import QueuePlace, state_in_words, what_next
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.queue_page import waiting
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, ends, hurry, resources

ORIGIN = mirror.Observation("", datetime.now(UTC))


def told(client: Client) -> dict[str, str]:
    """How many are usable, and how many wait for a refresh: as Home, Sources, Queue and both exports have it."""
    home = client.get("/w/acme/").context
    parts = {part.name: part.text for part in home["totals"].chart.parts}
    usable = len(client.get("/w/acme/sources/?state=usable").context["page"].rows)
    again = client.get("/w/acme/sources/?waits=refresh").context["page"].rows
    lines = client.get("/w/acme/sources/?export=jsonl&waits=refresh").getvalue().decode().splitlines()
    lanes = queue.queue_counts(Workspace.objects.get(), "refresh").lanes
    rows = list(export.all_sources(Workspace.objects.get()))
    assert {json.loads(line)["lane"] for line in lines} <= {"refresh"}
    return {
        "home": f"{parts['usable']}, {home['totals'].refreshes}",
        "sources": f"{usable}, {len(again)}",
        "queue": f"{usable}, {lanes['refresh']}",
        "file": f"{usable}, {len(lines)}",
        "command": f"{sum(row['state'] == 'usable' for row in rows)}, {sum(row['lane'] == 'refresh' for row in rows)}",
    }


def test_unchanged_content_registered_again_makes_no_usable_source_look_unusable(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "viewer"))
    sandbox.settings(seed_sources=False)
    sandbox.settings(pending_seconds=[0, 0.02], running_seconds=[0, 0.05], weights={"usable": 1})
    register(resources(5), then_ingest=True)
    drive(acme)
    usable = Source.objects.filter(state="usable").count()
    assert set(told(client).values()) == {f"{usable}, 0"}
    register(resources(5))
    drive(acme)
    assert set(told(client).values()) == {f"{usable}, 5"}
    assert "usable · refresh queued" in client.get("/w/acme/sources/").content.decode()
    fini_id = QueueEntry.objects.filter(closed_at=None)[0].source.fini_id
    page = client.get(f"/w/acme/sources/{fini_id}/").content.decode()
    assert "usable · refresh queued" in page
    assert "Its refresh waits to be sent" in page
    run = ingest()
    drive(acme)
    assert ends(run) == {"done": 5}
    assert set(told(client).values()) == {f"{usable}, 0"}


def test_its_history_tells_of_the_queue_although_its_state_stays(
    acme: Workspace, register: Start, ingest: Start
) -> None:
    register(resources(1), then_ingest=True)
    drive(acme)
    register(resources(1))
    drive(acme)
    (entry,) = waiting(acme)
    before = StateChange.objects.filter(source=entry.source).count()
    queue_moves.remove_entries(by=by("ada"), workspace=acme, entries=[entry.pk])
    queue_moves.put_sources_back(by=by("ada"), workspace=acme, sources=[entry.source_id])
    told = StateChange.objects.filter(source=entry.source).order_by("pk").values_list("old", "new", "note")
    assert list(told)[before:] == [
        ("usable", "usable", "Removed from the queue by ada"),
        ("usable", "usable", "Put back into the queue by ada"),
    ]


def test_what_was_taken_out_and_is_registered_again_is_queued_before_its_record_is_read(
    acme: Workspace, register: Start
) -> None:
    register(resources(1))
    drive(acme)
    (entry,) = waiting(acme)
    queue_moves.remove_entries(by=by("ada"), workspace=acme, entries=[entry.pk])
    run = register(resources(1))
    assert Source.objects.get(pk=entry.source_id).state == State.REGISTERED
    while not QueueEntry.objects.filter(closed_at=None).exists():
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    source = Source.objects.get(pk=entry.source_id)
    assert source.wanted_since is not None
    assert (source.state, source.run) == (State.QUEUED, run.number)
    assert differences(acme) == []


def test_a_stuck_source_is_stuck_until_another_job_of_it_was_sent(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(1), then_ingest=True)
    drive(acme)
    Source.objects.filter(external_id="n-0").update(
        state=State.STUCK, job_status="IN_PROGRESS", updated_at=""
    )
    stuck = Source.objects.get(external_id="n-0")
    queue_moves.put_sources_back(by=by("ada"), workspace=acme, sources=[stuck.pk])
    assert Source.objects.get(pk=stuck.pk).state == State.STUCK
    run = ingest()
    drive(acme)
    assert ends(run) == {"done": 1}
    assert Source.objects.get(external_id="n-0").state == State.USABLE


def test_what_waited_for_a_refresh_before_this_version_gets_its_state_back(
    acme: Workspace, register: Start
) -> None:
    register(resources(2), then_ingest=True)
    register(resources(1, "m"))
    drive(acme)
    mirror.move_all(Source.objects.filter(external_id="n-0"), State.QUEUED, ORIGIN)
    migration = importlib.import_module("fini_admin.sources.migrations.0070_ingested_before")
    migration.tell_apart(apps, None)
    states = dict(Source.objects.filter(provider="notion").values_list("external_id", "state"))
    assert states == {"n-0": "usable", "n-1": "usable", "m-0": "queued"}
    last = StateChange.objects.latest("pk")
    assert (last.old, last.new, last.note) == ("queued", "usable", migration.NOTE)
    assert QueueEntry.objects.filter(closed_at=None).count() == 1


def test_the_second_fact_stands_beside_every_state() -> None:
    assert state_in_words("usable", "refresh") == "usable · refresh queued"
    assert state_in_words("queued", "add") == "queued"
    assert state_in_words("usable", None) == "usable"
    taken = what_next(Source(state="failed", provider="notion"), QueuePlace("refresh", 41))
    assert "run 41 has its refresh" in taken.then
