"""Runs under trouble: a dead worker, a refused key, a key without scope, what became ineligible."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from fini_admin.audit import transport
from fini_admin.audit.models import Entry, OpenCall
from fini_admin.audit.verify import verify
from fini_admin.cli.management.commands import run_worker
from fini_admin.cli.management.commands.run import run_summary
from fini_admin.cli.management.commands.run_worker import Process
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.engine import follow, loop, send
from fini_admin.ingestion.kinds import discovery, ingestions
from fini_admin.ingestion.models import Item, QueueEntry, Run, RunState, Step, StepState, Watch, Worker
from fini_admin.ingestion.runs import starting
from fini_admin.ingestion.runs.queries import worker_alive
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source, StateChange
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, ends, hurry, requests, resources

LIST, NOTION = "/v2/documents/public", "/v2/documents/public/resources/notion"


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""


def die_in_call(monkeypatch: pytest.MonkeyPatch, *, after_sending: bool) -> None:
    plain = transport._attempt

    def attempt(*args: Any) -> Any:
        if after_sending:
            plain(*args)
        raise Killed

    monkeypatch.setattr(transport, "_attempt", attempt)


def lease_runs_out() -> None:
    OpenCall.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))


def reach_ingest(workspace: Workspace) -> Step:
    """Work up to the moment at which the ingest step is ready."""
    while not Step.objects.filter(kind="ingest").exists():
        hurry(workspace)
        loop.work_once(workspace.pk, OWNER)
    return Step.objects.get(kind="ingest")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("after_sending", [True, False])
def test_a_worker_that_dies_in_an_ingest_call_leaves_nothing_sent_twice(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch, after_sending: bool
) -> None:
    run = register(resources(4), then_ingest=True)
    step = reach_ingest(acme)
    with monkeypatch.context() as patch:
        die_in_call(patch, after_sending=after_sending)
        with pytest.raises(Killed):
            loop.work_once(acme.pk, OWNER)
    assert Step.objects.get(pk=step.pk).state == StepState.SENT
    loop.recover()
    assert OpenCall.objects.count() == 1
    lease_runs_out()
    loop.recover()
    assert Step.objects.get(pk=step.pk).state == StepState.CHECK
    assert Entry.objects.get(kind="call.lost").outcome == "unknown"
    drive(acme)
    assert ends(run) == {"done": 4}
    assert {held["jobCount"] for held in sandbox.documents() if held["source"] == "notion"} == {1}
    assert verify(str(acme.pk), with_bodies=True) == Entry.objects.filter(chain=str(acme.pk)).count()


def test_an_answer_after_its_call_was_closed_as_lost_is_not_used(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(resources(2))
    plain = transport._attempt

    def slow(*args: Any) -> Any:
        answer = plain(*args)
        lease_runs_out()
        loop.recover()
        return answer

    monkeypatch.setattr(transport, "_attempt", slow)
    loop.work_once(acme.pk, OWNER)
    assert list(Entry.objects.filter(kind__startswith="call.").values_list("kind", flat=True)) == [
        "call.asked",
        "call.lost",
    ]
    assert not Source.objects.exists()


def test_a_lease_that_was_lost_sends_nothing(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    register(resources(2))
    step = Step.objects.get()
    assert send.take(step.pk, OWNER)
    Step.objects.update(owner="another")
    send.perform(step.pk, OWNER)
    assert sandbox.log() == []
    assert not Entry.objects.filter(kind="call.asked").exists()


def test_a_step_is_leased_once(acme: Workspace, register: Start) -> None:
    register(resources(2))
    step = Step.objects.get()
    assert send.take(step.pk, "one")
    assert not send.take(step.pk, "two")


def test_a_refused_key_stops_the_work_and_another_key_resumes_it(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(250))
    sandbox.revoke(sandbox.key)
    for _ in range(5):
        loop.work_once(acme.pk, OWNER)
    assert len(sandbox.log()) == 1
    assert loop.due_workspaces() == []
    assert [kind for kind, *_ in people.trail(acme)].count("key.refused") == 1
    sandbox.add_key(people.KEY)
    ApiKey.objects.update(state="off")
    people.key(acme, "second")
    ApiKey.objects.filter(label="second").update(state="live")
    drive(acme)
    assert ends(run) == {"done": 250}


def test_a_refusal_of_the_key_that_was_switched_away_leaves_the_new_one_alone(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    people.key(acme, "second")
    sandbox.add_key(people.KEY)
    sandbox.revoke(sandbox.key)
    plain = transport._attempt

    def switched_meanwhile(*args: Any) -> Any:
        answer = plain(*args)
        ApiKey.objects.filter(label="main").update(state="off")
        ApiKey.objects.filter(label="second").update(state="live")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(transport, "_attempt", switched_meanwhile)
        loop.work_once(acme.pk, OWNER)
    assert dict(ApiKey.objects.values_list("label", "refused_at")).get("second") is None
    assert ApiKey.objects.get(label="main").refused_at
    drive(acme)
    assert ends(run) == {"done": 2}


def test_a_register_whose_worker_dies_again_and_again_is_never_given_up(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    for _ in range(8):
        with monkeypatch.context() as patch:
            die_in_call(patch, after_sending=True)
            with pytest.raises(Killed):
                loop.work_once(acme.pk, OWNER)
        lease_runs_out()
        loop.recover()
        assert loop.due_workspaces() == [acme.pk]
    drive(acme)
    assert ends(run) == {"done": 2}
    assert Entry.objects.filter(kind="call.lost").count() == 8


def test_a_fault_of_ours_closes_its_call_and_the_work_goes_on(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2))
    with monkeypatch.context() as patch:
        patch.setattr("fini_admin.ingestion.engine.settle.settle_accepted", lambda *_: 1 / 0)
        assert loop.work_once(acme.pk, OWNER)
    assert not OpenCall.objects.exists()
    assert Entry.objects.get(kind="call.lost").outcome == "unknown"
    drive(acme)
    assert ends(run) == {"done": 2}


def test_what_is_removed_between_preparing_and_sending_is_not_sent(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(resources(2))
    drive(acme)
    run = ingest()
    plain = send.request_of

    def removed_meanwhile(*args: Any) -> Any:
        QueueEntry.objects.filter(source__external_id="n-1").update(closed_at=datetime.now(UTC))
        return plain(*args)

    with monkeypatch.context() as patch:
        patch.setattr(send, "request_of", removed_meanwhile)
        loop.work_once(acme.pk, OWNER)
    assert requests(sandbox, "POST", LIST) == []
    drive(acme)
    assert ends(run) == {"done": 1, "skipped": 1}


def test_a_key_without_the_write_scope_is_told_once_for_the_whole_run(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.add_key(sandbox.key, scopes=["read"])
    run = register(resources(250))
    drive(acme)
    assert len(sandbox.log()) == 1
    assert ends(run) == {"refused": 250}
    assert "scope" in Run.objects.get().error


def test_a_workspace_without_a_key_waits(db: None, sandbox: Sandbox) -> None:
    bare = people.workspace("bare")
    discovery.start_discover(by=by("ada"), workspace=bare, provider="notion")
    assert loop.due_workspaces() == []
    assert not loop.work_once(bare.pk, OWNER)
    assert sandbox.log() == []


def test_what_was_taken_out_of_the_queue_meanwhile_is_skipped_and_said(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(3))
    drive(acme)
    run = ingest()
    removed = QueueEntry.objects.filter(source__external_id="n-1")
    removed.update(closed_at=datetime.now(UTC), closed_how="removed")
    drive(acme)
    assert ends(run) == {"done": 2, "skipped": 1}
    assert "taken out of the queue" in run.items.get(external_id="n-1").reason


def test_the_database_allows_one_open_entry_a_source(acme: Workspace, register: Start) -> None:
    register(resources(1))
    drive(acme)
    entry = QueueEntry.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        QueueEntry.objects.create(
            workspace=acme, source=entry.source, opened_at=entry.opened_at, opened_by="x"
        )


def test_two_ingest_runs_do_not_take_the_same_entries(
    acme: Workspace, register: Start, ingest: Start
) -> None:
    register(resources(2))
    drive(acme)
    ingest()
    with pytest.raises(starting.CannotStart):
        ingest()


def test_a_source_that_fini_no_longer_knows_is_gone(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(running_seconds=[600, 600])
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    loop.work_once(acme.pk, OWNER)
    victim = Source.objects.get(external_id="n-1")
    sandbox.remove([victim.fini_id])
    sandbox.advance(700)
    drive(acme)
    assert Source.objects.get(external_id="n-1").state == "gone"
    assert ends(run) == {"done": 1, "failed": 1}
    assert StateChange.objects.filter(source=victim, new="gone").get().call


def test_a_job_without_an_end_is_stuck_after_a_day(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(outcomes={"n-0": "never"})
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    for _ in range(30):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    Source.objects.filter(external_id="n-0").update(sent_at=datetime.now(UTC) - timedelta(hours=25))
    loop.mark_stuck()
    assert Source.objects.get(external_id="n-0").state == "stuck"
    assert ends(run) == {"done": 1, "unknown": 1}
    assert Run.objects.get().state == RunState.ENDED


def test_when_all_has_ended_there_are_no_calls_at_all(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(3), then_ingest=True)
    drive(acme)
    for _ in range(3):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    assert Watch.objects.get().next_at is None
    sandbox.clear_log()
    hurry(acme)
    assert loop.due_workspaces() == []
    assert sandbox.log() == []


def test_registering_again_updates_title_and_queues_the_source_once_more(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(1), then_ingest=True)
    drive(acme)
    again = [Resource("n-0", "A new title", "https://docs.example/n/0", "text/markdown")]
    register(again)
    drive(acme)
    source = Source.objects.get(external_id="n-0")
    assert (source.title, source.state, source.entries.get(closed_at=None).lane) == (
        "A new title",
        "usable",
        "refresh",
    )
    assert [entry.closed_how for entry in source.entries.order_by("pk")] == ["sent", ""]


def test_the_counts_of_a_run_add_up(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.settings(outcomes={"n-0": "failed"})
    run = register(resources(7), then_ingest=True)
    drive(acme)
    told = run_summary(Run.objects.get(pk=run.pk))
    assert (sum(told["outcomes"].values()), told["total"], told["calls"]) == (7, 7, len(sandbox.log()))


def test_a_missing_item_is_read_back_before_it_is_sent_again(
    acme: Workspace, sandbox: Sandbox, register: Start, impatient: None
) -> None:
    register(resources(3))
    drive(acme)
    ids = list(Source.objects.filter(provider="notion").values_list("fini_id", flat=True))
    answer = f'{{"addedDocumentIds": ["{ids[0]}"], "updatedDocumentIds": []}}'
    sandbox.fault(method="POST", path=f"{LIST}$", body=answer)
    run = ingestions.start_ingest(by=by("ada"), workspace=acme)
    reach_ingest(acme)
    loop.work_once(acme.pk, OWNER)
    assert Item.objects.filter(run=run, stage="follow").count() == 1
    assert Source.objects.filter(state="unknown").count() == 2
    assert len(requests(sandbox, "POST", LIST)) == 1


def test_ready_tells_a_dead_worker(db: None) -> None:
    Worker.objects.create(pk="w", seen_at=datetime.now(UTC) - timedelta(seconds=16))
    assert not worker_alive()
    loop.beat("w")
    assert worker_alive()


def test_the_rows_of_killed_workers_go_after_a_day(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Process, "owner", "suspended")
    now = datetime.now(UTC)
    for name, seen in (("killed", 25), ("suspended", 25), ("lately", 23)):
        Worker.objects.create(pk=name, seen_at=now - timedelta(hours=seen))
    run_worker.sweep()
    assert set(Worker.objects.values_list("pk", flat=True)) == {"suspended", "lately"}


def test_a_gone_source_closes_its_entry(acme: Workspace, register: Start) -> None:
    register(resources(1))
    drive(acme)
    source = Source.objects.get(external_id="n-0")
    follow.source_gone(source, Observation("call", datetime.now(UTC)))
    assert QueueEntry.objects.get().closed_how == "gone"


def test_what_a_walk_left_is_settled_even_when_nothing_is_wanted_any_more(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3), then_ingest=True)
    while Item.objects.filter(stage="register").exists():
        loop.work_once(acme.pk, OWNER)
    Source.objects.update(wanted_since=None, external_id="another")
    drive(acme)
    assert ends(run) == {"unknown": 3}


def test_a_source_whose_end_came_before_its_answer_is_not_followed_on(
    acme: Workspace, register: Start
) -> None:
    run = register(resources(1), then_ingest=True)
    reach_ingest(acme)
    source = Source.objects.get(external_id="n-0")
    Source.objects.filter(pk=source.pk).update(
        state="usable", job_id="j", job_status="COMPLETED", success=True, paragraphs=1
    )
    follow.follow_jobs(run, list(run.items.all()), Observation("call", datetime.now(UTC), 1))
    assert Source.objects.get(pk=source.pk).sent_at is None
    assert ends(run) == {"done": 1}
