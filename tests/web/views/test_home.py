"""A workspace's home tells how its sources stand, what needs attention, and at first what to do."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import QueueEntry, Run, Worker
from fini_admin.ingestion.runs import steering
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.sources import count_again
from tests.support.who import by
from tests.support.work import Start, alive, drive, resources

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def at_work(db: None) -> None:
    alive()


def page(client: Client) -> str:
    return " ".join(client.get("/w/acme/").content.decode().split())


def needs(client: Client) -> list[str]:
    found = client.get("/w/acme/").context
    return [f"{need.text}. {need.why}".strip() for need, _ in [*found["needs"], *found["further"]]]


def numbers(client: Client) -> dict[str, tuple[str, str]]:
    parts = client.get("/w/acme/").context["totals"].chart.parts
    return {part.name: (part.text, part.url) for part in parts}


def part(client: Client, period: str) -> Any:
    url = f"/w/acme/?part=trends&trends={period}"
    return client.get(url, headers={"HX-Request": "true"}).context


def test_the_home_counts_each_step_and_leads_to_what_it_counts(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    sandbox.settings(outcomes={"n-0": "failed"})
    register(resources(5), then_ingest=True)
    drive(acme)
    client.force_login(people.member(acme, "viewer"))
    found = numbers(client)
    assert found["failed"] == ("1", "/w/acme/sources/?state=failed")
    usable = Source.objects.filter(state="usable").count()
    assert usable >= 4
    assert found["usable"] == (str(usable), "/w/acme/sources/?state=usable")
    assert "queued" not in found
    totals = client.get("/w/acme/").context["totals"]
    assert totals.number == Source.objects.count()
    assert sum(part.number for part in totals.chart.parts) == Source.objects.count()
    assert "4 of 5" in page(client)
    assert f"/w/acme/runs/{Run.objects.get().number}/?outcome=failed" in page(client)


def test_the_same_numbers_stand_on_home_in_the_list_of_sources_and_in_the_queue(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "editor"))
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"})
    register(resources(5), then_ingest=True)
    register(resources(3, "m"))
    drive(acme)
    home = {name: text for name, (text, _) in numbers(client).items()}
    htmx = {"HX-Request": "true"}
    tabs = client.get("/w/acme/sources/?part=counts", headers=htmx).context["tabs"]
    assert home == {tab["state"]: tab["number"] for tab in tabs if tab["state"] and tab["number"] != "0"}
    lanes = client.get("/w/acme/queue/?part=counts", headers=htmx).context["counts"].lanes
    assert home["queued"] == lanes["add"] == "3"
    assert "Send 3 to ingestion" in page(client)
    trends = part(client, "day")["trends"]
    listed = client.get(f"/w/acme/sources/{trends.query}").context["page"].rows
    assert trends.number == str(len(listed)) == home["usable"]


def test_how_many_became_usable_and_how_long_it_took_is_told_by_hours_and_by_days(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "viewer"))
    register(resources(4), then_ingest=True)
    drive(acme)
    mine = Source.objects.filter(external_id__startswith="n-", state="usable").order_by("pk")
    old = mine.last()
    assert old is not None
    Source.objects.filter(pk=old.pk).update(state_since=datetime.now(UTC) - timedelta(days=3))
    for period, number in (("day", 24), ("month", 30)):
        trends = part(client, period)["trends"]
        assert len(trends.usable.bars) == number
        assert sum(bar.column.number for bar in trends.usable.bars) == int(trends.number)
        assert trends.middle.endswith((" s", " min"))
    day, month = (int(part(client, period)["trends"].number) for period in ("day", "month"))
    assert month == day + 1


def test_each_provider_says_how_much_of_it_is_in_fini(
    acme: Workspace, register: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "editor"))
    assert [line.button for line in part(client, "day")["providers"]] == ["Discover"] * 3
    discovery.start_discover(by=by("ada"), workspace=acme, provider="notion")
    drive(acme)
    [notion] = [line for line in part(client, "day")["providers"] if line.found.provider == "notion"]
    assert (notion.held, notion.number.new) == (0, notion.number.total)
    assert notion.button == f"See {notion.number.new} new"


def test_what_a_viewer_may_not_do_is_not_offered(acme: Workspace, register: Start, client: Client) -> None:
    register(resources(2))
    drive(acme)
    client.force_login(people.member(acme, "viewer"))
    url = "/w/acme/?part=trends&trends=day"
    assert "/discover/" not in page(client) + client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "Send 2 to ingestion" not in page(client)


def test_no_more_than_three_needs_stand_open(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "admin"))
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"})
    register(resources(3), then_ingest=True)
    drive(acme)
    Source.objects.filter(state="usable").update(state="stuck")
    count_again(acme)
    ApiKey.objects.update(refused_at=datetime.now(UTC))
    told = client.get("/w/acme/").context
    assert [need.pressing for need, _ in told["needs"]] == [True] * 3
    assert {need.text.split(" ", 1)[1] for need, _ in told["further"]} == {
        "completed with nothing usable",
        "without an end after 24 hours",
    }
    failed = next(need for need, _ in told["needs"] if "failed" in need.text)
    assert failed.text == "1 failed"
    assert failed.why.startswith("1 × ")


def test_what_failed_for_one_cause_in_other_words_is_one_number(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "admin"))
    sandbox.settings(outcomes={f"n-{number}": "failed" for number in range(5)})
    register(resources(5), then_ingest=True)
    drive(acme)
    refused = ["The provider refused access to this item", "Failed to fetch content: the page answered 403"]
    for source, words in zip(
        Source.objects.filter(state="failed"), [*refused * 2, "Odd <words>"], strict=True
    ):
        Source.objects.filter(pk=source.pk).update(error=words)
    failed = next(need for need, _ in client.get("/w/acme/").context["needs"] if need.text == "5 failed")
    assert failed.why == "4 × The page needs a log-in, or refuses Fini · 1 × Odd <words>"


def test_the_first_steps_complete_themselves_and_go(
    acme: Workspace, register: Start, ingest: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "admin"))

    def done() -> list[bool]:
        return [step.done for step, _ in client.get("/w/acme/").context["steps"]]

    assert done() == [True, False, False, False, False]
    ApiKey.objects.update(verified_at=datetime.now(UTC))
    assert done() == [True, True, False, False, False]
    discovery.start_discover(by=by("ada"), workspace=acme, provider="notion")
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
    assert "The workspace has no live key. Nothing can be asked of Fini." in needs(client)


def test_a_missing_key_is_said_once_by_the_first_step_or_by_what_needs_a_person(
    acme: Workspace, client: Client, at_work: None
) -> None:
    client.force_login(people.member(acme, "admin"))
    ApiKey.objects.update(state="waiting")
    assert needs(client) == ["The workspace has no live key. Nothing can be asked of Fini."]
    ApiKey.objects.all().delete()
    assert needs(client) == []
    assert "Add the workspace" in page(client)


def test_that_somebody_holds_all_work_is_said_on_home_and_on_an_open_list_of_runs(
    acme: Workspace, client: Client, at_work: None
) -> None:
    client.force_login(people.member(acme, "admin"))
    runs = client.get("/w/acme/runs/").content.decode()
    assert "Hold everything</button>" in runs
    steering.hold(by=by("bob@example.com"), workspace=acme)
    assert needs(client) == ["bob@example.com holds everything. Nothing is sent to Fini."]
    mark = re.findall(r'data-mark="([^"]*)"', runs)[0]
    told = client.get("/w/acme/runs/", headers={"HX-Request": "true", "X-Seen": f"{mark} list"})
    assert '<hx-partial hx-target="#hold"' in told.content.decode()
    assert "Resume everything</button>" in told.content.decode()
    steering.release(by=by("bob@example.com"), workspace=acme)
    assert needs(client) == []


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


HOME = 10


def test_the_menus_numbers_and_the_foot_are_asked_for_without_the_page(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client, at_work: None
) -> None:
    client.force_login(people.member(acme, "viewer"))
    mark = page(client).split('data-mark="')[1].split('"')[0]
    register(resources(2))
    drive(acme)
    register(resources(1))
    answer = client.get("/w/acme/", headers={"HX-Request": "true", "X-Seen": mark}).content.decode()
    told = " ".join(answer.split())
    assert '<hx-partial hx-target="#note-queue"' in told
    assert '<span class="side-note" id="note-queue">2</span>' in told
    assert '<span class="side-note" id="note-runs">1 under way</span>' in told
    assert "calls this minute" in told
    assert "worker running" in told
    assert "<main" not in told
    assert "note-keys" not in told
