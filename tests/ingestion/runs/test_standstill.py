"""Why a run stands still is said in one line: the first reason that holds (P8)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fini_admin.cli.management.commands.run import run_summary
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import Budget, Run, RunState, Step, Worker
from fini_admin.ingestion.runs import steering
from fini_admin.ingestion.runs.standstill import Standing, Trouble, reason, why_it_stands_still
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, hurry, resources

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=10)
EVERYTHING = Standing(
    state=RunState.PAUSED,
    worker=False,
    key=False,
    key_opens=False,
    blocked_until=SOON,
    trouble=Trouble("Fini cannot be reached: Connection refused", 10, SOON),
    listless="Fini's list cannot be read.",
    spent_until=SOON,
    limit=90,
    first=8,
    steered_by="ada@example.com",
    held_by="bob@example.com",
)
# What is put right, one after the other, and what is said before it is.
IN_ORDER: list[tuple[dict[str, Any], str]] = [
    ({"worker": True}, "No worker is running."),
    ({"key": True}, "The workspace has no key that Fini accepts."),
    ({"key_opens": True}, "The workspace has no key that can be opened"),
    ({"blocked_until": NOW}, "Fini asked us to slow down. Calls go on at 12:00:10 UTC"),
    (
        {"trouble": None},
        "Fini cannot be reached: Connection refused. Tried 10 times; the next try is at 12:00:10 UTC",
    ),
    ({"listless": ""}, "Fini's list cannot be read."),
    ({"spent_until": None}, "This minute's calls are used up (90 a minute). Calls go on at 12:00:10 UTC"),
    ({"state": RunState.RUNNING}, "Paused by ada@example.com."),
    ({"held_by": ""}, "bob@example.com holds everything in this workspace."),
    ({"first": None}, "Run 8 goes first."),
]


def test_the_first_reason_is_said_until_it_is_gone():
    at = EVERYTHING
    for change, wanted in IN_ORDER:
        assert reason(NOW, at).startswith(wanted)
        at = replace(at, **change)
    assert reason(NOW, at) == ""
    assert reason(NOW, replace(at, state=RunState.STOPPING)).startswith("Stopped by ada@example.com.")
    assert reason(NOW, replace(EVERYTHING, state=RunState.ENDED)) == ""


def test_a_try_that_is_due_is_made_now():
    at = Standing(state=RunState.RUNNING, trouble=Trouble("Fini failed.", 1, NOW))
    assert reason(NOW, at) == "Fini failed. Tried once; it is tried again now."


@pytest.fixture
def at_work(db: None) -> None:
    Worker.objects.create(id="w", seen_at=datetime.now(UTC))


@pytest.mark.usefixtures("at_work")
def test_a_fini_that_cannot_be_reached_is_named_with_tries_and_the_next_one(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any
) -> None:
    run = register(resources(1))
    assert why_it_stands_still(run) == ""
    settings.FINI_API_BASE_URL = "http://127.0.0.1:9"
    for _ in range(3):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    said = why_it_stands_still(run)
    assert said.startswith("Fini cannot be reached: Connection refused. Tried 3 times; the next try is at ")
    assert run_summary(run)["waits"] == said
    settings.FINI_API_BASE_URL = sandbox.url
    drive(acme)
    assert why_it_stands_still(Run.objects.get(pk=run.pk)) == ""


@pytest.mark.usefixtures("at_work")
def test_who_goes_first_who_paused_and_who_holds(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    first, second = register(resources(1)), register(resources(1, "m"))
    Step.objects.filter(run=first).update(due_at=datetime.now(UTC) - timedelta(minutes=1))
    assert (why_it_stands_still(first), why_it_stands_still(second)) == ("", "Run 1 goes first.")
    steering.pause(by=by("ada@example.com"), run=first)
    assert why_it_stands_still(first).startswith("Paused by ada@example.com.")
    assert why_it_stands_still(second) == ""
    steering.hold(by=by("bob@example.com"), workspace=acme)
    assert why_it_stands_still(second).startswith("bob@example.com holds everything")
    Budget.objects.update(spent_until=datetime.now(UTC) + timedelta(seconds=30))
    assert why_it_stands_still(second).startswith("This minute's calls are used up")
