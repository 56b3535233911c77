"""Fini is away for ten minutes, or throttles all of them: work resumes by itself, nothing twice, and it is said why."""

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import Run, RunState, Step
from fini_admin.ingestion.runs.standstill import why_it_stands_still
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.short_clock import work_for
from tests.support.trail import one_to_one
from tests.support.work import OWNER, Start, alive, ends, hurry, requests, resources

OUTAGE = 600.0
# A pause is a minute at most, so that is how long it may take to be seen that Fini is back, and then there is work.
RESUMED_WITHIN = 65.0
MOST_CALLS = 40
SAID_AFTER = 30.0
SLOWED = "Fini asked us to slow down. Calls go on at "
STEP = "the next try is at "
LISTLESS = "Reading again is safe and happens by itself"
IDS = 6
LIST, REGISTER = "/v2/documents/public", "/v2/documents/public/resources/notion"


def away(sandbox: Sandbox, settings: Any) -> None:
    settings.FINI_API_BASE_URL = "http://127.0.0.1:9"


def unavailable(sandbox: Sandbox, settings: Any) -> None:
    sandbox.fault(status=503, count=None)


def throttling(sandbox: Sandbox, settings: Any) -> None:
    sandbox.fault(status=429, count=None)


def throttling_by_the_minute(sandbox: Sandbox, settings: Any) -> None:
    sandbox.fault(status=429, count=None, headers={"Retry-After": "60"})


def at_once(run: Run) -> bool:
    return True


def registered(run: Run) -> bool:
    return Step.objects.filter(run=run, kind="ingest", state="ready").exists()


def sent(run: Run) -> bool:
    return run.items.filter(stage="follow").count() == IDS


def in_time(workspace: Workspace, reached: Callable[[], bool]) -> None:
    """Work without pauses until something is reached."""
    while not reached():
        hurry(workspace)
        loop.work_once(workspace.pk, OWNER)


def resumed_after(workspace: Workspace, sandbox: Sandbox) -> float:
    """The seconds until Fini is asked again."""
    before = len(sandbox.log())
    return work_for(workspace, sandbox, OUTAGE, lambda _: len(sandbox.log()) > before)


@pytest.mark.parametrize("trouble", [away, unavailable, throttling, throttling_by_the_minute])
@pytest.mark.parametrize("begun", [at_once, registered, sent])
def test_ten_minutes_without_fini_are_waited_out_and_told(
    acme: Workspace,
    sandbox: Sandbox,
    register: Start,
    settings: Any,
    client: Client,
    trouble: Callable[[Sandbox, Any], None],
    begun: Callable[[Run], bool],
) -> None:
    alive(OWNER)
    client.force_login(people.member(acme, "viewer"))
    sandbox.settings(running_seconds=[30, 40])
    run = register(resources(IDS), then_ingest=True)
    in_time(acme, lambda: begun(run))
    before = len(sandbox.log())
    trouble(sandbox, settings)

    def told(passed: float) -> bool:
        """Never over; from soon on, the run and its page say why."""
        loop.beat(OWNER)
        said = why_it_stands_still(run)
        if passed > SAID_AFTER:
            assert any(words in said for words in (SLOWED, STEP, LISTLESS)), (passed, said)
            assert said in html.unescape(client.get(f"/w/acme/runs/{run.number}/").content.decode())
        return False

    work_for(acme, sandbox, OUTAGE, told)
    assert len(sandbox.log()) - before <= MOST_CALLS
    assert Run.objects.get().state == RunState.RUNNING
    settings.FINI_API_BASE_URL = sandbox.url
    sandbox.clear_faults()
    assert resumed_after(acme, sandbox) <= RESUMED_WITHIN
    work_for(acme, sandbox, OUTAGE, lambda _: Run.objects.get().state == RunState.ENDED)
    assert ends(run) == {"done": IDS}
    assert {one["jobCount"] for one in sandbox.documents() if one["source"] == "notion"} == {1}
    for path in (REGISTER, LIST):
        assert [entry["status"] for entry in requests(sandbox, "POST", path)].count(200) == 1
    one_to_one(acme, sandbox)
    assert why_it_stands_still(Run.objects.get()) == ""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_asked_again_before_the_time_that_a_503_names(
    acme: Workspace, sandbox: Sandbox, register: Start, method: str
) -> None:
    run = register(resources(IDS), then_ingest=True)
    in_time(acme, lambda: not run.items.filter(stage="register").exists())
    if method == "POST":
        in_time(acme, lambda: registered(run))
    sandbox.fault(method=method, status=503, headers={"Retry-After": "500"})
    sandbox.clear_log()

    def asked_again(_: float) -> bool:
        return len(requests(sandbox, method, LIST)) > 1

    assert 490 < work_for(acme, sandbox, OUTAGE, asked_again) < OUTAGE
    work_for(acme, sandbox, OUTAGE, lambda _: Run.objects.get().state == RunState.ENDED)
    assert ends(run) == {"done": IDS}


def test_a_send_does_not_have_the_list_read_before_the_time_that_a_503_names(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(IDS))
    sandbox.fault(method="GET", status=503, headers={"Retry-After": "500"})
    in_time(acme, lambda: sandbox.faults() == [])
    later = register(resources(2, "m"))
    sandbox.clear_log()
    assert 490 < work_for(acme, sandbox, OUTAGE, lambda _: bool(requests(sandbox, "GET", LIST))) < OUTAGE
    assert len(requests(sandbox, "POST", REGISTER)) == 1
    work_for(acme, sandbox, OUTAGE, lambda _: Run.objects.get(pk=later.pk).state == RunState.ENDED)
    assert ends(later) == {"done": 2}
