"""The runs, and a run with the outcome of every single ID."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Budget, Item, Run, Worker
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.people import KEY
from tests.support.sandbox import Sandbox
from tests.support.sources import bare
from tests.support.who import by
from tests.support.work import OWNER, Start, alive, drive, resources

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def viewer(acme: Workspace, client: Client) -> Client:
    client.force_login(people.member(acme, "viewer"))
    return client


@pytest.fixture
def at_work(db: None) -> None:
    alive()


def counts(client: Client, address: str) -> dict[str, int]:
    return {segment.name: segment.number for segment in client.get(address).context["segments"]}


def test_a_runs_counts_add_up_while_it_runs_and_when_it_ended(
    viewer: Client, acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"})
    register(resources(5), then_ingest=True)
    assert counts(viewer, "/w/acme/runs/1/") == {"waiting": 5}
    drive(acme)
    found = counts(viewer, "/w/acme/runs/1/")
    assert found == {"done": 3, "failed": 2}
    assert {name: number for name, number in Run.objects.get().outcomes.items() if number} == found


def test_each_outcome_leads_to_its_ids_with_the_reason(
    viewer: Client, acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(outcomes={"n-1": "failed"})
    register(resources(3), then_ingest=True)
    drive(acme)
    answer = viewer.get("/w/acme/runs/1/?outcome=failed")
    (item,) = answer.context["page"].rows
    assert item.external_id == "n-1"
    assert item.reason
    assert item.reason in answer.content.decode()
    assert len(viewer.get("/w/acme/runs/1/?outcome=done").context["page"].rows) == 2
    assert (
        "No ID of this run has this outcome" in viewer.get("/w/acme/runs/1/?outcome=unknown").content.decode()
    )


def test_a_list_says_the_provider_only_where_there_are_several(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    def head() -> str:
        return viewer.get("/w/acme/runs/1/").content.decode().split("<thead>")[1].split("</thead>")[0]

    register(resources(1))
    assert "Provider" not in head()
    Run.objects.update(provider="")
    assert "Provider" in head()


def test_an_address_that_is_the_title_stands_once_in_its_row(viewer: Client, acme: Workspace) -> None:
    run = Run.objects.create(
        workspace=acme, number=1, kind="web", provider="web", total=1, created_at=datetime.now(UTC)
    )
    url = "https://help.acme.example/a?b=1&c=2"
    source = bare(acme, provider="web", title=url, original_url=url)
    Item.objects.create(run=run, position=0, provider="web", external_id=url, source=source)
    row = viewer.get("/w/acme/runs/1/").content.decode().split("<tbody>")[1].split("</tbody>")[0]
    assert row.count("https://help.acme.example/a") == 1


def test_the_ids_come_in_their_order_page_by_page(viewer: Client, register: Start) -> None:
    register(resources(60))
    first = viewer.get("/w/acme/runs/1/").context["page"]
    second = viewer.get(f"/w/acme/runs/1/?after={first.older}").context["page"]
    assert [item.position for item in (*first.rows, *second.rows)] == list(range(60))


def test_a_page_of_a_run_that_goes_on_asks_again_and_one_that_ended_does_not(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    register(resources(1))
    assert 'data-live="list"' in viewer.get("/w/acme/runs/1/").content.decode()
    drive(acme)
    assert 'data-live="list"' not in viewer.get("/w/acme/runs/1/").content.decode()


def test_for_htmx_only_the_part_is_answered(viewer: Client, register: Start) -> None:
    register(resources(1))
    for address in ("/w/acme/runs/", "/w/acme/runs/1/"):
        part = viewer.get(address, headers={"HX-Request": "true"}).content.decode()
        assert "n-0" in part or "Register" in part
        assert "<html" not in part


def test_a_run_says_what_it_waits_for(
    viewer: Client, acme: Workspace, register: Start, at_work: None
) -> None:
    register(resources(1))

    def waits() -> str:
        return str(viewer.get("/w/acme/runs/1/").context["waits"])

    assert waits() == ""
    Budget.objects.update(blocked_until=datetime.now(UTC) + timedelta(minutes=5))
    assert waits().startswith("Fini asked us to slow down. Calls go on at")
    Budget.objects.update(blocked_until=datetime.now(UTC) + timedelta(days=1))
    assert re.search(r"Calls go on at [0-9:]{8} UTC on \d{1,2} [A-Z][a-z]{2}\.$", waits())
    ApiKey.objects.update(refused_at=datetime.now(UTC))
    assert waits().startswith("The workspace has no key that Fini accepts.")
    Worker.objects.all().delete()
    assert waits().startswith("No worker is running. Start one with manage.py run_worker.")


def test_a_key_that_cannot_be_opened_is_no_key_and_spends_no_budget(
    client: Client, acme: Workspace, register: Start, at_work: None
) -> None:
    client.force_login(people.member(acme, "admin"))
    register(resources(1))
    sealed = ApiKey.objects.get().sealed
    ApiKey.objects.update(sealed=b"nothing that opens")
    assert not loop.work_once(acme.pk, OWNER)
    held = Budget.objects.get(pk=acme.pk)
    assert held.spent_until is None
    assert held.no_key_until is not None
    said = "The workspace has no key that can be opened with ENCRYPTION_KEYS."
    assert str(client.get("/w/acme/runs/1/").context["waits"]).startswith(said)
    assert [need.why[: len(said)] for need, _ in client.get("/w/acme/").context["needs"]] == [said]
    ApiKey.objects.update(sealed=sealed)
    Budget.objects.update(no_key_until=datetime.now(UTC))
    assert loop.work_once(acme.pk, OWNER)
    assert client.get("/w/acme/runs/1/").context["waits"] == ""
    assert client.get("/w/acme/").context["needs"] == []


def test_a_register_that_ended_says_that_its_sources_wait(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    register(resources(2))
    drive(acme)
    page = viewer.get("/w/acme/runs/1/").content.decode()
    assert "nothing is processed until you send it" in page


def test_the_list_filters_by_kind_and_state(viewer: Client, acme: Workspace, register: Start) -> None:
    register(resources(1))
    drive(acme)
    discovery.start_discover(by=by("ada"), workspace=acme, provider="notion")

    def numbers(query: str) -> list[int]:
        return [run.number for run in viewer.get(f"/w/acme/runs/?{query}").context["runs"]]

    assert numbers("") == [2, 1]
    assert numbers("kind=register") == [1]
    assert numbers("state=running") == [2]
    assert numbers("kind=nonsense&after=x") == [2, 1]


def test_a_key_typed_into_a_filter_is_refused_there_and_not_repeated(viewer: Client, acme: Workspace) -> None:
    page = viewer.get(f"/w/acme/runs/?kind={KEY}").content.decode()
    assert "This looks like an API key and was taken out." in page
    assert KEY not in page


def test_a_title_is_escaped(viewer: Client, register: Start) -> None:
    register(resources(1))
    Item.objects.update(resource={"title": "<script>alert(1)</script>"})
    page = viewer.get("/w/acme/runs/1/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_another_workspaces_run_is_not_there(client: Client, acme: Workspace, register: Start) -> None:
    register(resources(1))
    other = people.workspace("other", "Other Company")
    client.force_login(people.member(other, "admin"))
    assert client.get("/w/other/runs/1/").status_code == 404
    assert client.get("/w/acme/runs/1/").status_code == 404


def test_three_runs_and_ids_take_as_many_queries_as_one(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    register(resources(1))
    addresses = ("/w/acme/runs/", "/w/acme/runs/1/")
    for address in addresses:
        viewer.get(address)
    one = [queries(viewer, address) for address in addresses]
    register(resources(3, "m"))
    register(resources(3, "o"))
    drive(acme)
    register(resources(3, "p"))
    three = [queries(viewer, "/w/acme/runs/"), queries(viewer, "/w/acme/runs/4/")]
    assert three == one
    assert max(one) <= 22


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    return len(captured)
