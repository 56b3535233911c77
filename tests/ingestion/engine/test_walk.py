"""Following while Fini answers badly: what can be seen is seen, and what cannot says why."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.test import Client

from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.engine.awaited import MANY_WALKS
from fini_admin.ingestion.engine.sync_walk import Place
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.kinds.syncs import start_sync
from fini_admin.ingestion.models import Budget, Run, RunState, Step, Watch
from fini_admin.ingestion.reads import request_read, watch_from
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.short_clock import work_for
from tests.support.sources import count_again
from tests.support.who import by
from tests.support.work import OWNER, Start, alive, drive, ends, hurry, requests, resources

LIST = "/v2/documents/public"
LATER = datetime.now(UTC) + timedelta(days=1)


def work_until(workspace: Workspace, done: Callable[[], bool], *, most: int = 60) -> None:
    """Work as a worker does, without the pauses."""
    for _ in range(most):
        if done():
            return
        hurry(workspace)
        loop.work_once(workspace.pk, OWNER)
    raise AssertionError("not within so many calls")


def state(source: Source) -> str:
    source.refresh_from_db()
    return source.state


@pytest.fixture
def sent(acme: Workspace, sandbox: Sandbox, register: Start) -> list[Source]:
    """Twelve sources whose jobs take long, sent to ingestion; the one that is asked for first by its ID is first."""
    sandbox.settings(running_seconds=[600, 600])
    register(resources(12), then_ingest=True)
    work_until(acme, lambda: Step.objects.filter(kind="ingest", state="done").exists())
    return list(Source.objects.filter(sent_at__isnull=False).order_by("pk"))


def hide(sandbox: Sandbox, source: Source, **answer: object) -> None:
    """The list does not show it, and by its ID Fini answers this."""
    sandbox.remove([source.fini_id])
    sandbox.fault(method="GET", path=f"{LIST}/{source.fini_id}", count=None, **answer)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_source_that_fini_will_not_give_by_its_id_keeps_no_other_waiting(
    acme: Workspace, sandbox: Sandbox, sent: list[Source], status: int
) -> None:
    hide(sandbox, sent[0], status=status)
    work_until(acme, lambda: bool(requests(sandbox, "GET", f"{LIST}/{sent[0].fini_id}")))
    sandbox.advance(700)
    work_until(acme, lambda: {state(source) for source in sent[1:]} == {"usable"})
    assert Budget.objects.get().page_size == 100
    sandbox.clear_faults()
    work_until(acme, lambda: state(sent[0]) == "gone")


def test_what_is_stuck_is_looked_at_once_an_hour_also_where_fini_will_not_give_it_by_its_id(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.advance(700)
    work_until(acme, lambda: {state(source) for source in sent} == {"usable"})
    hide(sandbox, sent[0], status=403)
    Source.objects.filter(pk=sent[0].pk).update(
        state=State.STUCK, state_since=datetime.now(UTC), sent_at=datetime.now(UTC) - timedelta(hours=25)
    )
    count_again(acme)
    Watch.objects.update(next_at=datetime.now(UTC))
    sandbox.clear_log()
    hours = 6
    work_for(acme, sandbox, hours * 3600.0, lambda _: len(sandbox.log()) > 3 * hours)
    assert hours <= len(sandbox.log()) <= 3 * hours


def test_of_two_that_the_list_does_not_show_each_is_asked_for(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.seed(count=5, source="confluence")
    Budget.objects.update(page_size=1, page_limit=1, limited_until=LATER)
    hide(sandbox, sent[0], status=500)
    sandbox.remove([sent[1].fini_id])
    request_read(acme, sent, datetime.now(UTC))
    work_until(acme, lambda: state(sent[1]) == "gone")


def test_a_key_that_is_refused_for_one_id_is_refused(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    hide(sandbox, sent[0], status=401)
    work_until(acme, lambda: ApiKey.objects.get().refused_at is not None)
    assert loop.due_workspaces() == []


def test_a_reading_key_that_may_not_see_one_record_goes_on_reading(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.add_key(people.KEY, scopes=["read"])
    reader = people.verified(people.key(acme, "reader"), "read")
    hide(sandbox, sent[0], status=403)
    work_until(acme, lambda: bool(requests(sandbox, "GET", f"{LIST}/{sent[0].fini_id}")))
    sandbox.advance(700)
    work_until(acme, lambda: {state(source) for source in sent[1:]} == {"usable"})
    assert ApiKey.objects.get(pk=reader.pk).refused_at is None


def read_all(
    workspace: Workspace, sources: list[Source], *, between: Callable[[], None] = lambda: None
) -> None:
    """Have these records read, to the last of them."""
    request_read(workspace, sources, datetime.now(UTC))

    def done() -> bool:
        between()
        return not Source.objects.filter(wanted_since__isnull=False).exists()

    work_until(workspace, done)


def pages(sandbox: Sandbox) -> list[tuple[int, int]]:
    """The pages asked for: how many records each, and what Fini answered."""
    asked = requests(sandbox, "GET", LIST)
    return [(int(parse_qs(entry["path"].split("?")[1])["limit"][0]), entry["status"]) for entry in asked]


def test_a_passing_404_of_the_list_leaves_the_pages_as_they_were(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.clear_log()
    sandbox.fault(method="GET", path=rf"{LIST}\?", status=404, count=7)
    work_until(acme, lambda: len(pages(sandbox)) == 8)
    assert pages(sandbox) == [*[(100, 404)] * 7, (100, 200)]


def test_after_passing_refusals_the_pages_grow_again(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.seed(count=120, source="confluence")
    sandbox.fault(method="GET", path=rf"{LIST}\?", status=400, count=7)
    work_until(acme, lambda: sandbox.faults() == [])
    assert Budget.objects.get().page_size == 1
    Budget.objects.update(limited_until=datetime.now(UTC))
    request_read(acme, sent, datetime.now(UTC))
    work_until(acme, lambda: Budget.objects.get().page_size == 100)


def test_what_fini_takes_at_most_is_found_by_few_calls_and_kept_to(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.settings(max_page=4)
    for refused in (5, 2):
        sandbox.clear_log()
        read_all(acme, sent)
        assert [size for size, status in pages(sandbox) if status == 200][-3:] == [3, 3, 3]
        assert len([size for size, status in pages(sandbox) if status == 400]) == refused
        Budget.objects.update(limited_until=datetime.now(UTC))


def test_a_cursor_that_is_refused_again_and_again_costs_pauses_and_no_smaller_pages(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    Budget.objects.update(page_size=4, page_limit=4, limited_until=LATER)
    sandbox.fault(method="GET", path="cursor=", status=400, count=6)
    sandbox.clear_log()
    pauses = []

    def pause() -> None:
        next_at = Watch.objects.get().next_at
        pauses.append(next_at - datetime.now(UTC) if next_at else timedelta(0))

    read_all(acme, sent, between=pause)
    assert max(pauses) > timedelta(seconds=20)
    assert {size for size, _ in pages(sandbox)} == {4}


def test_what_a_list_hides_that_begins_at_its_head_again_is_asked_for_by_its_id(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.advance(700)
    records = [
        {"id": f"aaaaaaaa-0000-4000-8000-00000000000{n}", "updatedAt": f"2026-01-02T00:00:0{9 - n}.000Z"}
        for n in range(9)
    ]
    head = {"documents": records, "hasMore": True}
    sandbox.fault(method="GET", path=rf"{LIST}\?", status=200, body=json.dumps(head), count=None)
    work_until(acme, lambda: Source.objects.filter(fini_id=records[0]["id"]).exists())
    Watch.objects.update(news_at=None, whole_at=None, walk_started=None)  # a minute has passed without news
    work_until(acme, lambda: {state(source) for source in sent} == {"usable"})


def test_where_every_cursor_is_refused_what_is_deeper_is_asked_for_by_its_id(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    Budget.objects.update(page_size=4, page_limit=4, limited_until=LATER)
    sandbox.advance(700)
    sandbox.fault(method="GET", path="cursor=", status=400, count=None)
    Watch.objects.update(news_at=None, whole_at=None)  # a minute has passed without news
    work_until(acme, lambda: {state(source) for source in sent} == {"usable"}, most=150)


@pytest.mark.parametrize("status", [502, 504])
def test_pages_that_are_too_heavy_for_a_gateway_get_smaller(
    acme: Workspace, sandbox: Sandbox, register: Start, status: int
) -> None:
    sandbox.seed(count=120, source="confluence")
    sandbox.fault(method="GET", path=r"limit=(100|50)\b", status=status, count=None)
    listed = start_sync(by=by("ada"), workspace=acme)
    drive(acme)
    run = register(resources(2), then_ingest=True)
    drive(acme)
    assert (Run.objects.get(pk=listed.pk).error, ends(run)) == ("", {"done": 2})
    assert {size for size, answer in pages(sandbox) if answer == 200} <= {12, 25}


@pytest.mark.parametrize("failure", [{"status": 500}, {"status": 502}, {"status": 504}, {"drop": "after"}])
def test_where_no_page_of_the_list_comes_each_record_is_asked_for_by_its_id(
    acme: Workspace, sandbox: Sandbox, sent: list[Source], failure: dict[str, object]
) -> None:
    sandbox.advance(700)
    sandbox.fault(method="GET", path=rf"{LIST}\?", count=None, **failure)
    work_until(acme, lambda: {state(source) for source in sent} == {"usable"}, most=150)


def test_what_steady_news_hide_is_read_all_the_same(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    sandbox.advance(700)
    work_until(acme, lambda: {state(source) for source in sent} == {"usable"})
    for above in sandbox.seed(count=20, source="confluence"):
        sandbox.change(above, title="Above them")
    start_sync(by=by("ada"), workspace=acme)
    drive(acme)
    Budget.objects.update(page_size=4, page_limit=4, limited_until=LATER)
    deep = Source.objects.filter(pk__in=[source.pk for source in sent])
    before = datetime.now(UTC) - timedelta(minutes=10)
    deep.update(state=State.RUNNING, sent_at=before, read_at=before, before_updated="")
    count_again(acme)

    def read_again() -> bool:
        watch_from(acme, datetime.now(UTC))  # something is sent again and again
        return not deep.filter(read_at__lte=before).exists()

    work_until(acme, read_again)


@pytest.fixture
def at_work(db: None) -> None:
    alive()


def said(client: Client, run: Run) -> tuple[list[str], list[str]]:
    """What the run's page says it waits for, and what needs attention as Home has it, with the pages they lead to."""
    page = client.get(f"/w/acme/runs/{run.number}/").context["waits"]
    needs = client.get("/w/acme/").context["needs"]
    return [page] if page else [], [f"{need.why} {url}" for need, url in needs]


NO_SCOPE = (
    "Fini does not let the API key read its list of sources: nothing can be matched or followed. Make a key with"
    " the scopes read and write in Fini, add it here and switch to it. The work then goes on by itself."
)
FAILED = (
    "Fini's list of sources cannot be read: nothing can be matched or followed. Fini failed: Internal Server Error."
    " Reading again is safe and happens by itself, at least once a minute; if this continues, the calls tell what Fini"
    " answered."
)


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize(("status", "words"), [(403, NO_SCOPE), (500, FAILED)])
def test_a_list_that_cannot_be_read_is_told_with_cause_and_next_step(
    acme: Workspace, sandbox: Sandbox, register: Start, editor: Client, status: int, words: str
) -> None:
    if status == 403:
        sandbox.add_key(sandbox.key, scopes=["write"])
    else:
        sandbox.fault(method="GET", path=rf"{LIST}\?", status=status, count=None)
    run = register(resources(2))
    listing = discovery.start_discover(by=by("ada"), workspace=acme, provider="notion")
    work_until(acme, lambda: len(requests(sandbox, "GET", LIST)) == 2)
    assert said(editor, run) == ([], [])
    work_until(acme, lambda: len(requests(sandbox, "GET", LIST)) == 5)
    assert said(editor, run) == ([words], [f"{words} /w/acme/audit/?route=list"])
    assert said(editor, listing)[0] == []
    sandbox.clear_faults()
    sandbox.add_key(sandbox.key)
    drive(acme)
    assert said(editor, run) == ([], [])
    assert ends(run) == {"done": 2}


def test_what_is_left_to_its_id_is_not_stuck_before_that_was_asked_for(
    acme: Workspace, sandbox: Sandbox, sent: list[Source]
) -> None:
    """A worker was away for a day: a walk that does not wait for them says nothing of them."""
    sandbox.advance(700)
    now, day_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(hours=25)
    left = Source.objects.filter(pk__in=[one.pk for one in sent[:5]])
    left.update(missed_walks=MANY_WALKS, sent_at=day_ago, read_at=None)
    Source.objects.filter(pk__in=[one.pk for one in sent[5:]]).update(sent_at=now)
    Watch.objects.update(whole_at=day_ago, news_at=day_ago, pages=0, walk_started=None, tries=0, cursor="")
    Budget.objects.update(page_size=2, page_limit=2, limited_until=now + timedelta(days=1))
    for _ in range(12):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
        loop.mark_stuck()
    assert not Source.objects.filter(state=State.STUCK).exists()


def test_while_the_list_cannot_be_read_several_ids_are_asked_for_after_each_failure(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(running_seconds=[600, 600])
    register(resources(30), then_ingest=True)
    work_until(acme, lambda: Step.objects.filter(kind="ingest", state="done").exists())
    sandbox.advance(700)
    sandbox.fault(method="GET", path=rf"{LIST}\?", body="nonsense", count=None)
    Watch.objects.update(walk_started=None, cursor="")
    work_until(acme, lambda: not Source.objects.filter(sent_at__isnull=False).exists(), most=100)


def test_a_sync_ends_though_walks_let_the_pages_grow_that_it_makes_smaller(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.seed(count=150)
    sandbox.settings(running_seconds=[600, 600])
    register(resources(2), then_ingest=True)
    work_until(acme, lambda: Step.objects.filter(kind="ingest", state="done").exists())
    run = start_sync(by=by("ada"), workspace=acme)
    steps, far = Step.objects.filter(run=run), timedelta(minutes=5)

    def one_page_each() -> None:
        for sync_at, walk_at in ((timedelta(), far), (far, timedelta())):
            now = datetime.now(UTC)
            steps.update(due_at=now + sync_at)
            Watch.objects.update(next_at=now + walk_at)
            loop.work_once(acme.pk, OWNER)

    one_page_each()
    cursor = Place.load(steps.get().place).cursor
    sandbox.fault(method="GET", path=f"cursor={cursor}", status=500, count=None)
    for _ in range(30):
        one_page_each()
    run.refresh_from_db()
    assert run.state == RunState.ENDED
