"""What is taken for the trace of a send, and what is none: rare sequences of two or three events (T3)."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from fini_admin.ingestion.engine import loop, send, walk
from fini_admin.ingestion.kinds.syncs import start_sync
from fini_admin.ingestion.models import Run, Step, StepState, Watch
from fini_admin.ingestion.reasons import END_UNSEEN
from fini_admin.ingestion.runs import steering
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_nothing_stays_open import ago
from tests.ingestion.engine.test_other_hands import ANOTHER, job_counts, works
from tests.ingestion.engine.test_refresh import refresh
from tests.ingestion.engine.test_retry import confirm, frozen, retry
from tests.support import web_pages
from tests.support.sandbox import Sandbox
from tests.support.seats import amid, another_seat_sends, usable
from tests.support.who import by
from tests.support.work import OWNER, Start, bodies, drive, ends, requests, resources

LIST, REGISTER = "/v2/documents/public", "/resources/notion"


@pytest.mark.usefixtures("impatient")
def test_a_registration_that_is_answered_while_a_refresh_is_under_way_is_no_trace_of_it(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = usable(acme, register)
    run = refresh(acme, [source.pk])
    sandbox.fault(method="POST", path="/refresh", drop="before")

    def registered_meanwhile() -> None:
        register(resources(1))
        another_seat_sends("register")

    amid(monkeypatch, "refresh", before=registered_meanwhile)
    works(acme, 1)
    assert Step.objects.get(run=run).state == StepState.CHECK
    drive(acme)
    assert (ends(run), job_counts(sandbox)) == ({"done": 1}, [2])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "expected"),
    [({"status": 400}, ({"refused": 1}, [1])), ({"drop": "before"}, ({"done": 1}, [2]))],
)
def test_a_registration_whose_record_was_not_read_yet_is_no_trace_of_a_refresh_that_was_not_done(
    acme: Workspace,
    sandbox: Sandbox,
    register: Start,
    fault: dict[str, Any],
    expected: tuple[dict[str, int], list[int]],
) -> None:
    (source,) = usable(acme, register)
    register(resources(1))
    works(acme, 1)  # answered: its record is to be read, but what is to be sent goes first
    run = refresh(acme, [source.pk])
    sandbox.fault(method="POST", path="/refresh", **fault)
    works(acme, 1)
    assert Step.objects.get(run=run).state == StepState.CHECK
    drive(acme)
    assert (ends(run), job_counts(sandbox)) == expected


def test_a_registration_whose_answer_was_lost_is_no_trace_of_a_refresh_that_was_lost(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    (source,) = usable(acme, register)
    run = refresh(acme, [source.pk])
    sandbox.fault(method="POST", path="/refresh", drop="before")
    works(acme, 1)
    assert Step.objects.get(run=run).state == StepState.CHECK
    register(resources(1))
    sandbox.fault(method="POST", path=REGISTER, drop="after")
    assert loop.work_once(acme.pk, OWNER)
    assert Step.objects.get(kind="register", state=StepState.READY).in_doubt
    loop.work_once(acme.pk, OWNER)  # the walk is due at once, the registration again in a second
    drive(acme, seconds=40)
    assert (ends(run), job_counts(sandbox)) == ({"done": 1}, [2])


@pytest.mark.usefixtures("impatient")
def test_a_registration_that_fini_did_after_the_last_read_and_was_given_up_is_no_trace_of_a_later_refresh(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = usable(acme, register)
    given_up = register(resources(1))
    Step.objects.filter(run=given_up).update(doubts=4)
    sandbox.fault(method="POST", path=REGISTER, drop="after")

    def read_meanwhile() -> None:
        Watch.objects.update(next_at=ago(0.01))
        assert walk.take(acme.pk, ANOTHER)
        walk.advance(acme.pk, ANOTHER)

    amid(monkeypatch, "register", before=read_meanwhile)
    works(acme, 1)
    assert ends(given_up) == {"unknown": 1}
    run = refresh(acme, [source.pk])
    sandbox.fault(method="POST", path="/refresh", drop="before")
    Watch.objects.update(next_at=None)  # what is to be sent goes first
    while not requests(sandbox, "POST", f"{LIST}/refresh"):
        loop.work_once(acme.pk, OWNER)
    drive(acme)
    assert (ends(run), job_counts(sandbox)) == ({"done": 1}, [2])


def test_a_page_that_was_asked_for_before_a_refresh_tells_nothing_of_it(
    acme: Workspace, sandbox: Sandbox, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = usable(acme, register)
    sandbox.change(source.fini_id, title="Changed in Fini since we read it")
    sandbox.settings(running_seconds=[600, 600], outcomes={"n-0": "failed"})
    start_sync(by=by("ada"), workspace=acme)
    runs: list[Run] = []

    def refreshed_meanwhile() -> None:
        runs.append(refresh(acme, [source.pk]))
        another_seat_sends("refresh")

    amid(monkeypatch, "list", after=refreshed_meanwhile)
    works(acme, 1)
    assert ends(runs[0]) == {}
    sandbox.advance(700)
    drive(acme)
    assert ends(runs[0]) == {"failed": 1}


@pytest.mark.usefixtures("impatient")
def test_an_address_that_is_sent_takes_no_trace_from_a_refresh_that_is_under_way(
    acme: Workspace, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"{web_pages.SITE}/a"
    web_pages.ingest(acme, [page])
    drive(acme)
    run = refresh(acme, [Source.objects.get(original_url=page).pk])
    sandbox.fault(method="POST", path="/refresh", drop="after")

    def meanwhile() -> None:
        time.sleep(0.3)
        start_sync(by=by("ada"), workspace=acme)
        another_seat_sends("sync")
        web_pages.ingest(acme, [f"{page}/?utm_source=mail"])
        another_seat_sends("web")

    amid(monkeypatch, "refresh", after=meanwhile)
    works(acme, 1)
    drive(acme)
    assert ends(run) == {"done": 1}
    assert web_pages.jobs(sandbox)[page] == 2


@pytest.mark.usefixtures("impatient")
def test_what_may_have_been_sent_is_read_before_the_queue_sends_it_again(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(1))
    drive(acme)
    run = ingest()
    sandbox.fault(method="POST", path="public$", status=500, after=True)
    sandbox.fault(method="GET", status=500, count=None)
    works(acme, 1)
    assert Step.objects.get(run=run).state == StepState.CHECK
    Source.objects.filter(sent_at__isnull=False).update(sent_at=ago(25))
    Watch.objects.update(whole_at=datetime.now(UTC))
    loop.mark_stuck()
    assert ends(run) == {"unknown": 1}
    sandbox.clear_faults()
    try:
        ingest()
    except CannotStart:
        return
    drive(acme)
    assert job_counts(sandbox) == [1]


def test_what_others_ingested_between_preparing_and_sending_is_not_sent_as_new(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(resources(1))
    drive(acme)
    source = Source.objects.get(external_id="n-0")
    ingest()
    plain = send.request_of

    def ingested_meanwhile(*given: Any) -> Any:
        found = plain(*given)
        monkeypatch.setattr(send, "request_of", plain)
        sandbox.change(
            source.fini_id, linkedJobId="j", linkedJobStatus="COMPLETED", success=True, paragraphs=["x"]
        )
        start_sync(by=by("ada"), workspace=acme)
        another_seat_sends("sync")
        return found

    monkeypatch.setattr(send, "request_of", ingested_meanwhile)
    drive(acme)
    (sent,) = bodies(acme, "ingest")
    assert (sent["documentIdsToAdd"], sent["documentIdsToRefresh"]) == ([], [source.fini_id])


def test_what_became_usable_since_a_retry_was_previewed_is_not_ingested_again(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(poisoned=["n-1"])
    run = register(resources(2), then_ingest=True)
    drive(acme)
    assert ends(run) == {"done": 1, "refused": 1}
    sandbox.settings(poisoned=[])
    first, second = frozen(run), frozen(run)
    confirm(first)
    drive(acme)
    assert job_counts(sandbox) == [1, 1]
    try:
        confirm(second)
    except CannotStart:
        return
    drive(acme)
    assert job_counts(sandbox) == [1, 1]


def test_a_retry_of_what_left_no_trace_for_a_day_sends_it(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(1))
    drive(acme)
    source = Source.objects.get(external_id="n-0")
    said = json.dumps({"addedDocumentIds": [source.fini_id], "updatedDocumentIds": []})
    sandbox.fault(method="POST", path="public$", status=200, body=said)
    run = ingest()
    while not run.items.filter(stage="follow").exists():
        works(acme, 1)
    works(acme, 3)
    Source.objects.filter(pk=source.pk).update(sent_at=ago(25))
    loop.mark_stuck()
    assert ends(run) == {"unknown": 1}
    again = retry(run)
    works(acme, 30)
    assert (ends(again), job_counts(sandbox)) == ({"done": 1}, [1])


def test_what_ended_before_the_answer_that_names_it_came_is_not_followed_for_ever(
    acme: Workspace, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ["https://x.example/1", "https://y.example/2"]
    web_pages.ingest(acme, known)
    drive(acme)
    given = web_pages.addresses(2)
    sandbox.settings(redirects=dict(zip(given, known, strict=True)))
    web_pages.ingest(acme, given)

    def read_meanwhile() -> None:
        time.sleep(0.3)
        start_sync(by=by("ada"), workspace=acme)
        another_seat_sends("sync")

    amid(monkeypatch, "ingest", after=read_meanwhile)
    works(acme, 10)
    assert set(Source.objects.filter(provider="web").values_list("state", "sent_at")) == {("usable", None)}


@pytest.mark.usefixtures("impatient")
def test_a_page_that_another_run_only_holds_is_no_trace_of_an_address_that_was_not_sent(
    acme: Workspace, sandbox: Sandbox
) -> None:
    page = f"{web_pages.SITE}/a"
    web_pages.ingest(acme, [page])
    drive(acme)
    waits = refresh(acme, [Source.objects.get(original_url=page).pk])
    steering.pause(by=by("ada"), run=waits)
    run = web_pages.ingest(acme, [f"{page}/?utm_source=mail"])
    sandbox.fault(method="POST", path="public$", drop="before")
    while not ends(run):
        works(acme, 1)
    assert ends(run) == {"done": 1}
    assert sum(web_pages.jobs(sandbox).values()) == 2


@pytest.mark.usefixtures("impatient")
def test_an_address_is_not_sent_again_because_the_page_that_shows_it_was_left_aside(
    acme: Workspace, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, given = f"{web_pages.SITE}/a", f"{web_pages.SITE}/a/?utm_source=mail"
    web_pages.ingest(acme, [page])
    drive(acme)
    source = Source.objects.get(original_url=page)
    sandbox.settings(redirects={given: page})
    web_pages.ingest(acme, [given])
    sandbox.fault(method="POST", path="public$", drop="after")
    works(acme, 1)
    time.sleep(0.3)

    def refreshed_meanwhile() -> None:
        refresh(acme, [source.pk])
        another_seat_sends("refresh")

    amid(monkeypatch, "list", after=refreshed_meanwhile)
    drive(acme)
    assert len(requests(sandbox, "POST", web_pages.INGEST)) == 2


def ended_before_it_was_read(acme: Workspace, sandbox: Sandbox, register: Start) -> tuple[Source, Run]:
    """A refresh that was sent while its record was unread after a registration, and whose end the first read shows."""
    (source,) = usable(acme, register)
    register(resources(1))
    works(acme, 1)
    run = refresh(acme, [source.pk])
    sandbox.settings(pending_seconds=[600, 600])
    works(acme, 1)
    sandbox.change(source.fini_id, linkedJobId=source.job_id, linkedJobStatus="COMPLETED", success=True)
    works(acme, 6)
    return source, run


def test_a_refresh_whose_job_keeps_its_id_ends_though_its_record_was_unread_when_it_was_sent(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    source, run = ended_before_it_was_read(acme, sandbox, register)
    assert ends(run) == {}
    sandbox.change(source.fini_id, title="Its end moves its time")
    works(acme, 6)
    assert ends(run) == {"done": 1}


def test_a_refresh_whose_end_was_not_told_from_a_registration_is_unknown_and_not_stuck(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    source, run = ended_before_it_was_read(acme, sandbox, register)
    Source.objects.filter(pk=source.pk).update(sent_at=ago(25))
    loop.mark_stuck()
    assert (ends(run), list(run.items.values_list("reason", flat=True))) == ({"unknown": 1}, [END_UNSEEN])
    source.refresh_from_db()
    assert (source.state, source.sent_at) == (State.USABLE, None)
    again = retry(run)
    drive(acme)
    assert ends(again) in ({"done": 1}, {"skipped": 1})


def test_a_registration_is_no_end_of_a_refresh_that_fini_took_and_shows_nothing_of(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    (source,) = usable(acme, register)
    sandbox.fault(method="POST", path="/refresh", status=200, body=json.dumps([source.fini_id]))
    run = refresh(acme, [source.pk])
    while not run.items.filter(stage="follow").exists():
        works(acme, 1)
    works(acme, 3)
    register(resources(1))
    works(acme, 10)
    assert ends(run) == {}


def test_a_registration_that_fini_does_after_an_early_read_is_no_trace_of_a_refresh(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    (source,) = usable(acme, register)
    given_up = register(resources(1))
    Step.objects.filter(run=given_up).update(doubts=4)
    sandbox.fault(method="POST", path="/resources/notion", drop="before")
    works(acme, 1)
    assert ends(given_up) == {"unknown": 1}
    run = refresh(acme, [source.pk])
    sandbox.fault(method="POST", path="/refresh", drop="before")
    while Step.objects.get(run=run).state != StepState.CHECK:
        works(acme, 1)
    works(acme, 1)
    sandbox.change(source.fini_id, title="As registered")
    drive(acme)
    assert (ends(run), job_counts(sandbox)) == ({"done": 1}, [2])
