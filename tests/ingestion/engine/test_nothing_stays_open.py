"""What once kept a run, an entry or a source open for ever, or ended it too soon."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fini_admin.audit.models import OpenCall
from fini_admin.ingestion.engine import loop, send, walk
from fini_admin.ingestion.entries import enqueue
from fini_admin.ingestion.models import Budget, Item, QueueEntry, Run, Step, StepState, Watch
from fini_admin.ingestion.reads import request_read
from fini_admin.ingestion.runs import steering
from fini_admin.sources import mirror
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_delete import delete
from tests.ingestion.engine.test_refresh import refresh
from tests.ingestion.engine.test_retry import retry, start_elsewhere
from tests.ingestion.engine.test_trouble import reach_ingest
from tests.support.sandbox import Sandbox
from tests.support.trail import one_to_one
from tests.support.work import OWNER, Start, drive, ends, hurry, requests, resources

NOBODY = "http://127.0.0.1:9"
LIST, REGISTER = "/documents/public", "/resources/notion"


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def hide(sandbox: Sandbox, source: Source) -> None:
    """The list does not show the record any more, and by its ID Fini says that it is another workspace's."""
    sandbox.remove([source.fini_id])
    sandbox.fault(method="GET", path=f"public/{source.fini_id}", status=403, count=None)


def not_done(workspace: Workspace, settings: Any, url: str, times: int) -> None:
    """So often Fini refuses the connection: what was to be sent certainly was not."""
    settings.FINI_API_BASE_URL = NOBODY
    made = 0
    while made < times:
        hurry(workspace)
        made += loop.work_once(workspace.pk, OWNER)
    settings.FINI_API_BASE_URL = url
    assert Step.objects.filter(state=StepState.READY).latest("pk").tries == times


@pytest.mark.parametrize("poisoned", [["n-2"], ["n-2", "n-3"]])
def test_what_a_retry_refreshes_goes_out_though_what_it_registers_is_refused(
    acme: Workspace, sandbox: Sandbox, register: Start, poisoned: list[str]
) -> None:
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "failed"}, poisoned=poisoned)
    run = register(resources(4), then_ingest=True)
    drive(acme)
    sandbox.settings(outcomes={})
    again = retry(run)
    drive(acme)
    assert ends(again) == {"done": 2, "refused": len(poisoned)}


def test_a_registration_that_was_not_done_for_long_is_not_given_up_at_the_first_doubt(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any
) -> None:
    run = register(resources(2))
    not_done(acme, settings, sandbox.url, 7)
    sandbox.fault(method="POST", path=REGISTER, status=500, count=4)
    drive(acme)
    assert ends(run) == {"done": 2}


@pytest.mark.usefixtures("impatient")
def test_an_ingest_that_was_not_done_for_long_is_sent_again_after_a_lost_answer(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any
) -> None:
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    not_done(acme, settings, sandbox.url, 7)
    sandbox.fault(method="POST", path=LIST, status=500)
    drive(acme)
    assert ends(run) == {"done": 2}
    one_to_one(acme, sandbox)


@pytest.mark.usefixtures("impatient")
def test_what_fini_never_takes_is_sent_five_times(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    run = register(resources(1), then_ingest=True)
    reach_ingest(acme)
    sandbox.fault(method="POST", path=LIST, status=500, count=None)
    drive(acme)
    assert ends(run) == {"failed": 1}
    assert run.items.get().reason == "Sent 5 times, and Fini never took it"
    assert len(requests(sandbox, "POST", "/v2/documents/public")) == 5


def test_an_entry_whose_record_matches_no_id_of_the_run_is_free_when_it_ends(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(2), then_ingest=True)
    assert loop.work_once(acme.pk, OWNER)
    # As when Fini answers with one ID more than it was given resources.
    (other,) = sandbox.seed(1, source="notion", state="registered")
    origin = mirror.Observation("call", datetime.now(UTC), run.number)
    sources = mirror.ensure_sources(acme, "notion", [other], origin, state=State.QUEUED)
    enqueue(sources, run)
    request_read(acme, sources, datetime.now(UTC))
    drive(acme)
    assert ends(run) == {"done": 2}
    (left,) = QueueEntry.objects.filter(closed_at=None)
    assert (left.source.fini_id, left.run) == (other, None)


def test_what_nobody_looked_at_for_days_is_looked_at_before_it_is_stuck(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(pending_seconds=[60, 60])
    run = register(resources(2), then_ingest=True)
    while run.items.filter(stage="follow").count() < 2:
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    Source.objects.filter(sent_at__isnull=False).update(sent_at=ago(60), read_at=ago(60))
    Watch.objects.update(whole_at=ago(60))
    loop.mark_stuck()
    assert ends(run) == {}
    sandbox.advance(120)
    drive(acme)
    assert ends(run) == {"done": 2}


FROZEN = "00000000-0000-0000-0000-000000000002"


def test_a_seat_that_was_frozen_leaves_alone_what_another_has_sent_meanwhile(
    acme: Workspace, register: Start
) -> None:
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    step = Step.objects.get(run=run, kind="ingest")
    hurry(acme)
    assert send.take(step.pk, FROZEN)
    # Another process has it since, and its call is under way.
    Step.objects.filter(pk=step.pk).update(state=StepState.SENT, call="theirs", owner=OWNER, lease_until=None)
    Source.objects.update(state=State.SENT)
    send.perform(step.pk, FROZEN)
    assert ends(run) == {}
    Item.objects.update(step=None)
    send.perform(step.pk, FROZEN)
    step.refresh_from_db()
    assert (step.state, step.call) == (StepState.SENT, "theirs")


@pytest.mark.parametrize("followed", [False, True])
def test_a_seat_that_was_frozen_leaves_alone_the_list_that_another_reads(
    acme: Workspace, sandbox: Sandbox, register: Start, *, followed: bool
) -> None:
    register(resources(1))
    assert loop.work_once(acme.pk, OWNER)
    if not followed:
        Source.objects.update(wanted_since=None)
    hurry(acme)
    sandbox.clear_log()
    assert walk.take(acme.pk, OWNER)
    # Another seat of the same process took it when the lease had run out, and its call is under way.
    Watch.objects.update(call="theirs")
    until = datetime.now(UTC) + timedelta(minutes=1)
    OpenCall.objects.create(call="theirs", chain=str(acme.pk), owner=OWNER, lease_until=until)
    walk.advance(acme.pk, OWNER)
    assert (Watch.objects.get().call, sandbox.log()) == ("theirs", [])


def test_what_is_stuck_is_looked_at_for_a_day(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.settings(outcomes={"n-0": "never"})
    run = register(resources(1), then_ingest=True)
    while run.items.filter(stage__in=("follow", "running")).count() < 1:
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    Source.objects.filter(external_id="n-0").update(sent_at=ago(60))
    loop.mark_stuck()
    assert ends(run) == {"unknown": 1}
    before = len(sandbox.log())
    hurry(acme)
    assert loop.work_once(acme.pk, OWNER)
    assert len(sandbox.log()) == before + 1
    Source.objects.filter(external_id="n-0").update(state_since=ago(25))
    hurry(acme)
    loop.work_once(acme.pk, OWNER)
    assert (len(sandbox.log()), Watch.objects.get().next_at) == (before + 1, None)


def test_a_job_that_somebody_else_started_is_followed_to_its_end_once_any_page_shows_it(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(1), then_ingest=True)
    drive(acme)
    source = Source.objects.get(external_id="n-0")
    sandbox.settings(pending_seconds=[60, 60])
    start_elsewhere(sandbox, source.fini_id)
    register(resources(1, "m"))
    drive(acme)
    source.refresh_from_db()
    assert source.state in (State.SENT, State.RUNNING)
    sandbox.advance(200)
    for _ in range(20):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    source.refresh_from_db()
    assert (source.state, source.sent_at) == (State.USABLE, None)
    assert Watch.objects.get().next_at is None


def test_a_record_that_nothing_tells_of_for_a_day_keeps_no_run_open(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(2), then_ingest=True)
    assert loop.work_once(acme.pk, OWNER)
    sandbox.fault(method="GET", status=500, count=None)
    wanted = Source.objects.filter(wanted_since__isnull=False)
    wanted.update(wanted_since=ago(25), missed_walks=walk.IN_VAIN - 1)
    loop.stop_waiting()
    assert wanted.count() == 2  # it was not looked for often enough
    wanted.update(missed_walks=walk.IN_VAIN)
    loop.stop_waiting()
    assert not wanted.exists()
    drive(acme)
    assert ends(run) == {"unknown": 2}


@pytest.mark.usefixtures("impatient")
def test_what_is_read_back_in_vain_ends_when_its_source_is_stuck(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(1), then_ingest=True)
    reach_ingest(acme)
    sandbox.fault(method="POST", path=LIST, status=500)
    sandbox.fault(method="GET", status=500, count=None)
    hurry(acme)
    assert loop.work_once(acme.pk, OWNER)
    assert Step.objects.filter(state=StepState.CHECK).exists()
    Source.objects.filter(sent_at__isnull=False).update(sent_at=ago(25))
    Watch.objects.update(whole_at=datetime.now(UTC))
    loop.mark_stuck()
    assert ends(run) == {"unknown": 1}
    assert Run.objects.get(pk=run.pk).state == "ended"
    assert not Item.objects.exclude(stage="ended").exists()


def test_a_seat_frees_no_watch_in_which_another_seat_of_its_process_calls(acme: Workspace) -> None:
    Budget.objects.get_or_create(workspace=acme)
    Watch.objects.update_or_create(
        workspace=acme, defaults={"owner": OWNER, "call": "another seat's", "lease_until": ago(-1)}
    )
    walk.release(acme.pk, OWNER)
    assert Watch.objects.get().owner == OWNER
    Watch.objects.update(call="")
    walk.release(acme.pk, OWNER)
    assert Watch.objects.get().owner == ""


@pytest.mark.parametrize(("start", "expected"), [(refresh, {"failed": 1, "done": 1}), (delete, {"done": 2})])
def test_what_is_left_of_a_refused_batch_is_not_blamed_for_what_is_gone(
    acme: Workspace,
    sandbox: Sandbox,
    register: Start,
    start: Callable[[Workspace, list[int]], Run],
    expected: dict[str, int],
) -> None:
    register(resources(2), then_ingest=True)
    drive(acme)
    going, staying = Source.objects.filter(external_id__startswith="n-").order_by("pk")
    run = start(acme, [going.pk, staying.pk])
    sandbox.remove([going.fini_id])
    drive(acme)
    assert ends(run) == expected


def test_a_record_that_fini_keeps_refusing_by_its_id_keeps_no_run_open_beyond_a_day(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3), then_ingest=True)
    assert loop.work_once(acme.pk, OWNER)
    (hidden, *_) = Source.objects.order_by("pk")
    hide(sandbox, hidden)
    for _ in range(12):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
        loop.stop_waiting()
    assert Run.objects.get(pk=run.pk).state == "running"
    Source.objects.filter(pk=hidden.pk).update(wanted_since=ago(25))
    drive(acme, between=loop.stop_waiting)
    assert ends(run) == {"done": 2, "unknown": 1}


def test_what_only_a_stuck_source_would_be_waited_for_goes_out_now(acme: Workspace, register: Start) -> None:
    """No step carries what is to be sent, and the next walk is for what is looked at once an hour."""
    run = register(resources(2), then_ingest=True)
    run.items.update(stage="ingest", step=None)
    Step.objects.update(state=StepState.DONE)
    for rest, woken in ((walk.STUCK_EVERY, True), (timedelta(seconds=30), False)):
        Watch.objects.update(next_at=datetime.now(UTC) + rest)
        steering.end_finished_runs(acme)
        assert Watch.objects.filter(next_at__lte=datetime.now(UTC)).exists() is woken
