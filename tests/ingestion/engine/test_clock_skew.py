"""A clock that was ahead and is set right: nothing stands, and nothing is sent twice."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.db.models import DateTimeField, F
from django.test.utils import CaptureQueriesContext

from fini_admin.audit.models import OpenCall
from fini_admin.ingestion import schedules
from fini_admin.ingestion.engine import clock_skew, follow, loop, send
from fini_admin.ingestion.models import Budget, Run, RunState, Schedule, Slot, Step, StepState, Watch, Worker
from fini_admin.ingestion.runs import queries
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, bodies, ends, resources

YEAR = timedelta(days=365)
ANOTHER = "00000000-0000-0000-0000-000000000002"
# What was, for people to read or to be compared with; nobody waits for it.
FACTS = {
    "ingestion.Run.created_at",
    "ingestion.Run.ended_at",
    "ingestion.Run.steered_at",
    "ingestion.Budget.held_at",
    "ingestion.QueueEntry.opened_at",
    "ingestion.QueueEntry.closed_at",
    "ingestion.Preview.made_at",
    "ingestion.Verification.asked_at",
    "ingestion.Verification.ended_at",
    "sources.Source.state_since",
    "sources.Source.first_seen",
    "sources.Source.last_seen",
    "sources.Source.changed_at",
    "sources.Source.read_at",  # left out where it is compared
    "sources.StateChange.at",
}


def columns() -> dict[str, tuple[Any, str]]:
    """Every column that holds a time, of the work and of the calls."""
    models: list[Any] = [
        *apps.get_app_config("ingestion").get_models(),
        *apps.get_app_config("sources").get_models(),
        OpenCall,
    ]
    return {
        f"{model._meta.label}.{field.name}": (model, field.name)
        for model in models
        for field in model._meta.concrete_fields
        if isinstance(field, DateTimeField)
    }


def clock_was_ahead() -> None:
    """All that was written until now was written by a clock that was a year ahead."""
    for model, field in columns().values():
        model.objects.exclude(**{field: None}).update(**{field: F(field) + YEAR})


def test_every_time_is_brought_back_or_is_a_fact():
    known = {f"{time.model._meta.label}.{time.field}" for time in clock_skew.TIMES}
    assert set(columns()) - FACTS - {"ingestion.Schedule.next_at"} == known - {
        "workspaces.ApiKey.fallback_until"
    }


def go_on(workspace: Workspace, seconds: float = 25) -> None:
    """Work as a worker does, by the clock: nothing is hurried."""
    deadline = time.monotonic() + seconds
    while Run.objects.filter(workspace=workspace, state=RunState.RUNNING).exists():
        assert time.monotonic() < deadline, [list(Step.objects.values()), list(Watch.objects.values())]
        clock_skew.bring_back()
        loop.recover()
        if not loop.work_once(workspace.pk, ANOTHER):
            time.sleep(0.05)


def pieces(workspace: Workspace, number: int) -> None:
    """So many pieces of work."""
    for _ in range(number):
        loop.work_once(workspace.pk, OWNER)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("done", [0, 1, 2, 3, 4])
def test_a_run_goes_on_wherever_the_clock_was_set_right(
    acme: Workspace, sandbox: Sandbox, register: Start, done: int
):
    run = register(resources(4), then_ingest=True)
    pieces(acme, done)
    clock_was_ahead()
    go_on(acme)
    assert ends(run) == {"done": 4}
    sent = [name for body in bodies(acme, "ingest") for name in body["documentIdsToAdd"]]
    assert len(sent) == len(set(sent)) == 4


@pytest.mark.usefixtures("impatient")
def test_a_step_and_a_call_of_a_process_that_died_then_are_taken_up(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
):
    run = register(resources(2))
    step = Step.objects.get(run=run)
    assert send.take(step.pk, OWNER)
    clock_was_ahead()
    Step.objects.update(due_at=datetime.now(UTC))
    assert loop.due_workspaces() == []
    go_on(acme)
    assert ends(run) == {"done": 2}


def test_a_send_without_an_answer_is_not_repeated_for_a_read_of_the_future(
    acme: Workspace, sandbox: Sandbox, register: Start
):
    run = register(resources(2), then_ingest=True)
    pieces(acme, 2)
    sandbox.fault(method="POST", path="/documents/public", drop="after")
    deadline = time.monotonic() + 20
    while not Step.objects.filter(state=StepState.CHECK).exists():
        assert time.monotonic() < deadline
        Watch.objects.update(next_at=datetime.now(UTC))
        loop.work_once(acme.pk, OWNER)
    Source.objects.update(read_at=datetime.now(UTC) + YEAR)
    follow.resolve_checks(acme)
    assert Step.objects.filter(state=StepState.CHECK).exists()
    go_on(acme)
    assert len(bodies(acme, "ingest")) == 1
    assert ends(run) == {"done": 2}


def test_pauses_and_slots_of_the_future_hold_nobody_back(acme: Workspace, register: Start):
    run = register(resources(1))
    soon = datetime.now(UTC) + YEAR
    Budget.objects.update(blocked_until=soon, spent_until=soon, limited_until=soon)
    for number in range(200):
        Slot.objects.create(workspace=acme, number=number, call=f"call {number}", sent_at=soon)
    Budget.objects.update(number=200)
    assert loop.due_workspaces() == []
    go_on(acme)
    assert ends(run) == {"done": 1}


def test_a_schedule_starts_and_one_that_is_only_slow_does_not(acme: Workspace):
    schedules.change(by=by("ada@example.com"), workspace=acme, hours={"notion": 1, "zendesk": 720})
    now = datetime.now(UTC)
    Schedule.objects.filter(provider="notion").update(next_at=now + timedelta(hours=3))
    clock_skew.bring_back()
    schedules.start_due()
    assert list(Run.objects.values_list("provider", flat=True)) == ["notion"]


def test_all_but_what_a_lease_alone_holds_is_brought_back_under_its_budgets_lock(
    acme: Workspace, sandbox: Sandbox, register: Start
):
    schedules.change(by=by("ada@example.com"), workspace=acme, hours={"notion": 1})
    register(resources(2), then_ingest=True)
    pieces(acme, 2)
    clock_was_ahead()
    with CaptureQueriesContext(connection) as seen:
        clock_skew.bring_back()
    locked = False
    unlocked = set()
    for query in seen.captured_queries:
        words = query["sql"].split()
        if words[0] in ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"):
            locked = False
        elif words[0] == "UPDATE":
            locked = locked or '"version" = ' in query["sql"]
            unlocked |= set() if locked else {words[1].strip('"')}
    assert unlocked <= {"audit_opencall", "ingestion_worker"}


def test_what_is_within_our_own_pauses_stays(acme: Workspace, register: Start):
    register(resources(1))
    pieces(acme, 1)
    kept = datetime.now(UTC) + timedelta(hours=20)
    Budget.objects.update(blocked_until=kept)
    before = list(Step.objects.values()), list(Watch.objects.values()), list(Source.objects.values())
    clock_skew.bring_back()
    assert Budget.objects.get().blocked_until == kept
    assert (
        list(Step.objects.values()),
        list(Watch.objects.values()),
        list(Source.objects.values()),
    ) == before


def test_a_dead_worker_of_the_future_is_not_alive(db: None):
    Worker.objects.create(pk=OWNER, seen_at=datetime.now(UTC) + YEAR)
    assert not queries.worker_alive()
    clock_skew.bring_back()
    assert not queries.worker_alive()
    loop.beat(OWNER)
    assert queries.worker_alive()


def test_a_lock_out_of_the_future_is_forgotten(db: None):
    cache.set("day", 1, timeout=24 * 60 * 60)
    cache.set("year", 1, timeout=365 * 24 * 60 * 60)
    clock_skew.bring_back()
    assert (cache.get("day"), cache.get("year")) == (1, None)
