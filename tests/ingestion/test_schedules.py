"""Schedules at work: when its time has come, one run is started, by whichever worker finds it."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.cli.management.commands import run_worker
from fini_admin.ingestion import schedules, settings_change
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Run, RunState
from fini_admin.workspaces.models import ApiKey, Workspace
from fini_admin.workspaces.workspaces import archive_workspace, restore_workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.scheduling import (
    HOUR,
    PAGE,
    come,
    due_in,
    end_runs,
    pass_by,
    scheduled,
    started,
    text,
)
from tests.support.who import by
from tests.support.work import drive, requests


def test_when_its_time_comes_it_starts_one_run_in_the_name_of_whoever_set_it(
    acme: Workspace, sandbox: Sandbox
) -> None:
    scheduled(acme, notion=24)
    run_worker.tick()
    run_worker.tick()
    assert started(acme) == [("notion", "ada@example.com")]
    assert timedelta(hours=23, minutes=59) < due_in("notion") <= timedelta(hours=24)
    drive(acme)
    run = Run.objects.get()
    assert (run.kind, run.error, run.state) == ("discover", "", "ended")
    assert run.total > 0
    assert len(requests(sandbox, "GET", "/v2/documents/public/resources/notion")) == 1
    rows = [(kind, actor) for kind, actor, _ in people.trail(acme) if kind == "run.started"]
    assert rows == [("run.started", "ada@example.com")]


def test_before_its_time_nothing_is_started_and_the_clock_asks_once(acme: Workspace) -> None:
    schedules.change(by=by("ada@example.com"), workspace=acme, hours={"notion": 1, "zendesk": 720})
    with CaptureQueriesContext(connection) as captured:
        schedules.start_due()
    assert (len(captured), started(acme)) == (1, [])


def test_without_a_key_it_waits_and_with_one_it_starts_once(acme: Workspace, admin: Client) -> None:
    scheduled(acme, notion=1)
    ApiKey.objects.update(refused_at=datetime.now(UTC))
    for _ in range(5):
        schedules.start_due()
        pass_by(HOUR)
    assert started(acme) == []
    assert "it starts once a worker is at work" in text(admin.get(PAGE))
    ApiKey.objects.update(refused_at=None)
    for _ in range(5):
        schedules.start_due()
        end_runs()
    assert started(acme) == [("notion", "ada@example.com")]


def test_in_an_archived_workspace_nothing_is_started_and_restored_one(acme: Workspace) -> None:
    scheduled(acme, notion=1)
    archive_workspace(by=by("root"), workspace=acme)
    schedules.start_due()
    assert started(acme) == []
    restore_workspace(by=by("root"), workspace=acme)
    schedules.start_due()
    end_runs()
    schedules.start_due()
    assert len(started(acme)) == 1


def test_after_a_long_time_without_a_worker_it_starts_once(acme: Workspace) -> None:
    scheduled(acme, notion=1)
    pass_by(timedelta(days=9))
    for _ in range(3):
        schedules.start_due()
        end_runs()
    assert len(started(acme)) == 1
    assert timedelta(minutes=59) < due_in("notion") <= HOUR


def test_what_is_being_discovered_is_not_started_again_and_the_next_time_comes(acme: Workspace) -> None:
    by_hand = discovery.start_discover(by=by("bob", "browser"), workspace=acme, provider="notion")
    scheduled(acme, notion=1)
    schedules.start_due()
    assert started(acme) == []
    assert timedelta(minutes=59) < due_in("notion") <= HOUR
    Run.objects.filter(pk=by_hand.pk).update(state=RunState.ENDED)
    come()
    schedules.start_due()
    assert len(started(acme)) == 1


def test_fifty_ticks_give_as_many_runs_as_intervals(acme: Workspace) -> None:
    schedules.change(by=by("ada@example.com"), workspace=acme, hours={"notion": 1})
    for _ in range(50):
        pass_by(timedelta(minutes=12))
        schedules.start_due()
        end_runs()
    assert len(started(acme)) == 10


def test_an_error_in_one_stops_neither_the_others_nor_the_clock(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scheduled(acme, notion=1, zendesk=1)
    sound = discovery.start_discover

    def faulty(*, provider: str, **said: Any) -> Run:
        if provider == "notion":
            raise ZeroDivisionError
        return sound(provider=provider, **said)

    monkeypatch.setattr(discovery, "start_discover", faulty)
    for _ in range(3):
        run_worker.tick()
    assert started(acme) == [("zendesk", "ada@example.com")]
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "discovery of notion every hour in acme"
    ]
    assert due_in("notion") <= schedules.PAUSE
    monkeypatch.undo()
    come()
    end_runs()
    schedules.start_due()
    assert ("notion", "ada@example.com") in started(acme)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_", range(3))
def test_of_four_workers_that_find_it_at_once_one_starts_it(_: int) -> None:
    acme = people.workspace()
    people.key(acme)
    scheduled(acme, notion=1, zendesk=2)
    start, faults = threading.Barrier(4), []

    def tick() -> None:
        start.wait()
        try:
            for _ in range(3):
                schedules.start_due()
                end_runs()  # that one is under way must not be all that keeps a second from being started
        except Exception as error:  # noqa: BLE001 - told below
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(started(acme)) == [("notion", "ada@example.com"), ("zendesk", "ada@example.com")]
    assert timedelta(minutes=59) < due_in("notion") <= HOUR


@pytest.mark.django_db(transaction=True)
def test_saving_taking_over_and_starting_at_once_do_not_wait_for_each_other_for_ever() -> None:
    acme = people.workspace()
    people.key(acme)
    scheduled(acme, notion=1)
    start, faults = threading.Barrier(3), []

    def save(number: int) -> None:
        settings_change.save(
            by=by("ada"), workspace=acme, values={"batch_size": number}, hours={"notion": number}
        )

    def take(number: int) -> None:
        schedules.take_over(by=by(f"bob{number}"), workspace=acme, provider="notion")

    def begin(_: int) -> None:
        come()
        schedules.start_due()
        end_runs()

    def often(act: Any) -> None:
        start.wait()
        try:
            for number in range(1, 8):
                act(number)
        except Exception as error:  # noqa: BLE001 - told below
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=often, args=[act]) for act in (save, take, begin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert started(acme) != []
