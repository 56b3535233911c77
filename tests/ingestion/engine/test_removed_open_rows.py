"""A call whose open row was removed by hand keeps nothing waiting: the worker closes it as lost (P1, P3)."""

from typing import Any

import pytest
from django.db import OperationalError

from fini_admin.audit import heads, recording, transport
from fini_admin.audit.models import Entry, Head, OpenCall
from fini_admin.audit.names import CallKind
from fini_admin.audit.verify import verify
from fini_admin.cli.management.commands import run_worker
from fini_admin.cli.management.commands.run_worker import Process
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import Step, StepState, Watch
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_loop import outage
from tests.support.work import OWNER, Start, drive, ends, resources


@pytest.fixture(autouse=True)
def process(process: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Process, "owner", OWNER)
    return process


def cut_off(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker dies between the call and its outcome."""
    with monkeypatch.context() as patch:
        outage(patch, (transport, "write_outcome"), (loop, "_recover_step"), (loop, "_recover_watch"))
        with pytest.raises(OperationalError):
            loop.work_once(acme.pk, OWNER)


def test_a_step_whose_open_row_was_removed_goes_on(
    acme: Workspace, register: Start, monkeypatch: Any
) -> None:
    run = register(resources(2))
    cut_off(acme, monkeypatch)
    OpenCall.objects.all().delete()
    run_worker.tick()
    assert Step.objects.get().state == StepState.SENT
    run_worker.sweep()
    run_worker.tick()
    assert Step.objects.get().state != StepState.SENT
    assert Entry.objects.filter(chain=str(acme.pk), kind=CallKind.LOST).count() == 1
    drive(acme)
    assert ends(run) == {"done": 2}
    verify(str(acme.pk), with_bodies=True)


def test_a_walk_whose_open_row_was_removed_goes_on(
    acme: Workspace, register: Start, monkeypatch: Any
) -> None:
    run = register(resources(2))
    assert loop.work_once(acme.pk, OWNER)
    Watch.objects.update(next_at=Step.objects.get().due_at)
    cut_off(acme, monkeypatch)
    OpenCall.objects.all().delete()
    run_worker.sweep()
    run_worker.tick()
    assert Entry.objects.filter(chain=str(acme.pk), kind=CallKind.LOST, route="list").count() == 1
    drive(acme)
    assert ends(run) == {"done": 2}


def test_a_chain_that_cannot_be_looked_at_keeps_no_other(
    acme: Workspace, register: Start, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    register(resources(2))
    cut_off(acme, monkeypatch)
    OpenCall.objects.all().delete()
    caplog.clear()
    Head.objects.create(chain="!", seq="0", hash="", mac="")
    plain = recording.restore_open_calls
    monkeypatch.setattr(
        recording, "restore_open_calls", lambda name, after: 1 / 0 if name == "!" else plain(name, after)
    )
    loop.reopen_calls()
    assert OpenCall.objects.count() == 1
    assert [record.getMessage() for record in caplog.records] == ["open calls of !"]


def test_the_head_is_recorded_when_a_run_ends_and_not_before(
    acme: Workspace, register: Start, django_capture_on_commit_callbacks: Any
) -> None:
    before = heads.newest_recorded(str(acme.pk))
    rows = Entry.objects.filter(chain="-").count()
    with django_capture_on_commit_callbacks(execute=True):
        register(resources(2))
        loop.work_once(acme.pk, OWNER)
    assert heads.newest_recorded(str(acme.pk)) == before
    with django_capture_on_commit_callbacks(execute=True):
        drive(acme)
    assert Entry.objects.filter(chain="-").count() == rows + 1
    told, head = heads.newest_recorded(str(acme.pk)), Head.objects.get(chain=str(acme.pk))
    assert told
    assert (told.seq, told.hash) == (head.seq, head.hash)
