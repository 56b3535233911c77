"""The worker's hands and its clock: what a fault leaves behind goes on, and hurts nobody else."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from django.db.models import F
from huey.contrib.djhuey import HUEY

from fini_admin.audit import transport
from fini_admin.audit.models import Entry, Head, OpenCall
from fini_admin.cli.management.commands import run_worker
from fini_admin.cli.management.commands.run_worker import CONSUMER
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import loop, send, walk
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Budget, Step, StepState, Verification, Watch
from fini_admin.sources.mirror import Observation, ensure_sources
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, ends, hurry, resources

ANOTHER = "00000000-0000-0000-0000-000000000002"


def away(*_: Any) -> None:
    raise OperationalError("the database is away")


def outage(monkeypatch: pytest.MonkeyPatch, *parts: tuple[Any, str]) -> None:
    """The database is away: these parts fail until the patch is undone."""
    for where, name in parts:
        monkeypatch.setattr(where, name, away)


def fifteen_seconds_pass() -> None:
    """The heartbeat's and the leases' time, as a worker that lives on spends it."""
    for model in (Step, Watch, OpenCall):
        model.objects.update(lease_until=F("lease_until") - timedelta(seconds=15))
    loop.beat(OWNER)
    loop.recover()


def test_a_step_that_an_outage_cut_off_before_its_call_goes_out_again(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    with monkeypatch.context() as patch:
        outage(patch, (send, "perform"), (loop, "_recover_step"), (send, "release"))
        with pytest.raises(OperationalError):
            loop.work_once(acme.pk, OWNER)
    assert loop.due_workspaces() == []
    fifteen_seconds_pass()
    assert loop.due_workspaces() == [acme.pk]
    drive(acme)
    assert ends(run) == {"done": 2}


def test_a_step_that_an_outage_cut_off_in_its_call_goes_out_again(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    with monkeypatch.context() as patch:
        outage(patch, (transport, "write_outcome"), (loop, "_recover_step"), (send, "release"))
        with pytest.raises(OperationalError):
            loop.work_once(acme.pk, OWNER)
    assert Step.objects.get().state == StepState.SENT
    fifteen_seconds_pass()
    assert not OpenCall.objects.exists()
    drive(acme)
    assert ends(run) == {"done": 2}


def test_a_watch_that_an_outage_cut_off_is_walked_again(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    loop.work_once(acme.pk, OWNER)
    hurry(acme)
    with monkeypatch.context() as patch:
        outage(patch, (transport, "write_outcome"), (loop, "_recover_watch"), (walk, "release"))
        with pytest.raises(OperationalError):
            loop.work_once(acme.pk, OWNER)
    fifteen_seconds_pass()
    assert not OpenCall.objects.exists()
    assert loop.due_workspaces() == [acme.pk]
    drive(acme)
    assert ends(run) == {"done": 2}


def test_what_a_thread_has_in_hand_is_kept_for_it_however_long_it_takes(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    plain = transport._attempt

    def slow(*args: Any) -> Any:
        for _ in range(3):
            fifteen_seconds_pass()
        return plain(*args)

    monkeypatch.setattr(transport, "_attempt", slow)
    drive(acme)
    assert ends(run) == {"done": 2}
    assert len(sandbox.log()) == 2
    assert not Entry.objects.filter(kind="call.lost").exists()


def test_a_page_whose_watch_went_to_another_worker_has_one_outcome(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    loop.work_once(acme.pk, OWNER)
    hurry(acme)
    plain = transport._attempt

    def taken_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(transport, "_attempt", plain)
        later = datetime.now(UTC) + timedelta(seconds=15)
        Watch.objects.update(owner=ANOTHER, call=str(UUID(int=1)), lease_until=later)
        return plain(*args)

    monkeypatch.setattr(transport, "_attempt", taken_meanwhile)
    loop.work_once(acme.pk, OWNER)
    assert OpenCall.objects.count() == 1
    fifteen_seconds_pass()
    assert not OpenCall.objects.exists()
    assert Entry.objects.get(kind="call.lost").route == "list"
    drive(acme)
    assert ends(run) == {"done": 2}


def break_chain(workspace: Workspace) -> None:
    """The chain's head was written with a key that ENCRYPTION_KEYS does not hold."""
    Head.objects.filter(chain=str(workspace.pk)).update(mac="0" * 72)


def rung() -> int:
    """How often the clock rang."""
    count = HUEY.pending_count()
    HUEY.flush()
    return count


@pytest.mark.parametrize("fault", ["chain", "any other"])
def test_a_call_that_cannot_be_closed_stops_neither_the_clock_nor_the_other_workspaces(
    acme: Workspace,
    register: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    register(resources(2))
    with monkeypatch.context() as patch:
        outage(patch, (transport, "write_outcome"), (loop, "_recover_step"), (send, "release"))
        with pytest.raises(OperationalError):
            loop.work_once(acme.pk, OWNER)
    if fault == "chain":
        break_chain(acme)
    else:
        monkeypatch.setattr(send, "settle_lost_call", lambda *_, **__: 1 / 0)
    other = people.workspace("other")
    people.key(other)
    discovery.start_discover(by=by("ada"), workspace=other, provider="notion")
    OpenCall.objects.update(lease_until=datetime.now(UTC))
    caplog.clear()
    HUEY.flush()
    run_worker.tick()
    assert rung() == CONSUMER["workers"]
    assert loop.due_workspaces() == [other.pk]
    run_worker.tick()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert str(acme.pk) in said[0]
    assert OpenCall.objects.count() == 1


@pytest.mark.django_db
def test_what_cannot_be_marked_stuck_stops_no_other_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty, sound = people.workspace("faulty"), people.workspace("sound")
    for workspace in (faulty, sound):
        (source,) = ensure_sources(
            workspace, "notion", [str(UUID(int=7))], Observation("call", datetime.now(UTC))
        )
        long_ago = datetime.now(UTC) - timedelta(hours=25)
        Source.objects.filter(pk=source.pk).update(
            state="running", sent_at=long_ago, read_at=datetime.now(UTC)
        )
    plain = budget.lock_budget
    monkeypatch.setattr(budget, "lock_budget", lambda one: 1 / 0 if one == faulty else plain(one))
    loop.mark_stuck()
    assert dict(Source.objects.values_list("workspace__slug", "state")) == {
        "faulty": "running",
        "sound": "stuck",
    }


@pytest.mark.parametrize("missing", ["key", "chain"])
def test_a_discovery_whose_key_does_not_open_is_tried_now_and_then(
    acme: Workspace, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    run = discovery.start_discover(by=by("ada"), workspace=acme, provider="notion")
    sealed = ApiKey.objects.get().sealed
    mac = Head.objects.get(chain=str(acme.pk)).mac
    if missing == "key":
        ApiKey.objects.update(sealed=b"nothing that opens")
    else:
        break_chain(acme)
    for _ in range(3):
        while loop.work(OWNER, threading.Event()):
            pass
    assert len(caplog.records) == 1
    ApiKey.objects.update(sealed=sealed)
    Head.objects.filter(chain=str(acme.pk)).update(mac=mac)
    drive(acme)
    assert set(ends(run)) == {"done"}


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        ({}, "Nothing was asked: sealed with a key that ENCRYPTION_KEYS does not hold."),
        ({"read": True, "write": True, "compared": True}, "Verifying failed here, and the log says why."),
    ],
)
def test_a_verification_without_its_encryption_key_ends_and_the_worker_goes_on(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any, progress: dict[str, Any], said: str
) -> None:
    """Before its first call, and when nothing is left to ask and what was found is to be recorded."""
    run = register(resources(1))
    key = acme.keys.get()
    row = Verification.objects.create(
        key=key, actor="ada@example.com", origin="browser", asked_at=datetime.now(UTC), progress=progress
    )
    held, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, [bytes(32)]
    loop.work(OWNER, threading.Event())
    settings.ENCRYPTION_KEYS = held
    row.refresh_from_db()
    assert row.ended_at is not None
    assert row.error.startswith(said)
    Budget.objects.update(no_key_until=None)
    drive(acme)
    assert ends(run) == {"done": 1}
