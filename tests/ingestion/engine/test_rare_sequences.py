"""Sequences of two or three rare events: nothing stays open, is lost, or is called what it is not."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.audit import transport
from fini_admin.audit.models import Entry
from fini_admin.ingestion.engine import awaited, key_check, loop, send
from fini_admin.ingestion.kinds.syncs import start_sync
from fini_admin.ingestion.models import Budget, QueueEntry, Step, StepState, Watch
from fini_admin.ingestion.runs import steering
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.keys import switch_key
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.ingestion.engine.test_delete import delete
from tests.ingestion.engine.test_nothing_stays_open import ago, not_done
from tests.ingestion.engine.test_other_hands import job_counts, works
from tests.ingestion.engine.test_refresh import refresh
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.seats import amid, another_seat_sends, usable
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, ends, requests, resources

LIST, REGISTER = "/v2/documents/public", "/resources/notion"


def bounded(plain: Callable[..., bytes], response: Any, most: int) -> bytes:
    """Answers may have 100 KB, so that one record is too large."""
    return plain(response, min(most, 100_000))


def test_a_404_that_comes_after_its_sync_was_stopped_is_not_lost(
    acme: Workspace, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = sandbox.seed(count=1)
    start_sync(by=by("ada"), workspace=acme)
    drive(acme)
    sandbox.remove([one])
    run = start_sync(by=by("ada"), workspace=acme)
    amid(monkeypatch, "get", before=lambda: steering.stop(by=by("ada"), run=run))
    drive(acme)
    assert len(requests(sandbox, "GET", f"{LIST}/{one}")) == 1
    assert Source.objects.get(fini_id=one).state == State.GONE


def test_one_record_that_is_too_large_to_be_read_keeps_no_run_open(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.settings(running_seconds=[600, 600])
    run = register(resources(3), then_ingest=True)
    while run.items.filter(stage__in=("follow", "running")).count() < 3:
        works(acme, 1)
    sandbox.advance(700)
    sandbox.seed(documents=[{"source": "confluence", "externalId": "big", "paragraphs": ["x" * 200_000]}])
    monkeypatch.setattr(transport, "_read_bounded", partial(bounded, transport._read_bounded))
    works(acme, 60)
    assert Budget.objects.get().page_size == 1
    assert ends(run) == {"done": 3}


def test_a_key_of_another_workspace_that_is_empty_is_found_out_as_well(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    usable(acme, register, 2)
    sandbox.add_key(people.KEY, workspace="empty")
    foreign = people.key(acme, "foreign")
    key_check.verify(by=by("ada"), key=foreign)
    try:
        switch_key(by=by("ada"), key=ApiKey.objects.get(pk=foreign.pk))
    except ValidationError:
        return
    sandbox.fault(
        method="GET", path=r"public/[0-9a-f-]{36}$", status=404, count=None
    )  # 403 or 404, says Fini
    start_sync(by=by("ada"), workspace=acme)
    drive(acme)
    assert not Source.objects.filter(state=State.GONE).exists()


def test_a_record_that_was_asked_for_by_its_id_is_no_look_at_the_whole_list(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(pending_seconds=[60, 60])
    run = register(resources(5), then_ingest=True)
    while run.items.filter(stage="follow").count() < 5:
        works(acme, 1)
    hidden, *_ = Source.objects.filter(external_id__startswith="n-").order_by("pk")
    sandbox.remove([hidden.fini_id])
    sandbox.advance(120)  # all jobs have ended in Fini while no worker was there
    Source.objects.filter(sent_at__isnull=False).update(sent_at=ago(60), read_at=ago(60))
    Source.objects.filter(pk=hidden.pk).update(missed_walks=awaited.WALKS_BEFORE_GET)
    Watch.objects.update(whole_at=ago(60), news_at=ago(60), whole=True, walk_started=None, tries=0)
    works(acme, 1)
    loop.mark_stuck()
    drive(acme)
    assert ends(run) == {"done": 4, "failed": 1}


def test_while_a_gateway_answers_404_to_everything_no_source_is_gone(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    sandbox.seed(120, source="confluence")
    start_sync(by=by("ada"), workspace=acme)
    drive(acme)
    register(resources(8))
    drive(acme)
    run = ingest()
    sandbox.fault(method="POST", path="public$", drop="after")
    works(acme, 1)
    assert Step.objects.get(run=run).state == StepState.CHECK
    sandbox.fault(method="GET", status=404, body="default backend - 404", content_type="text/plain", count=20)
    Source.objects.filter(wanted_since__isnull=False).update(wanted_since=datetime.now(UTC))
    works(acme, 10)
    sandbox.clear_faults()
    assert not Source.objects.filter(state=State.GONE).exists()
    drive(acme)
    assert ends(run) == {"done": 8}


@pytest.mark.parametrize("status", [401, 403])
def test_a_firewalls_page_refuses_neither_the_key_nor_what_was_sent(
    acme: Workspace, sandbox: Sandbox, register: Start, status: int
) -> None:
    for method in ("POST", "GET"):
        sandbox.fault(method=method, status=status, body="\n<html>Blocked</html>", content_type="text/html")
    run = register(resources(2), then_ingest=True)
    drive(acme)
    assert (ends(run), sandbox.faults()) == ({"done": 2}, [])
    assert not ApiKey.objects.filter(refused_at__isnull=False).exists()
    told = Entry.objects.filter(status=status).values_list("outcome", "error")
    assert set(told) == {("unknown", f"Fini failed: a {status} that is not Fini's own")}


def test_while_the_address_of_fini_has_no_such_route_no_source_is_gone(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    (source,) = usable(acme, register)
    sandbox.fault(method="DELETE", drop="before")
    run = delete(acme, [source.pk])
    works(acme, 1)
    sandbox.fault(method="GET", status=404, message=f"Cannot GET {LIST}/{source.fini_id}", count=3)
    asked = {"wanted_since": datetime.now(UTC), "missed_walks": awaited.WALKS_BEFORE_GET}
    Source.objects.filter(wanted_since__isnull=False).update(**asked)
    works(acme, 4)
    assert sandbox.faults() == []
    assert (Source.objects.get(pk=source.pk).state, ends(run)) == (State.USABLE, {})


def test_a_record_that_fini_shows_a_moment_after_its_registration_is_not_gone(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(1), then_ingest=True)
    assert loop.work_once(acme.pk, OWNER)
    nothing = json.dumps({"documents": [], "hasMore": False})
    sandbox.fault(method="GET", path="limit=", status=200, body=nothing, count=2)
    sandbox.fault(method="GET", path="public/", status=404)
    drive(acme)
    assert sandbox.faults() == []
    assert ends(run) == {"done": 1}


@pytest.mark.parametrize("then_ingest", [True, False])
def test_a_record_that_an_answer_leaves_out_and_the_list_shows_waits_like_the_others(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch, *, then_ingest: bool
) -> None:
    run = register(resources(3), then_ingest=then_ingest)
    amid(
        monkeypatch,
        "register",
        change=lambda answer: replace(
            answer, value=answer.value | {"addedDocumentIds": answer.value["addedDocumentIds"][:2]}
        ),
    )
    drive(acme)
    assert ends(run) == {"done": 3}
    if then_ingest:
        assert job_counts(sandbox) == [1, 1, 1]
    else:
        assert QueueEntry.objects.filter(closed_at=None).count() == 3


def test_what_is_unchanged_and_left_out_of_the_answer_is_ingested(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    usable(acme, register)
    said = json.dumps({"addedDocumentIds": [], "updatedDocumentIds": []})
    sandbox.fault(method="POST", path=REGISTER, body=said)
    run = register(resources(1), then_ingest=True)
    drive(acme)
    assert (ends(run), list(run.items.values_list("reason", flat=True))) == ({"done": 1}, [""])


def test_a_404_that_is_no_answer_of_fini_ends_no_run(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    (source,) = usable(acme, register)
    run = refresh(acme, [source.pk])
    sandbox.fault(
        method="POST", path="/refresh", status=404, body="default backend - 404", content_type="text/plain"
    )
    drive(acme, seconds=40)
    assert ends(run) == {"done": 1}


def test_of_two_runs_that_have_a_source_one_goes_on(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = usable(acme, register)
    gone = delete(acme, [source.pk])
    steering.pause(by=by("ada"), run=gone)
    again = register(resources(1), then_ingest=True)
    while not Step.objects.filter(run=again, kind="ingest").exists():
        works(acme, 1)
    steering.resume(by=by("ada"), run=gone)
    plain = send._ineligible_by_reason

    def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(send, "_ineligible_by_reason", plain)
        found = plain(*given)
        another_seat_sends("ingest")
        return found

    monkeypatch.setattr(send, "_ineligible_by_reason", meanwhile)
    step = Step.objects.get(run=gone)
    Step.objects.filter(pk=step.pk).update(due_at=ago(1))
    assert send.take(step.pk, OWNER)
    send.perform(step.pk, OWNER)
    drive(acme)
    assert {"done": 1} in (ends(gone), ends(again))


@pytest.mark.parametrize(
    "refusal", [{"status": 403}, {"status": 400, "message": "Provider notion is not connected"}]
)
def test_what_fini_may_have_registered_is_not_called_refused(
    acme: Workspace, sandbox: Sandbox, register: Start, refusal: dict[str, Any]
) -> None:
    run = register(resources(2))
    sandbox.fault(method="POST", path=REGISTER, drop="after")
    works(acme, 1)
    sandbox.fault(method="POST", path=REGISTER, **refusal)
    drive(acme)
    assert len(job_counts(sandbox)) == 2  # they are in Fini
    assert ends(run) == {"unknown": 2}


def test_what_fini_says_it_deleted_besides_is_gone_as_well(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, child = usable(acme, register, 2)
    delete(acme, [parent.pk])
    sandbox.remove([child.fini_id])
    more = {"id": child.fini_id, "title": child.title}
    amid(
        monkeypatch,
        "delete",
        change=lambda answer: replace(
            answer, value=answer.value | {"deletedDocuments": [*answer.value["deletedDocuments"], more]}
        ),
    )
    drive(acme)
    assert set(Source.objects.filter(external_id__startswith="n-").values_list("state", flat=True)) == {
        "gone"
    }


def test_an_outage_of_more_than_an_hour_that_ends_with_a_503_gives_no_registration_up(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any
) -> None:
    run = register(resources(2))
    not_done(acme, settings, sandbox.url, 65)
    sandbox.fault(method="POST", path=REGISTER, status=503)
    drive(acme)
    assert ends(run) == {"done": 2}


def test_what_was_sent_before_its_new_record_was_read_is_not_queued_again(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(1))
    drive(acme)
    again = register(resources(1))
    sent = ingest()
    drive(acme)
    assert (ends(again), ends(sent)) == ({"done": 1}, {"done": 1})
    assert job_counts(sandbox) == [1]
    assert not QueueEntry.objects.filter(closed_at=None).exists()


def test_what_an_older_run_sent_before_its_new_record_was_read_is_not_queued_again(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(1))
    drive(acme)
    sent = ingest()
    steering.pause(by=by("ada"), run=sent)
    again = register(resources(1))
    assert loop.work_once(acme.pk, OWNER)
    steering.resume(by=by("ada"), run=sent)
    assert loop.work_once(acme.pk, OWNER)  # what is to be sent goes before the list
    drive(acme)
    assert (ends(again), ends(sent)) == ({"done": 1}, {"done": 1})
    assert job_counts(sandbox) == [1]
    assert not QueueEntry.objects.filter(closed_at=None).exists()


def test_what_neither_the_list_nor_its_id_tells_of_ends_though_no_walk_is_whole(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.settings(running_seconds=[600, 600])
    run = register(resources(1), then_ingest=True)
    while not run.items.filter(stage__in=("follow", "running")).exists():
        works(acme, 1)
    sandbox.advance(700)
    sandbox.change(Source.objects.get(external_id="n-0").fini_id, paragraphs=["x" * 200_000])
    monkeypatch.setattr(transport, "_read_bounded", partial(bounded, transport._read_bounded))
    works(acme, 40)
    Source.objects.filter(sent_at__isnull=False).update(sent_at=ago(50), read_at=ago(50))
    Watch.objects.update(whole_at=ago(50), news_at=ago(50))
    for _ in range(4):
        works(acme, 30)
        loop.mark_stuck()
        loop.stop_waiting()
    assert ends(run) == {"unknown": 1}


def test_after_a_maintenance_page_the_list_is_read_again_and_not_every_id(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(running_seconds=[600, 600])
    run = register(resources(30), then_ingest=True)
    while run.items.filter(stage__in=("follow", "running")).count() < 30:
        works(acme, 1)
    sandbox.fault(method="GET", path=r"public\?", status=200, body="<html>Maintenance", count=None)
    works(acme, 40)
    sandbox.clear_faults()
    sandbox.advance(700)
    sandbox.clear_log()
    drive(acme)
    asked = [one["path"] for one in sandbox.log() if one["method"] == "GET"]
    assert ends(run) == {"done": 30}
    assert len([path for path in asked if "?" not in path]) <= 6


def test_giving_up_on_many_costs_no_query_each(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.settings(pending_seconds=[600, 600])
    run = register(resources(40), then_ingest=True)
    while run.items.filter(stage__in=("follow", "running")).count() < 40:
        works(acme, 1)
    Source.objects.update(sent_at=ago(25))
    Watch.objects.update(whole_at=datetime.now(UTC))
    with CaptureQueriesContext(connection) as seen:
        loop.mark_stuck()
    assert ends(run) == {"unknown": 40}
    assert len(seen) < 40
