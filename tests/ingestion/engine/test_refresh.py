"""Refresh over a real socket: whatever goes wrong, each ID ends with the truth and no job is started twice."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from fini_admin.ingestion import previews, queue_moves
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import refreshes, registrations
from fini_admin.ingestion.models import Item, QueueEntry, Run, Step, StepState
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_trouble import Killed, die_in_call, lease_runs_out
from tests.support.sandbox import Sandbox
from tests.support.trail import one_to_one
from tests.support.who import by
from tests.support.work import OWNER, Start, bodies, drive, ends, hurry, requests, resources

REFRESH = "/v2/documents/public/refresh"
LIST = "/v2/documents/public"


def refresh(acme: Workspace, sources: list[int]) -> Run:
    preview = refreshes.freeze(workspace=acme, sources=sources)
    return previews.confirm(by=by("ada"), preview=preview)


def killed_amid(acme: Workspace, monkeypatch: pytest.MonkeyPatch, *, after_sending: bool) -> None:
    """The worker dies in the next call, before or after it left; another one finds that it did."""
    hurry(acme)
    with monkeypatch.context() as patch:
        die_in_call(patch, after_sending=after_sending)
        with pytest.raises(Killed):
            loop.work_once(acme.pk, OWNER)
    lease_runs_out()
    loop.recover()
    assert Step.objects.filter(state=StepState.CHECK).count() == 1


def jobs(sandbox: Sandbox) -> Counter[int]:
    """How many sources of Notion had so many jobs."""
    return Counter(held["jobCount"] for held in sandbox.documents() if held["source"] == "notion")


def test_a_refresh_names_ids_and_is_followed_until_they_are_usable(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    run = refresh(acme, eight)
    held = QueueEntry.objects.filter(closed_at=None, run=run)
    assert set(held.values_list("lane", "for_run_alone")) == {("refresh", True)}
    assert set(Source.objects.filter(pk__in=eight).values_list("state", flat=True)) == {"usable"}
    drive(acme)
    assert ends(run) == {"done": 8}
    (sent,) = bodies(acme, "refresh")
    assert sorted(sent["documentIds"]) == sorted(
        Source.objects.filter(pk__in=eight).values_list("fini_id", flat=True)
    )
    assert jobs(sandbox) == {2: 8}
    assert not QueueEntry.objects.filter(closed_at=None).exists()
    one_to_one(acme, sandbox)


def test_an_answer_that_is_lost_after_the_work_is_read_back_and_nothing_is_sent_again(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="POST", path=REFRESH, drop="after")
    run = refresh(acme, eight)
    drive(acme)
    assert ends(run) == {"done": 8}
    assert len(requests(sandbox, "POST", REFRESH)) == 1
    assert jobs(sandbox) == {2: 8}
    one_to_one(acme, sandbox)


def test_an_answer_that_comes_after_we_gave_up_is_read_back(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="POST", path=REFRESH, delay=1.6, after=True)
    run = refresh(acme, eight)
    drive(acme)
    assert ends(run) == {"done": 8}
    assert len(requests(sandbox, "POST", REFRESH)) == 1
    assert jobs(sandbox) == {2: 8}
    one_to_one(acme, sandbox)


@pytest.mark.usefixtures("impatient")
def test_of_a_500_after_half_of_the_work_the_other_half_is_sent_again(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="POST", path=REFRESH, status=500, after=True, half=True)
    run = refresh(acme, eight)
    drive(acme)
    assert ends(run) == {"done": 8}
    first, second = bodies(acme, "refresh")
    assert (len(first["documentIds"]), len(second["documentIds"])) == (8, 4)
    assert jobs(sandbox) == {2: 8}
    one_to_one(acme, sandbox)


@pytest.mark.parametrize("partial", [False, True])
def test_one_bad_id_is_found_by_halving_and_the_others_are_refreshed(
    acme: Workspace, sandbox: Sandbox, eight: list[int], *, partial: bool
) -> None:
    bad = Source.objects.get(pk=eight[3])
    sandbox.settings(poisoned=[bad.fini_id], partial_acceptance=partial)
    run = refresh(acme, eight)
    drive(acme)
    assert ends(run) == {"done": 7, "refused": 1}
    assert run.items.get(outcome="refused").source_id == bad.pk
    assert jobs(sandbox) == {1: 1, 2: 7}
    bad.refresh_from_db()
    assert (bad.state, bad.entries.filter(closed_at=None).exists()) == (State.USABLE, False)
    one_to_one(acme, sandbox)


def test_what_an_answer_leaves_out_is_read_back_and_sent_again(
    acme: Workspace, sandbox: Sandbox, eight: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fini_admin.ingestion.engine.settle.longest_work", lambda: datetime.resolution)
    sandbox.fault(method="POST", path=REFRESH, headers={"X-Part": "1"}, half=True)
    run = refresh(acme, eight)
    drive(acme)
    assert ends(run) == {"done": 8}
    assert [len(body["documentIds"]) for body in bodies(acme, "refresh")] == [8, 4]
    assert jobs(sandbox) == {2: 8}
    one_to_one(acme, sandbox)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_amid_a_refresh_starts_no_job_twice(
    acme: Workspace, sandbox: Sandbox, eight: list[int], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run = refresh(acme, eight)
    killed_amid(acme, monkeypatch, after_sending=when == "after")
    drive(acme)
    assert ends(run) == {"done": 8}
    assert jobs(sandbox) == {2: 8}
    one_to_one(acme, sandbox)


def test_a_fini_without_the_route_is_asked_once_and_no_source_is_gone(
    acme: Workspace, sandbox: Sandbox, register: Start, eight: list[int]
) -> None:
    register(resources(3, "z"), then_ingest=True, provider="zendesk")
    drive(acme)
    more = list(Source.objects.filter(external_id__startswith="z-").values_list("pk", flat=True))
    said = "Cannot POST /v2/documents/public/refresh"
    sandbox.fault(method="POST", path=REFRESH, status=404, message=said, count=None)
    run = refresh(acme, [*eight, *more])
    drive(acme)
    assert ends(run) == {"refused": 11}
    assert len(requests(sandbox, "POST", REFRESH)) == 1
    assert Run.objects.get(pk=run.pk).error == "This Fini has no refresh"
    assert set(run.items.values_list("reason", flat=True)) == {"This Fini has no refresh"}
    assert set(Source.objects.filter(pk__in=[*eight, *more]).values_list("state", flat=True)) == {"usable"}
    assert not QueueEntry.objects.filter(closed_at=None).exists()


def test_what_another_run_has_is_skipped_and_names_it(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    first = refresh(acme, eight[:4])
    preview = refreshes.freeze(workspace=acme, sources=eight[2:6])
    assert preview.summary["skipped"] == {f"Run {first.number} has it": 2}
    assert previews.confirm(by=by("ada"), preview=preview).total == 2
    with pytest.raises(CannotStart, match=f"Run {first.number} has it"):
        refresh(acme, eight[:2])
    drive(acme)
    assert ends(first) == {"done": 4}
    assert jobs(sandbox) == {1: 2, 2: 6}


def test_the_entry_that_waits_already_is_taken_and_given_back(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    queue_moves.put_sources_back(by=by("bo"), workspace=acme, sources=eight[:1])
    entry = QueueEntry.objects.get(closed_at=None)
    sandbox.settings(poisoned=[Source.objects.get(pk=eight[0]).fini_id])
    run = refresh(acme, eight[:2])
    drive(acme)
    assert ends(run) == {"done": 1, "refused": 1}
    entry.refresh_from_db()
    assert (entry.run, entry.closed_at, entry.opened_by) == (None, None, "bo")
    assert not QueueEntry.objects.filter(closed_at=None).exclude(pk=entry.pk).exists()


def test_what_cannot_be_refreshed_is_skipped_with_the_reason(
    acme: Workspace, sandbox: Sandbox, register: Start, eight: list[int]
) -> None:
    register(resources(1, "never"))
    drive(acme)
    never = Source.objects.get(external_id="never-0")
    preview = refreshes.freeze(workspace=acme, sources=[never.pk, *eight])
    assert preview.summary["skipped"] == {"It was never ingested: send it from the queue": 1}
    Source.objects.filter(pk=eight[0]).update(provider="files")
    Source.objects.filter(pk=eight[1]).update(state=State.GONE)
    Source.objects.filter(pk=eight[2]).update(state=State.RUNNING)
    run = previews.confirm(by=by("ada"), preview=preview)
    told = {item.source_id: item.reason for item in run.items.filter(outcome="skipped")}
    assert told == {
        eight[0]: "Raw files cannot be refreshed; delete it, and upload the file again in Fini",
        eight[1]: "It is no longer in Fini",
        eight[2]: "Its last job has not ended: it is running",
    }
    assert previews.confirm(by=by("ada"), preview=preview) == run
    drive(acme)
    assert ends(run) == {"done": 5, "skipped": 3}
    never.refresh_from_db()
    assert never.state == State.QUEUED


def test_a_run_of_before_says_in_the_history_what_was_asked(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="POST", path=REFRESH, drop="after")
    run = refresh(acme, eight[:1])
    drive(acme)
    told = StateChange.objects.filter(source=eight[0], run=run.number).values_list("new", flat=True)
    assert next(iter(told)) == "unknown"
    assert list(told)[-1] == "usable"


def test_a_step_says_what_it_carries(acme: Workspace, sandbox: Sandbox, eight: list[int]) -> None:
    registrations.start_register(
        by=by("ada"),
        workspace=acme,
        provider="notion",
        resources=[one.body() for one in resources(2, "x")],
        then_ingest=True,
    )
    refresh(acme, eight)
    kinds = Step.objects.exclude(state="done").values_list("kind", flat=True)
    assert sorted(kinds) == ["refresh", "register"]
    hurry(acme)
    loop.work_once(acme.pk, OWNER)
    drive(acme)
    assert set(Item.objects.values_list("outcome", flat=True)) == {"done"}
    assert Source.objects.filter(state="usable", read_at__lt=datetime.now(UTC)).count() >= 10
