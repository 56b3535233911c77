"""A run is paused, resumed, stopped, a workspace held: nothing more leaves, nothing that left is lost (P3, P4)."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fini_admin.audit import transport
from fini_admin.audit.models import Entry, OpenCall
from fini_admin.audit.names import Activity
from fini_admin.ingestion.engine import loop, send
from fini_admin.ingestion.kinds import discovery, ingestions
from fini_admin.ingestion.models import Item, QueueEntry, Run, RunState, Stage, Step, StepState, Watch
from fini_admin.ingestion.runs import steering
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_trouble import Killed, die_in_call, lease_runs_out, reach_ingest
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, ends, hurry, requests, resources

ADA = by("ada@example.com")
REGISTER = "/v2/documents/public/resources/notion"
INGEST = "/v2/documents/public"


def work(workspace: Workspace, pieces: int = 12) -> None:
    """So many turns of a worker, however little there is to do."""
    for _ in range(pieces):
        hurry(workspace)
        loop.work_once(workspace.pk, OWNER)


def at_send(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], *, after: bool = False) -> None:
    """Somebody acts between a call's recording and its send, or before its answer is used."""
    plain = transport._attempt

    def attempt(*args):
        if not after:
            act()
        answer = plain(*args)
        if after:
            act()
        return answer

    monkeypatch.setattr(transport, "_attempt", attempt)


def acts(kind: str) -> int:
    return Entry.objects.filter(kind=kind).count()


def test_a_paused_run_sends_nothing_and_goes_on_when_it_is_resumed(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3), then_ingest=True)
    steering.pause(by=ADA, run=run)
    steering.pause(by=ADA, run=run)
    work(acme)
    assert not requests(sandbox, "POST", REGISTER)
    assert not loop.anything_due()
    run.refresh_from_db()
    assert (run.state, run.steered_by) == (RunState.PAUSED, "ada@example.com")
    steering.resume(by=by("bob@example.com"), run=run)
    drive(acme)
    assert ends(run) == {"done": 3}
    assert Run.objects.get().steered_by == ""  # nobody stopped it, and its page names nobody
    assert (acts("run.paused"), acts("run.resumed"), acts("run.stopped")) == (1, 1, 0)


def test_what_a_paused_run_sent_is_followed(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    run = register(resources(3), then_ingest=True)
    reach_ingest(acme)
    work(acme, 1)
    steering.pause(by=ADA, run=run)
    drive(acme)
    assert ends(run) == {"done": 3}
    ended = Run.objects.get()
    assert (ended.state, ended.steered_by) == (RunState.ENDED, "")  # it was paused, and nobody stopped it


def test_a_pause_between_lease_and_send_holds_the_send(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3))
    step = Step.objects.get()
    assert send.take(step.pk, OWNER)
    steering.pause(by=ADA, run=run)
    send.perform(step.pk, OWNER)
    send.release(step.pk, OWNER)
    assert not requests(sandbox, "POST", REGISTER)
    assert not Entry.objects.filter(kind="call.asked").exists()
    assert Step.objects.get().state == StepState.READY


def test_a_stop_between_lease_and_send_ends_what_was_not_sent(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3))
    step = Step.objects.get()
    assert send.take(step.pk, OWNER)
    steering.stop(by=ADA, run=run)
    assert run.state == RunState.ENDED
    send.perform(step.pk, OWNER)
    assert not requests(sandbox, "POST", REGISTER)
    assert ends(run) == {"skipped": 3}
    assert set(Item.objects.values_list("reason", flat=True)) == {steering.STOPPED}


def test_a_stop_before_ingestion_leaves_the_sources_in_the_queue(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3), then_ingest=True)
    reach_ingest(acme)
    steering.stop(by=ADA, run=run)
    assert ends(run) == {"skipped": 3}
    assert Run.objects.get().state == RunState.ENDED
    assert QueueEntry.objects.filter(closed_at=None, run=None).count() == 3
    mine = Source.objects.filter(external_id__startswith="n-")
    assert set(mine.values_list("state", flat=True)) == {"queued"}
    again = ingestions.start_ingest(by=ADA, workspace=acme)
    drive(acme)
    assert ends(again) == {"done": 3}


def test_what_was_registered_when_the_stop_came_is_read_back_and_waits_in_the_queue(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3), then_ingest=True)
    work(acme, 1)
    assert set(Item.objects.values_list("stage", flat=True)) == {Stage.PAIR}
    steering.stop(by=ADA, run=run)
    assert run.state == RunState.STOPPING
    drive(acme)
    assert ends(run) == {"skipped": 3}
    assert QueueEntry.objects.filter(closed_at=None, run=None, lane="add").count() == 3
    assert not requests(sandbox, "POST", INGEST)


def test_a_stop_while_a_call_is_out_follows_what_it_carried(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(3), then_ingest=True)
    reach_ingest(acme)
    with monkeypatch.context() as patch:
        at_send(patch, lambda: steering.stop(by=ADA, run=run), after=True)
        work(acme, 1)
    steering.stop(by=ADA, run=run)
    assert run.state == RunState.STOPPING
    drive(acme)
    assert ends(run) == {"done": 3}
    assert acts("run.stopped") == 1


def test_a_call_that_was_not_done_is_not_sent_again_after_a_stop(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(3))
    sandbox.fault(method="POST", status=429)
    at_send(monkeypatch, lambda: steering.stop(by=ADA, run=run))
    work(acme, 3)
    assert ends(run) == {"skipped": 3}
    assert Run.objects.get().state == RunState.ENDED
    assert len(requests(sandbox, "POST", REGISTER)) == 1


def test_a_register_of_which_nobody_knows_ends_unknown_after_a_stop(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(3))
    sandbox.fault(method="POST", status=500)
    at_send(monkeypatch, lambda: steering.stop(by=ADA, run=run))
    work(acme, 3)
    assert ends(run) == {"unknown": 3}
    assert set(Item.objects.values_list("reason", flat=True)) == {steering.IN_DOUBT}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("arrived", [True, False])
def test_a_stop_while_an_ingest_is_being_checked_waits_for_the_truth(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch, *, arrived: bool
) -> None:
    run = register(resources(3), then_ingest=True)
    step = reach_ingest(acme)
    with monkeypatch.context() as patch:
        die_in_call(patch, after_sending=arrived)
        with pytest.raises(Killed):
            loop.work_once(acme.pk, OWNER)
    lease_runs_out()
    loop.recover()
    assert Step.objects.get(pk=step.pk).state == StepState.CHECK
    steering.stop(by=ADA, run=run)
    assert run.state == RunState.STOPPING
    drive(acme)
    assert ends(run) == ({"done": 3} if arrived else {"skipped": 3})
    assert len(requests(sandbox, "POST", INGEST)) == arrived


def test_a_worker_that_dies_in_a_register_of_a_stopped_run_leaves_it_to_the_next(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(3))
    with monkeypatch.context() as patch:
        die_in_call(patch, after_sending=True)
        with pytest.raises(Killed):
            loop.work_once(acme.pk, OWNER)
    steering.stop(by=ADA, run=run)
    assert run.state == RunState.STOPPING
    lease_runs_out()
    loop.recover()
    assert OpenCall.objects.count() == 0
    assert ends(run) == {"unknown": 3}
    assert Run.objects.get().state == RunState.ENDED


def test_a_stop_that_its_process_died_over_is_finished_by_a_worker(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "PORTION", 2)
    run = register(resources(5))
    steering._steer(run, RunState.STOPPING, Activity.RUN_STOPPED, ADA)
    assert not loop.anything_due()
    steering.finish_stops()
    assert ends(run) == {"skipped": 5}
    assert Run.objects.get().state == RunState.ENDED


def test_what_has_ended_or_is_being_stopped_cannot_be_steered(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    work(acme, 1)
    steering.stop(by=ADA, run=run)
    for act in (steering.pause, steering.resume):
        with pytest.raises(steering.CannotSteer, match="Run 1 is being stopped"):
            act(by=ADA, run=run)
    drive(acme)
    for act in (steering.pause, steering.resume, steering.stop):
        with pytest.raises(steering.CannotSteer, match="Run 1 has ended"):
            act(by=ADA, run=run)


def test_a_stopped_discovery_says_so(acme: Workspace, sandbox: Sandbox) -> None:
    run = discovery.start_discover(by=ADA, workspace=acme, provider="notion")
    steering.stop(by=ADA, run=run)
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.ENDED, steering.NOT_ASKED)
    assert not sandbox.log()


def test_a_held_workspace_sends_nothing_and_others_go_on(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    steering.hold(by=ADA, workspace=acme)
    steering.hold(by=ADA, workspace=acme)
    assert steering.holder_of(acme) == "ada@example.com"
    register(resources(2, "m"))
    work(acme)
    assert not requests(sandbox, "POST", INGEST)
    steering.release(by=ADA, workspace=acme)
    steering.release(by=ADA, workspace=acme)
    assert steering.holder_of(acme) == ""
    drive(acme)
    assert ends(run) == {"done": 2}
    assert (acts("work.held"), acts("work.released")) == (1, 1)


def test_a_pause_keeps_no_walk_waiting_for_sends(acme: Workspace, register: Start) -> None:
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    hurry(acme)
    assert not loop.due_watches(datetime.now(UTC)).exists()
    steering.pause(by=ADA, run=run)
    assert loop.due_watches(datetime.now(UTC)).exists() == bool(Watch.objects.get(workspace=acme).next_at)
