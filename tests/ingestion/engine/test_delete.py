"""Delete over a real socket: whatever goes wrong, each ID ends with the truth and none is deleted twice."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from fini_admin.fini.wire import Document
from fini_admin.ingestion import previews, queue_moves
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.engine.awaited import WALKS_BEFORE_GET
from fini_admin.ingestion.kinds import deletions, ingestions, refreshes
from fini_admin.ingestion.models import QueueEntry, Run, Step
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.sources import mirror
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_refresh import killed_amid, refresh
from tests.support.sandbox import Sandbox
from tests.support.trail import one_to_one
from tests.support.who import by
from tests.support.work import OWNER, Start, bodies, drive, ends, hurry, requests, resources

LIST = "/v2/documents/public"


def delete(acme: Workspace, sources: list[int], *, with_articles: bool = False) -> Run:
    preview = deletions.freeze(workspace=acme, sources=sources, with_articles=with_articles)
    return previews.confirm(by=by("ada"), preview=preview)


def states(sources: list[int]) -> Counter[str]:
    return Counter(Source.objects.filter(pk__in=sources).values_list("state", flat=True))


def left_in(sandbox: Sandbox) -> int:
    """How many sources of Notion Fini has."""
    return sum(held["source"] == "notion" for held in sandbox.documents())


def deleted_once(acme: Workspace, sandbox: Sandbox) -> None:
    """No ID stands in two calls of which Fini says that it did them; and every call is recorded."""
    answered = [entry["status"] for entry in requests(sandbox, "DELETE", LIST)]
    sent = [body["documentIds"] for body in bodies(acme, "delete")]
    if len(sent) == len(answered):
        done = [name for names, status in zip(sent, answered, strict=True) if status == 200 for name in names]
        assert len(set(done)) == len(done)
    one_to_one(acme, sandbox)


def test_what_fini_says_it_deleted_is_gone_and_kept_with_the_run(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    queue_moves.put_sources_back(by=by("bo"), workspace=acme, sources=eight[:2])
    linked = [held["id"] for held in sandbox.documents() if held["linkedKnowledgeId"]]
    run = delete(acme, eight, with_articles=True)
    drive(acme)
    assert ends(run) == {"done": 8}
    assert states(eight) == {"gone": 8}
    assert left_in(sandbox) == 0
    (sent,) = bodies(acme, "delete")
    assert (len(sent["documentIds"]), sent["deleteArticles"]) == (8, True)
    told = Step.objects.get(run=run).deleted
    assert told is not None
    mine = set(Source.objects.filter(pk__in=eight).values_list("fini_id", "title"))
    assert {(one["id"], one["title"]) for one in told["sources"]} == mine
    assert len(told["articles"]) == len([one for one in linked if one in dict(mine)])
    assert not QueueEntry.objects.filter(closed_at=None).exists()
    notes = StateChange.objects.filter(source__in=eight, new="gone").values_list("note", flat=True)
    assert set(notes) == {f"Deleted in run {run.number}"}
    deleted_once(acme, sandbox)


@pytest.mark.parametrize(
    "fault", [{"drop": "after"}, {"delay": 1.6, "after": True}, {"status": 500, "after": True}]
)
def test_a_deletion_whose_answer_is_lost_or_late_is_found_by_reading_and_not_repeated(
    acme: Workspace, sandbox: Sandbox, eight: list[int], fault: dict[str, object]
) -> None:
    sandbox.fault(method="DELETE", **fault)
    run = delete(acme, eight)
    drive(acme, seconds=40)
    assert ends(run) == {"done": 8}
    assert states(eight) == {"gone": 8}
    assert len(requests(sandbox, "DELETE", LIST)) == 1
    deleted_once(acme, sandbox)


@pytest.mark.usefixtures("impatient")
def test_of_a_500_after_half_of_the_work_the_other_half_is_deleted_by_a_second_call(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="DELETE", status=500, after=True, half=True)
    run = delete(acme, eight)
    drive(acme, seconds=40)
    assert ends(run) == {"done": 8}
    assert states(eight) == {"gone": 8}
    first, second = (body["documentIds"] for body in bodies(acme, "delete"))
    assert (len(first), len(second)) == (8, 4)
    deleted_once(acme, sandbox)


def test_what_is_still_there_counts_only_after_the_time_out_and_five_seconds(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="DELETE", drop="before")
    run = delete(acme, eight)
    drive(acme, seconds=40)
    assert ends(run) == {"done": 8}
    first, second = requests(sandbox, "DELETE", LIST)
    assert second["at"] - first["at"] >= 6.0
    deleted_once(acme, sandbox)


@pytest.mark.usefixtures("impatient")
def test_what_fini_never_deletes_is_asked_for_twice_and_then_failed(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="DELETE", status=500, count=None)
    run = delete(acme, eight)
    drive(acme)
    assert ends(run) == {"failed": 8}
    assert len(requests(sandbox, "DELETE", LIST)) == 2
    assert set(run.items.values_list("reason", flat=True)) == {"Sent 2 times, and Fini never took it"}
    assert states(eight) == {"usable": 8}
    assert left_in(sandbox) == 8
    one_to_one(acme, sandbox)


@pytest.mark.parametrize("partial", [False, True])
def test_one_id_that_fini_does_not_have_keeps_no_other_from_being_deleted(
    acme: Workspace, sandbox: Sandbox, eight: list[int], *, partial: bool
) -> None:
    sandbox.settings(partial_acceptance=partial)
    sandbox.remove([Source.objects.get(pk=eight[3]).fini_id])
    run = delete(acme, eight)
    drive(acme, seconds=40)
    assert ends(run) == {"done": 8}
    assert states(eight) == {"gone": 8}
    assert left_in(sandbox) == 0
    one_to_one(acme, sandbox)


@pytest.mark.usefixtures("impatient")
def test_what_an_answer_leaves_out_is_read_back_first(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    sandbox.fault(method="DELETE", headers={"X-Part": "1"}, half=True)
    run = delete(acme, eight)
    drive(acme)
    assert ends(run) == {"done": 8}
    assert [len(body["documentIds"]) for body in bodies(acme, "delete")] == [8, 4]
    one_to_one(acme, sandbox)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("after_sending", [True, False])
def test_a_worker_that_dies_amid_a_deletion_leaves_the_truth(
    acme: Workspace,
    sandbox: Sandbox,
    eight: list[int],
    monkeypatch: pytest.MonkeyPatch,
    *,
    after_sending: bool,
) -> None:
    run = delete(acme, eight)
    killed_amid(acme, monkeypatch, after_sending=after_sending)
    drive(acme, seconds=40)
    assert ends(run) == {"done": 8}
    assert states(eight) == {"gone": 8}
    assert len(requests(sandbox, "DELETE", LIST)) == 1
    one_to_one(acme, sandbox)


def test_a_fini_without_the_route_is_asked_once_and_no_source_is_gone(
    acme: Workspace, sandbox: Sandbox, eight: list[int], settings: object
) -> None:
    said = "Cannot DELETE /v2/documents/public"
    sandbox.fault(method="DELETE", status=404, message=said, count=None)
    run = delete(acme, eight)
    drive(acme)
    assert ends(run) == {"refused": 8}
    assert len(requests(sandbox, "DELETE", LIST)) == 1
    assert Run.objects.get(pk=run.pk).error == "This Fini cannot delete sources"
    assert states(eight) == {"usable": 8}


def test_what_another_run_has_is_not_deleted_and_what_is_being_deleted_is_not_sent(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    again = refresh(acme, eight[:2])
    preview = deletions.freeze(workspace=acme, sources=eight[1:4])
    assert preview.summary["skipped"] == {f"Run {again.number} has it": 1}
    gone = previews.confirm(by=by("ada"), preview=preview)
    with pytest.raises(CannotStart, match=f"Run {gone.number} has it"):
        refreshes.freeze(workspace=acme, sources=eight[2:4])
    moved = queue_moves.put_sources_back(by=by("ada"), workspace=acme, sources=eight[3:5])
    assert moved.left == {f"Run {gone.number} has it": 1}
    drive(acme)
    assert (ends(again), ends(gone)) == ({"done": 2}, {"done": 2})
    assert states(eight) == {"usable": 6, "gone": 2}


def test_what_is_registered_again_while_it_is_being_deleted_is_not_ingested(
    acme: Workspace, sandbox: Sandbox, register: Start, eight: list[int]
) -> None:
    delete(acme, eight[:1])
    name = Source.objects.get(pk=eight[0]).fini_id
    QueueEntry.objects.create(
        workspace=acme,
        source_id=eight[0],
        lane="refresh",
        opened_at=datetime.now().astimezone(),
        opened_by="x",
    )
    run = ingestions.start_ingest(by=by("ada"), workspace=acme)
    ready = Step.objects.get(run=run)
    hurry(acme)
    Step.objects.exclude(pk=ready.pk).update(due_at=datetime.max.replace(tzinfo=ready.due_at.tzinfo))
    loop.work_once(acme.pk, OWNER)
    assert ends(run) == {"skipped": 1}
    assert run.items.get().reason.endswith("has it")
    drive(acme)
    assert name not in str(bodies(acme, "ingest")[1:])
    assert Source.objects.get(pk=eight[0]).state == State.GONE


def test_a_page_that_was_asked_for_before_does_not_bring_a_deleted_source_back(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    source = Source.objects.get(pk=eight[0])
    page = {
        "id": source.fini_id,
        "source": "notion",
        "linkedJobStatus": "COMPLETED",
        "success": True,
        "paragraphs": ["x"],
    }
    drive_to_check(acme, sandbox, eight[:1])
    asked = mirror.Observation("", datetime.now(UTC))
    drive(acme)
    mirror.observe(acme, [Document.parse(page)], asked, queued=())
    source.refresh_from_db()
    assert source.state == State.GONE


def drive_to_check(acme: Workspace, sandbox: Sandbox, sources: list[int]) -> None:
    """A deletion whose answer was lost, and of which nothing was read back yet."""
    sandbox.fault(method="DELETE", drop="after")
    delete(acme, sources)
    while not Step.objects.filter(state="check").exists():
        hurry(acme)
        loop.work_once(acme.pk, OWNER)


def test_many_that_may_have_been_deleted_are_asked_for_by_id_after_two_walks(
    acme: Workspace, sandbox: Sandbox, eight: list[int]
) -> None:
    drive_to_check(acme, sandbox, eight)
    sandbox.clear_log()
    drive(acme)
    assert states(eight) == {"gone": 8}
    assert len(requests(sandbox, "GET", LIST)) == 2
    assert len(sandbox.log()) == 2 + 8


@pytest.mark.usefixtures("impatient")
def test_many_that_may_be_deleted_keep_the_list_from_nobody(
    acme: Workspace, sandbox: Sandbox, register: Start, eight: list[int]
) -> None:
    run = delete(acme, eight)
    sandbox.fault(method="DELETE", drop="after")
    hurry(acme)
    loop.work_once(acme.pk, OWNER)
    register(resources(8, "m"), then_ingest=True)
    asked_for = Source.objects.filter(pk__in=eight, wanted_since__isnull=False)
    sandbox.settings(running_seconds=[600, 600])
    while not Step.objects.filter(kind="ingest", run__number__gt=run.number, state="done").exists():
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
        Source.objects.filter(pk__in=eight).exclude(state=State.GONE).update(missed_walks=0)
    sandbox.advance(700)
    asked_for.update(missed_walks=WALKS_BEFORE_GET)
    waiting = asked_for.count()
    assert waiting > 3
    while Source.objects.filter(external_id__startswith="m-").exclude(state=State.USABLE).exists():
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    assert asked_for.count() >= waiting - 3
    drive(acme)
    assert ends(run) == {"done": 8}
