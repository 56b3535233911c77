"""What another process, another run or Fini does meanwhile: nothing is sent twice, lost, or told wrongly."""

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from fini_admin.audit import transport
from fini_admin.audit.models import Entry, OpenCall
from fini_admin.fini.routes import Resource
from fini_admin.ingestion import verifications
from fini_admin.ingestion.engine import awaited, key_check, loop, send, walk
from fini_admin.ingestion.kinds.syncs import start_sync
from fini_admin.ingestion.models import Item, QueueEntry, Step, StepState, Verification, Watch
from fini_admin.ingestion.runs import steering
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace
from tests.ingestion.engine.test_delete import delete
from tests.ingestion.engine.test_nothing_stays_open import ago, hide
from tests.ingestion.engine.test_refresh import refresh
from tests.ingestion.engine.test_retry import retry
from tests.ingestion.engine.test_trouble import lease_runs_out, reach_ingest
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, bodies, drive, ends, hurry, requests, resources

ANOTHER = "00000000-0000-0000-0000-000000000009"
INGEST, REGISTER = "/v2/documents/public", "/resources/notion"
NO_IDS = json.dumps({"addedDocumentIds": [], "updatedDocumentIds": []})
EMPTY_LIST = json.dumps({"documents": [], "hasMore": False})


def works(workspace: Workspace, pieces: int) -> None:
    for _ in range(pieces):
        hurry(workspace)
        loop.work_once(workspace.pk, OWNER)


def job_counts(sandbox: Sandbox) -> list[int]:
    return [held["jobCount"] for held in sandbox.documents() if str(held["externalId"]).startswith("n-")]


@pytest.mark.usefixtures("impatient")
def test_a_process_that_is_frozen_on_the_way_to_the_socket_sends_nothing_afterwards(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    plain, slept = transport._send, [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + slept[0])
    monkeypatch.setattr(transport, "time", clock)

    def frozen(*given: Any, **more: Any) -> Any:
        """Another process takes the call for lost, reads back, and sends it again; then this one goes on."""
        monkeypatch.setattr(transport, "_send", plain)
        lease_runs_out()
        loop.recover()
        while not requests(sandbox, "POST", INGEST):
            hurry(acme)
            step = Step.objects.filter(state=StepState.READY).first()
            if step and send.take(step.pk, ANOTHER):
                send.perform(step.pk, ANOTHER)
            elif walk.take(acme.pk, ANOTHER):
                walk.advance(acme.pk, ANOTHER)
        slept[0] = 60.0
        return plain(*given, **more)

    monkeypatch.setattr(transport, "_send", frozen)
    works(acme, 1)
    drive(acme)
    assert (ends(run), job_counts(sandbox)) == ({"done": 2}, [1, 1])
    assert len(requests(sandbox, "POST", INGEST)) == 1


@pytest.mark.parametrize("state", [KeyState.OFF, KeyState.LIVE])
def test_a_verification_that_another_process_has_by_now_is_left_to_it(acme: Workspace, state: str) -> None:
    key = ApiKey.objects.get(workspace=acme)
    verifications.ask(by=by("ada"), key=key)
    assert verifications.take(key.pk, OWNER)
    ApiKey.objects.update(state=state)
    asked_all = {"read": True, "write": True, "ids": [], "compared": True}
    Verification.objects.update(owner=ANOTHER, call="theirs", progress=asked_all)
    key_check.advance(key.pk, OWNER)
    assert Verification.objects.values_list("call", "ended_at").get() == ("theirs", None)


def test_a_fault_here_closes_no_call_that_another_process_has_under_way(
    acme: Workspace, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(resources(2))
    plain, theirs = send._perform, str(UUID(int=1))

    def faulty(step: Step, owner: str) -> None:
        monkeypatch.setattr(send, "_perform", plain)
        Step.objects.update(owner=ANOTHER, state=StepState.SENT, call=theirs)
        until = datetime.now(UTC) + timedelta(hours=1)
        OpenCall.objects.create(call=theirs, chain=str(acme.pk), owner=ANOTHER, lease_until=until)
        raise RuntimeError

    monkeypatch.setattr(send, "_perform", faulty)
    works(acme, 1)
    assert OpenCall.objects.filter(call=theirs).exists()
    assert (Step.objects.get().state, Entry.objects.filter(kind="call.lost").count()) == (StepState.SENT, 0)


@pytest.mark.usefixtures("impatient")
def test_a_registration_is_no_trace_of_a_refresh_that_was_lost(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(1), then_ingest=True)
    drive(acme)
    run = refresh(acme, [Source.objects.get(external_id="n-0").pk])
    sandbox.fault(method="POST", path="/refresh", drop="before")
    works(acme, 1)
    assert Step.objects.get(run=run).state == StepState.CHECK
    register(resources(1))
    drive(acme)
    assert (ends(run), job_counts(sandbox)) == ({"done": 1}, [2])


def test_a_record_that_fini_refuses_to_tell_of_holds_up_no_other_id_of_its_run(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(3), then_ingest=True)
    assert loop.work_once(acme.pk, OWNER)
    (foreign, *_) = Source.objects.order_by("pk")
    hide(sandbox, foreign)
    works(acme, 12)
    assert ends(run) == {}
    Source.objects.filter(wanted_since__isnull=False).update(wanted_since=ago(2))
    works(acme, 30)
    assert ends(run) == {"done": 2}


def test_a_record_that_fini_refuses_to_tell_of_keeps_no_later_run_open(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(1))
    assert loop.work_once(acme.pk, OWNER)
    foreign = Source.objects.get()
    hide(sandbox, foreign)
    works(acme, 12)
    sandbox.fault(method="POST", path=REGISTER, body=NO_IDS)
    later = register(resources(1, "m"))
    works(acme, 1)
    sandbox.remove([held["id"] for held in sandbox.documents() if held["externalId"] == "m-0"])
    works(acme, 12)
    assert ends(later) == {"unknown": 1}


def test_what_nobody_could_ask_for_a_day_is_asked_before_it_is_given_up(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(5), then_ingest=True)
    assert loop.work_once(acme.pk, OWNER)
    sandbox.fault(method="GET", path="limit", body=EMPTY_LIST, count=6)
    while Source.objects.filter(missed_walks__lt=awaited.MANY_WALKS, wanted_since__isnull=False).exists():
        works(acme, 1)
    sandbox.clear_faults()
    ApiKey.objects.update(refused_at=ago(60))
    Source.objects.filter(wanted_since__isnull=False).update(wanted_since=ago(60))
    loop.stop_waiting()
    ApiKey.objects.update(refused_at=None)
    drive(acme)
    assert ends(run) == {"done": 5}


def test_a_refused_refresh_of_what_is_usable_can_be_retried(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(2), then_ingest=True)
    drive(acme)
    sources = list(Source.objects.filter(external_id__startswith="n-").values_list("pk", flat=True))
    sandbox.fault(method="POST", path="/refresh", status=403)
    run = refresh(acme, sources)
    drive(acme)
    assert ends(run) == {"refused": 2}
    again = retry(run)
    drive(acme)
    assert (ends(again), job_counts(sandbox)) == ({"done": 2}, [2, 2])


def test_a_registration_of_which_fini_names_no_id_does_not_end_with_a_source_that_is_gone(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(1))
    drive(acme)
    delete(acme, [Source.objects.get(external_id="n-0").pk])
    drive(acme)
    assert Source.objects.get(external_id="n-0").state == State.GONE
    sandbox.fault(method="POST", path=REGISTER, body=NO_IDS)
    run = register(resources(1))
    drive(acme)
    assert ends(run) == {"unknown": 1}


@pytest.mark.usefixtures("impatient")
def test_a_source_of_which_nothing_was_told_is_read_before_its_lane_is_chosen(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    ended = {"linkedJobId": "j1", "linkedJobStatus": "COMPLETED", "success": True, "paragraphs": ["x"]}
    sandbox.seed(documents=[{"source": "notion", "externalId": "n-0", **ended}])
    run = register(resources(1))
    assert loop.work_once(acme.pk, OWNER)
    sandbox.fault(method="GET", status=500, count=40)
    Source.objects.filter(wanted_since__isnull=False).update(wanted_since=ago(25), missed_walks=walk.IN_VAIN)
    loop.stop_waiting()
    drive(acme)
    assert (ends(run), QueueEntry.objects.get(closed_at=None).lane) == ({"unknown": 1}, "")
    sandbox.clear_faults()
    ingest()
    drive(acme)
    (sent,) = bodies(acme, "ingest")
    assert (sent["documentIdsToAdd"], len(sent["documentIdsToRefresh"])) == ([], 1)


def test_of_two_spellings_in_fini_the_registered_one_is_ingested(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    bare, dashed = "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"
    sandbox.seed(documents=[{"source": "notion", "externalId": dashed, "title": "x"}])
    run = register([Resource(bare, "T", "https://docs.example/x", "text/markdown", "page")], then_ingest=True)
    drive(acme)
    assert (ends(run), run.items.get().external_id) == ({"done": 1}, bare)


def test_what_is_registered_while_a_refresh_has_it_waits_after_that(acme: Workspace, register: Start) -> None:
    register(resources(1), then_ingest=True)
    drive(acme)
    source = Source.objects.get(external_id="n-0")
    run = refresh(acme, [source.pk])
    steering.pause(by=by("ada"), run=run)
    again = register(resources(1))
    works(acme, 10)
    steering.stop(by=by("ada"), run=run)
    drive(acme)
    assert (ends(run), ends(again)) == ({"skipped": 1}, {"done": 1})
    assert QueueEntry.objects.filter(source=source, closed_at=None, run=None).exists()


def test_a_sync_tells_what_is_gone_whoever_asked_for_it_first(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(6), then_ingest=True)
    drive(acme)
    mine = list(Source.objects.filter(external_id__startswith="n-").order_by("pk"))
    run = start_sync(by=by("ada@example.com"), workspace=acme)
    sandbox.remove([source.fini_id for source in mine[:2]])
    while Item.objects.filter(run=run, stage="ask").count() < 2:
        works(acme, 1)
    Source.objects.filter(pk=mine[1].pk).update(wanted_since=datetime.now(UTC), missed_walks=2)
    Watch.objects.update(next_at=datetime.now(UTC), walk_started=None, tries=0)
    drive(acme)
    assert set(ends(run)) == {"done"}


def test_what_fini_may_have_registered_before_a_batch_was_split_is_not_called_unsent(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(4))
    sandbox.fault(method="POST", path=REGISTER, drop="after")
    works(acme, 1)
    sandbox.settings(poisoned=["n-2"])
    works(acme, 1)
    steering.stop(by=by("ada"), run=run)
    drive(acme)
    assert ends(run) == {"unknown": 4}
