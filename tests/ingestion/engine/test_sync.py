"""A sync: the mirror is what Fini holds, whatever moves meanwhile, for few calls."""

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from fini_admin.fini.errors import NotFound
from fini_admin.fini.wire import Document
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.engine.sync import request_of, settle_failed
from fini_admin.ingestion.engine.sync_walk import Place, after_page
from fini_admin.ingestion.kinds.syncs import last_synced_at, start_sync
from fini_admin.ingestion.models import Budget, Item, ItemOutcome, Run, RunState, Stage, Step
from fini_admin.ingestion.runs import steering
from fini_admin.ingestion.runs.items import finish_items
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, ends, hurry, requests, resources

LIST = "/v2/documents/public"
PAGE = 10
LATER = datetime.now(UTC) + timedelta(days=1)


def sync(workspace: Workspace, between: Callable[[], None] = lambda: None) -> Run:
    run = start_sync(by=by("ada@example.com"), workspace=workspace)
    drive(workspace, between=between, seconds=60)
    run.refresh_from_db()
    return run


def small_pages() -> None:
    Budget.objects.update(page_size=PAGE, page_limit=PAGE, limited_until=LATER)


def mirrored(workspace: Workspace) -> dict[str, tuple[str, str, str]]:
    there = Source.objects.filter(workspace=workspace).exclude(state=State.GONE)
    return {s.fini_id: (s.title, s.updated_at, s.job_status) for s in there}


def held(sandbox: Sandbox) -> dict[str, tuple[str, str, str]]:
    return {d["id"]: (d["title"], d["updatedAt"], d["linkedJobStatus"] or "") for d in sandbox.documents()}


def reasons(run: Run) -> dict[str, int]:
    return dict(Counter(run.items.values_list("reason", flat=True)))


def test_what_was_added_elsewhere_is_mirrored_of_every_kind(acme: Workspace, sandbox: Sandbox) -> None:
    for source in ("web", "files", "googledrive", "zendesk"):
        sandbox.seed(count=3, source=source)
    run = sync(acme)
    assert mirrored(acme) == held(sandbox)
    number = len(held(sandbox))
    assert (run.total, ends(run), reasons(run)) == (number, {"done": number}, {"New here": number})
    assert len(requests(sandbox, "GET", LIST)) == 1
    again = sync(acme)
    assert reasons(again) == {"": number}


def test_a_sync_that_was_stopped_ends_keeps_what_it_read_and_is_not_the_last_that_read_all(
    acme: Workspace, sandbox: Sandbox
) -> None:
    sandbox.seed(count=35)
    run = start_sync(by=by("ada@example.com"), workspace=acme)
    small_pages()
    loop.work_once(acme.pk, OWNER)
    steering.stop(by=by("ada@example.com"), run=run)
    drive(acme)
    run.refresh_from_db()
    assert (run.state, run.error, run.total) == (RunState.ENDED, steering.NOT_ALL_READ, PAGE)
    assert (Source.objects.count(), len(requests(sandbox, "GET", LIST))) == (PAGE, 1)
    assert not Source.objects.filter(state=State.GONE).exists()
    assert last_synced_at(acme) is None
    sync(acme)
    assert mirrored(acme) == held(sandbox)
    assert last_synced_at(acme)


def test_a_job_that_others_started_is_followed_to_its_end(acme: Workspace, sandbox: Sandbox) -> None:
    drive_id = sandbox.seed(
        documents=[{"source": "googledrive", "externalId": "g-1", "linkedJobStatus": "PENDING"}]
    )[0]
    sync(acme)
    source = Source.objects.get(fini_id=drive_id)
    assert source.state == State.SENT
    sandbox.change(drive_id, linkedJobStatus="FAILED", error="No access")
    for _ in range(5):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    source.refresh_from_db()
    assert (source.state, source.error, source.sent_at) == (State.FAILED, "No access", None)


def test_gone_is_what_two_passes_do_not_show_and_what_fini_answers_404_for(
    acme: Workspace, sandbox: Sandbox
) -> None:
    ids = sandbox.seed(count=35)
    small = ids[:2]
    sync(acme)
    small_pages()
    sandbox.remove(small)
    sandbox.clear_log()
    run = sync(acme)
    assert mirrored(acme) == held(sandbox)
    assert {s.fini_id for s in Source.objects.filter(state=State.GONE)} == set(small)
    assert reasons(run)["No longer in Fini"] == 2
    assert run.done == run.total
    asked = [entry["path"] for entry in sandbox.log()]
    # The head is read again before anything is asked for by its ID.
    assert asked[-3].startswith(f"{LIST}?")
    assert set(asked[-2:]) == {f"{LIST}/{one}" for one in small}
    assert sum(one == LIST for one in (path.split("?")[0] for path in asked)) == ceil(39 / PAGE) + 1


@pytest.mark.parametrize(("status", "outcome"), [(403, "unknown"), (400, "unknown"), (500, "unknown")])
def test_what_fini_will_not_tell_of_is_not_gone(
    acme: Workspace, sandbox: Sandbox, status: int, outcome: str
) -> None:
    one, other = sandbox.seed(count=2)
    sync(acme)
    sandbox.remove([one, other])
    sandbox.fault(method="GET", path=f"{LIST}/{one}", status=status, count=None)
    run = sync(acme)
    assert run.items.get(source__fini_id=one).outcome == outcome
    assert Source.objects.get(fini_id=one).state == State.USABLE
    assert Source.objects.get(fini_id=other).state == State.GONE
    assert ApiKey.objects.get().refused_at is None


def test_one_that_only_its_id_shows_stays(acme: Workspace, sandbox: Sandbox) -> None:
    one = sandbox.seed(count=1)[0]
    sync(acme)
    whole = requests(sandbox, "GET", LIST)
    assert len(whole) == 1
    sandbox.fault(method="GET", path=rf"{LIST}\?", body='{"documents": [], "hasMore": false}', count=2)
    run = sync(acme)
    assert Source.objects.get(fini_id=one).state == State.USABLE
    assert reasons(run) == {"The list did not show it, and by its ID Fini has it": 7}


def test_pages_that_are_too_heavy_are_halved_and_grow_again(acme: Workspace, sandbox: Sandbox) -> None:
    sandbox.seed(count=150)
    sandbox.settings(paragraph_bytes=250_000)
    sync(acme)
    assert mirrored(acme) == held(sandbox)
    assert Budget.objects.get().page_size < 100


def test_a_list_that_cannot_be_read_ends_the_sync_and_nothing_is_gone(
    acme: Workspace, sandbox: Sandbox
) -> None:
    sandbox.seed(count=5)
    sync(acme)
    sandbox.fault(method="GET", path=rf"{LIST}\?", status=500, count=None)
    run = sync(acme)
    assert (run.error, run.total) == ("Fini failed: Internal Server Error", 0)
    assert not Source.objects.filter(state=State.GONE).exists()


def test_a_fini_that_ignores_the_cursor_ends_the_sync(acme: Workspace, sandbox: Sandbox) -> None:
    sandbox.seed(count=30)
    small_pages()
    records = [
        {"id": f"aaaaaaaa-0000-4000-8000-00000000000{n}", "updatedAt": f"2026-01-02T00:00:0{9 - n}.000Z"}
        for n in range(9)
    ]
    head = {"documents": records, "hasMore": True}
    sandbox.fault(method="GET", path=rf"{LIST}\?", body=json.dumps(head), count=None)
    run = sync(acme)
    assert run.error.startswith("Fini's list does not advance")
    assert len(requests(sandbox, "GET", LIST)) < 100


def test_a_sync_goes_on_where_a_killed_worker_left_it(acme: Workspace, sandbox: Sandbox) -> None:
    sandbox.seed(count=35)
    small_pages()
    run = start_sync(by=by("ada"), workspace=acme)
    small_pages()
    loop.work_once(acme.pk, OWNER)
    assert (Step.objects.get(run=run).place or {})["anchors"]
    loop.recover(OWNER)
    drive(acme)
    assert mirrored(acme) == held(sandbox)


def test_a_key_that_is_refused_between_two_pages_costs_the_sync_nothing(
    acme: Workspace, sandbox: Sandbox
) -> None:
    sandbox.seed(count=35)
    run = start_sync(by=by("ada"), workspace=acme)
    small_pages()
    loop.work_once(acme.pk, OWNER)
    sandbox.revoke(sandbox.key)
    loop.work_once(acme.pk, OWNER)
    assert ApiKey.objects.get().refused_at
    assert loop.due_workspaces() == []
    sandbox.add_key(sandbox.key)
    ApiKey.objects.update(refused_at=None)
    drive(acme)
    run.refresh_from_db()
    assert (mirrored(acme), run.error) == (held(sandbox), "")


def test_a_second_sync_beside_it_is_the_same_run(acme: Workspace, sandbox: Sandbox) -> None:
    first = start_sync(by=by("ada"), workspace=acme)
    assert start_sync(by=by("grace"), workspace=acme) == first


def test_what_runs_meanwhile_is_sent_and_followed(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.seed(count=60)
    small_pages()
    start_sync(by=by("ada"), workspace=acme)
    small_pages()
    run = register(resources(12), then_ingest=True)
    drive(acme)
    assert ends(run) == {"done": 12}
    assert set(mirrored(acme)) == set(held(sandbox))


CHANGE = st.sampled_from(["update", "insert", "delete", "cursor", "gone cursor", "key", "burst"])


@bounds(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    changes=st.lists(st.lists(CHANGE, max_size=3), max_size=20),
    seed=st.integers(0, 1000),
    known=st.booleans(),
)
def test_the_list_moves_under_a_sync(
    acme: Workspace, sandbox: Sandbox, changes: list[list[str]], seed: int, *, known: bool
) -> None:
    """Changes between the pages: the mirror is what Fini holds, for few calls more than the list has pages."""
    chance = random.Random(seed)
    place = _another(acme, sandbox)
    sandbox.seed(count=20 * PAGE)
    if known:
        sync(place)
    lock_budget(place)
    small_pages()
    waiting, made = list(changes), Counter[str]()

    def between() -> None:
        if Run.objects.filter(workspace=place, state=RunState.RUNNING).exists() and waiting:
            for what in waiting.pop(0):
                made["changes"] += change(sandbox, what, chance)

    sandbox.clear_log()
    run = sync(place, between)
    calls = [entry for entry in sandbox.log() if entry["path"].startswith(f"{LIST}?")]
    while Source.objects.filter(workspace=place, wanted_since__isnull=False).exists():
        hurry(place)
        loop.work_once(place.pk, OWNER)
    assert mirrored(place) == held(sandbox)
    assert run.done == run.total == Item.objects.filter(run=run).count()
    least = ceil((20 * PAGE + made["changes"]) / PAGE) + 1  # the closing look at the head
    assert len(calls) <= 1.05 * least + made["changes"]


def _another(workspace: Workspace, sandbox: Sandbox) -> Workspace:
    """A workspace without sources, whose key opens an empty one in Fini: nothing of the last example is in either."""
    sandbox.reset()
    sandbox.settings(seed_sources=False, per_minute=None)
    ApiKey.objects.all().delete()
    number = Workspace.objects.count()
    place = people.workspace(f"moving-{number}")
    people.key(place, plain=sandbox.key)
    return place


def change(sandbox: Sandbox, what: str, chance: random.Random) -> int:
    """Change the sandbox's list; how many records were changed."""
    there = [document["id"] for document in sandbox.documents()]
    if not there:
        return 0
    place = Step.objects.filter(kind="sync").order_by("-pk").values_list("place", flat=True).first() or {}
    anchors = [one for one, _ in place.get("anchors", ())]
    cursor = anchors[-1] if anchors else ""
    if what == "insert":
        sandbox.seed(documents=[{"source": "files", "externalId": f"f-{chance.random()}"}])
    elif what == "delete":
        # What is deleted after it was read leaves no trace in the list: the next sync finds that.
        met = set(Item.objects.filter(run__state=RunState.RUNNING).values_list("source__fini_id", flat=True))
        return sandbox.remove([one for one in there if one not in met][-1:])
    elif what == "gone cursor":
        return sandbox.remove([cursor])
    elif what == "cursor" and cursor in there:
        sandbox.change(cursor, title="moved")
    elif what == "burst":
        some = chance.sample(there, min(len(there), 15))
        for one in some:
            sandbox.change(one, title=f"t {chance.random()}")
        return len(some)
    elif what == "key":
        sandbox.change(chance.choice(there), linkedJobStatus="FAILED", error="why")
    else:
        sandbox.change(chance.choice(there), title=f"t {chance.random()}")
    return 1


def test_an_answer_counts_for_the_record_that_was_asked_for_though_that_has_its_end_meanwhile(
    acme: Workspace, sandbox: Sandbox
) -> None:
    sync(acme)
    ids = sandbox.seed(count=35)
    sync(acme)
    small_pages()
    sandbox.remove(ids[:2])
    run = start_sync(by=by("ada@example.com"), workspace=acme)
    while Item.objects.filter(run=run, stage=Stage.ASK).count() < 2:
        hurry(acme)
        assert loop.work_once(acme.pk, OWNER)
    step = Step.objects.select_related("run__workspace").get(run=run)
    request_of(step)
    asked, other = Item.objects.filter(run=run, stage=Stage.ASK).order_by("position")
    with transaction.atomic():
        lock_budget(acme)
        # Another seat's answer ends what was asked for; then ours comes.
        finish_items(run.pk, Item.objects.filter(pk=asked.pk), ItemOutcome.DONE, "")
        settle_failed(step, NotFound("gone"), Observation("call", datetime.now(UTC), run.number))
    other.refresh_from_db()
    assert other.outcome is None
    assert not Source.objects.filter(state=State.GONE).exists()
    drive(acme)
    assert ends(run) == {"done": run.items.count()}
    assert list(Source.objects.filter(state=State.GONE)) == [other.source]


def listed(number: int, *, dated: bool = True) -> list[Document]:
    """Records as a list shows them, the newest first."""
    return [
        Document.parse({"id": f"id-{n}", "updatedAt": f"2026-01-{number - n:02}" if dated else None})
        for n in range(number)
    ]


def walked(
    records: list[Document], *, cursor_counts: bool = True, size: int = 3
) -> tuple[Place, int, set[str]]:
    """A walk over a list that always says that there is more: where it ends, its pages, and what it showed."""
    place, pages, shown = Place(), 0, set[str]()
    while not place.done and not place.is_lost and pages < 500:
        known = [record.id for record in records]
        start = known.index(place.cursor) + 1 if place.cursor and cursor_counts else 0
        page = records[start : start + size]
        shown |= {record.id for record in page}
        place, pages = after_page(place, page, has_more=True), pages + 1
    return place, pages, shown


@pytest.mark.parametrize("number", [1, 3, 6, 7, 20])
def test_a_list_that_always_announces_more_is_read_to_its_end(number: int) -> None:
    place, pages, shown = walked(listed(number))
    assert (place.done, place.is_lost, len(shown)) == (True, False, number)
    assert pages <= number + 8


def test_a_list_that_ignores_where_to_go_on_is_given_up() -> None:
    for dated in (True, False):
        place, pages, _ = walked(listed(7, dated=dated), cursor_counts=False)
        assert place.is_lost
        assert pages < 100
