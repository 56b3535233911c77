"""Home, Sources, Queue, Runs and a run's page show the same numbers, before, during and after a run (P7)."""

import re
from collections import Counter

import pytest
from django.test import Client

from fini_admin.ingestion.models import QueueEntry, Run
from fini_admin.ingestion.verify_counts import differences
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.queue_page import numbers as lanes_shown
from tests.support.sandbox import Sandbox
from tests.support.work import Start, drive, ends, resources

pytestmark = pytest.mark.usefixtures("connected")
HTMX = {"HX-Request": "true"}


def on_home(client: Client) -> dict[str, int]:
    totals = client.get("/w/acme/").context["totals"]
    return {part.name: part.number for part in totals.chart.parts} | {
        "all": totals.number,
        "refresh": totals.refreshes,
    }


def on_sources(client: Client) -> dict[str, int]:
    part = client.get("/w/acme/sources/?part=counts", headers=HTMX).content.decode()
    tabs = re.findall(r'id="tab-(\w+)".*?class="tab-number">([\d,]+)<', part, re.DOTALL)
    assert len(tabs) == len(State) + 1, part
    shown = {state: int(number.replace(",", "")) for state, number in tabs}
    return {state: number for state, number in shown.items() if number or state == "all"}


def in_menu(client: Client) -> str:
    page = client.get("/w/acme/").content.decode()
    entry = re.search(r'href="/w/acme/queue/".*?</a>', page, re.DOTALL)
    assert entry
    return re.sub(r"<[^>]*>|[^\d]", "", entry[0])


def of_run(client: Client, number: int) -> dict[str, int]:
    page = client.get(f"/w/acme/runs/{number}/").content.decode()
    found = re.findall(r'data-segment="(\w+)">\s*<a[^>]*>([\d,]+)', page)
    return {name: int(shown.replace(",", "")) for name, shown in found if name != "all"}


def of_items(run: Run) -> int:
    return run.items.filter(outcome=None).count()


def agree(client: Client, acme: Workspace) -> None:
    """All pages say what the rows say."""
    rows = Counter(Source.objects.values_list("state", flat=True))
    waiting = Counter(QueueEntry.objects.filter(closed_at=None).values_list("lane", flat=True))
    home = on_home(client)
    assert (home.pop("all"), home.pop("refresh")) == (rows.total(), waiting["refresh"])
    assert home == rows
    assert on_sources(client) == {"all": rows.total(), **rows}
    lanes = lanes_shown(client)
    assert (int(lanes["add"]), int(lanes["refresh"])) == (waiting["add"], waiting["refresh"])
    assert int(lanes.get("unread", 0)) == waiting[""]
    assert in_menu(client) == (str(waiting.total()) if waiting else "")
    for run in Run.objects.all():
        told = of_run(client, run.number)
        assert sum(told.values()) == run.total
        assert sum(told.get(name, 0) for name in ("waiting", "sent", "running")) == of_items(run)
        listed = next(one for one in client.get("/w/acme/runs/").context["runs"] if one.pk == run.pk)
        assert listed.outcomes == {name: told.get(name, 0) for name in listed.outcomes}
    assert differences(acme) == []


def test_all_pages_show_the_same_numbers_at_every_step(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start, client: Client
) -> None:
    client.force_login(people.member(acme, "editor"))
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"}, pending_seconds=[0, 0.05])
    agree(client, acme)
    run = register(resources(6), then_ingest=True)
    register(resources(3, "m"))
    agree(client, acme)
    drive(acme, between=lambda: agree(client, acme))
    agree(client, acme)
    assert sum(ends(run).values()) == 6
    register(resources(6))
    drive(acme, between=lambda: agree(client, acme))
    ingest()
    drive(acme, between=lambda: agree(client, acme))
    agree(client, acme)
