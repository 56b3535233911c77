"""A workspace's home tells how its sources stand, what needs a person, and at first what to do."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion import runs
from fini_admin.ingestion.models import QueueEntry, Worker
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import Start, drive, resources

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def at_work(db: None) -> None:
    now = datetime.now(UTC)
    Worker.objects.create(id="w", started_at=now, seen_at=now)


def page(client: Client) -> str:
    return " ".join(client.get("/w/acme/").content.decode().split())


def needs(client: Client) -> list[str]:
    return [need.text for need, _ in client.get("/w/acme/").context["needs"]]


def numbers(client: Client) -> dict[str, tuple[str, str]]:
    return {line.name: (line.text, url) for line, url in client.get("/w/acme/").context["funnel"]}


def test_the_home_counts_each_step_and_leads_to_what_it_counts(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    sandbox.settings(outcomes={"n-0": "failed"})
    register(resources(5), then_ingest=True)
    drive(acme)
    client.force_login(people.member(acme, "viewer"))
    found = numbers(client)
    assert found["in Fini"] == (str(Source.objects.count()), "/w/acme/sources/")
    assert found["failed"] == ("1", "/w/acme/sources/?state=failed")
    usable = Source.objects.filter(state="usable").count()
    assert usable >= 4
    assert found["usable"] == (str(usable), "/w/acme/sources/?state=usable")
    assert found["queued"] == ("0", "/w/acme/sources/?state=queued")
    assert found["refresh queued"] == ("0", "/w/acme/sources/?waits=refresh")
    assert "5 of 5" in page(client)


def test_a_viewer_gets_no_way_to_what_a_viewer_may_not_open(acme: Workspace, client: Client) -> None:
    client.force_login(people.member(acme, "viewer"))
    assert numbers(client)["discovered"] == ("0", "")
    assert "/w/acme/discover/" not in page(client)
    client.force_login(people.member(acme, "editor"))
    assert numbers(client)["discovered"] == ("0", "/w/acme/discover/")


def test_the_first_steps_complete_themselves_and_go(
    acme: Workspace, register: Start, ingest: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "admin"))

    def done() -> list[bool]:
        return [step.done for step, _ in client.get("/w/acme/").context["steps"]]

    assert done() == [True, False, False, False, False]
    ApiKey.objects.update(verified_at=datetime.now(UTC))
    assert done() == [True, True, False, False, False]
    runs.start_discover(by=by("ada"), workspace=acme, provider="notion")
    drive(acme)
    assert done() == [True, True, True, False, False]
    register(resources(2))
    drive(acme)
    assert done() == [True, True, True, True, False]
    ingest()
    drive(acme)
    assert done() == []
    assert "First steps" not in page(client)


def test_what_needs_a_person_is_said(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client, at_work: None
) -> None:
    client.force_login(people.member(acme, "admin"))
    assert needs(client) == []
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"})
    register(resources(3), then_ingest=True)
    drive(acme)
    register(resources(2, "m"))
    drive(acme)
    QueueEntry.objects.filter(closed_at=None).update(opened_at=datetime(2026, 1, 1, tzinfo=UTC))
    ApiKey.objects.update(refused_at=datetime.now(UTC))
    Worker.objects.all().delete()
    assert [re.sub(r" .*", "", need) for need in needs(client)] == ["No", "Fini", "1", "1", "2"]
    ApiKey.objects.all().delete()
    assert "The workspace has no live key: nothing can be asked of Fini." in needs(client)


def test_what_was_taken_out_of_the_queue_leads_to_its_lane(
    acme: Workspace, register: Start, client: Client, at_work: None
) -> None:
    client.force_login(people.member(acme, "editor"))
    register(resources(2))
    drive(acme)
    QueueEntry.objects.update(closed_at=datetime.now(UTC), closed_how="removed")
    Source.objects.filter(state="queued").update(state="registered")
    told = [(need.text, url) for need, url in client.get("/w/acme/").context["needs"]]
    assert told == [("2 registered and taken out of the queue, or never in it", "/w/acme/queue/?lane=out")]


def test_the_home_takes_as_many_queries_for_three_runs_as_for_one(
    acme: Workspace, register: Start, client: Client, django_assert_num_queries: Callable[[int], Any]
) -> None:
    client.force_login(people.member(acme, "viewer"))
    register(resources(1))
    client.get("/w/acme/")
    with django_assert_num_queries(HOME):
        client.get("/w/acme/")
    register(resources(3, "m"))
    register(resources(3, "o"))
    with django_assert_num_queries(HOME):
        client.get("/w/acme/")


HOME = 34


def test_the_menus_numbers_and_the_foot_are_asked_for_without_the_page(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client, at_work: None
) -> None:
    client.force_login(people.member(acme, "viewer"))
    assert 'hx-get="/w/acme/?part=frame"' in page(client)
    register(resources(2))
    drive(acme)
    register(resources(1))
    answer = client.get("/w/acme/?part=frame", headers={"HX-Request": "true"}).content.decode()
    told = " ".join(answer.split())
    assert '<hx-partial hx-target="#note-queue"' in told
    assert '<span class="side-note" id="note-queue">2</span>' in told
    assert '<span class="side-note" id="note-runs">1 running</span>' in told
    assert "calls this minute" in told
    assert "worker running" in told
    assert "<main" not in told
    assert "note-keys" not in told
