"""The traps T1–T10, each over a real socket."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fini_admin.audit.models import Body, Entry
from fini_admin.fini.errors import Throttled
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import discovery, ingestions
from fini_admin.ingestion.models import Budget, ItemOutcome, Lane, QueueEntry, Slot, Step, StepState, Watch
from fini_admin.sources.mirror import Observation, ensure_sources
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, bodies, drive, ends, hurry, requests, resources

LIST = "/v2/documents/public"
NOTION = "/v2/documents/public/resources/notion"
LATER = datetime.now(UTC) + timedelta(days=1)


def pairs(workspace: Workspace) -> dict[str, str]:
    return dict(
        Source.objects.filter(workspace=workspace, provider="notion").values_list("external_id", "fini_id")
    )


def job_counts(sandbox: Sandbox) -> set[int]:
    return {held["jobCount"] for held in sandbox.documents() if held["source"] == "notion"}


def test_trap_1_ids_are_paired_by_reading_the_list_back(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(30))
    drive(acme)
    registered = {
        held["externalId"]: held["id"] for held in sandbox.documents() if held["source"] == "notion"
    }
    assert pairs(acme) == registered
    assert ends(run) == {"done": 30}
    assert len(sandbox.log()) == 2


def test_trap_2_a_lost_answer_and_its_retry_leave_new_sources_in_the_add_lane(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    sandbox.fault(method="POST", path=NOTION, drop="after")
    register(resources(12))
    drive(acme)
    assert len(requests(sandbox, "POST", NOTION)) == 2
    assert Source.objects.filter(workspace=acme, provider="notion").count() == 12
    entries = QueueEntry.objects.filter(closed_at=None)
    assert list(entries.values_list("lane", flat=True)) == [Lane.ADD] * 12
    run = ingest()
    drive(acme)
    assert ends(run) == {"done": 12}
    (sent,) = bodies(acme, "ingest")
    assert (len(sent["documentIdsToAdd"]), sent["documentIdsToRefresh"]) == (12, [])


def test_trap_2_what_was_ingested_before_goes_to_the_refresh_lane(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(3), then_ingest=True)
    drive(acme)
    register(resources(5))
    drive(acme)
    assert sorted(QueueEntry.objects.filter(closed_at=None).values_list("lane", flat=True)) == [
        *[Lane.ADD] * 2,
        *[Lane.REFRESH] * 3,
    ]
    ingest()
    drive(acme)
    last = bodies(acme, "ingest")[-1]
    assert (len(last["documentIdsToAdd"]), len(last["documentIdsToRefresh"])) == (2, 3)


def test_trap_3_an_ingest_that_times_out_while_fini_goes_on_is_sent_once(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.fault(method="POST", path=f"{LIST}$", delay=1.6, after=True)
    run = register(resources(8), then_ingest=True)
    drive(acme)
    assert len(requests(sandbox, "POST", LIST)) == 1
    assert job_counts(sandbox) == {1}
    assert ends(run) == {"done": 8}
    assert Entry.objects.get(route="ingest", kind="call.lost").outcome == "unknown"


@pytest.mark.usefixtures("impatient")
def test_trap_3_an_ingest_that_left_no_trace_is_sent_again(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.fault(method="POST", path=f"{LIST}$", drop="before")
    run = register(resources(8), then_ingest=True)
    drive(acme)
    assert [entry["status"] for entry in requests(sandbox, "POST", LIST)] == ["dropped", 200]
    assert job_counts(sandbox) == {1}
    assert ends(run) == {"done": 8}


def test_trap_3_no_trace_counts_only_after_the_time_out_and_five_seconds(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.fault(method="POST", path=f"{LIST}$", drop="before")
    register(resources(2), then_ingest=True)
    drive(acme, seconds=30)
    first, second = requests(sandbox, "POST", LIST)
    assert second["at"] - first["at"] >= 6.0


def test_trap_3_the_time_for_a_trace_begins_when_we_give_up(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.fault(method="POST", path=f"{LIST}$", delay=1.6, after=True)
    register(resources(2), then_ingest=True)
    while not (step := Step.objects.filter(state=StepState.CHECK).first()):
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    (sent,) = requests(sandbox, "POST", LIST)
    assert step.settle_after is not None
    assert step.settle_after.timestamp() >= sent["at"] + 1.0 + 1.0 + 5.0 - 0.1


@pytest.mark.usefixtures("impatient")
def test_trap_3_a_half_done_ingest_sends_only_the_other_half_again(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(6))
    drive(acme)
    sandbox.settings(partial_acceptance=True, poisoned=["n-0"])
    run = ingest()
    drive(acme)
    assert ends(run) == {"done": 5, "refused": 1}
    assert {
        held["jobCount"]
        for held in sandbox.documents()
        if held["externalId"] in {f"n-{n}" for n in range(1, 6)}
    } == {1}


def test_trap_3_a_refused_connection_is_not_done_and_tried_again(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any
) -> None:
    settings.FINI_API_BASE_URL = "http://127.0.0.1:9"
    run = register(resources(2))
    loop.work_once(acme.pk, OWNER)
    assert Entry.objects.get(kind="call.unsent").outcome == "not done"
    assert Step.objects.get().state == StepState.READY
    settings.FINI_API_BASE_URL = sandbox.url
    drive(acme)
    assert ends(run) == {"done": 2}


def test_trap_4_the_offender_is_found_by_halving_and_the_rest_is_registered(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(poisoned=["n-5"])
    run = register(resources(16))
    drive(acme)
    assert ends(run) == {"done": 15, "refused": 1}
    assert run.items.get(outcome=ItemOutcome.REFUSED).external_id == "n-5"
    assert len(requests(sandbox, "POST", NOTION)) == 1 + 2 * 4


def test_trap_4_after_a_refused_ingest_a_half_is_sent_only_after_a_read(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(poisoned=["n-5"])
    register(resources(4, "m"))
    drive(acme)
    poisoned = Source.objects.get(external_id="m-2").fini_id
    sandbox.settings(poisoned=[poisoned])
    run = ingestions.start_ingest(by=by("ada"), workspace=acme)
    drive(acme)
    assert ends(run) == {"done": 3, "refused": 1}
    order = [
        entry["method"]
        for entry in sandbox.log()
        if entry["path"].startswith(LIST + "?") or entry["path"] == LIST
    ]
    posts = [place for place, method in enumerate(order) if method == "POST"]
    refused_then_next = [order[place + 1] for place in posts if place + 1 < len(order)]
    assert refused_then_next[0] == "GET"


def test_trap_4_halving_gives_up_after_forty_calls(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(poisoned=[f"n-{n}" for n in range(64)])
    run = register(resources(64))
    drive(acme)
    assert len(requests(sandbox, "POST", NOTION)) <= 41
    assert ends(run) == {"refused": 64}


def test_trap_4_a_refusal_about_the_provider_is_not_split(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(connected=["zendesk"])
    run = register(resources(250))
    drive(acme)
    assert len(requests(sandbox, "POST", NOTION)) == 1
    assert ends(run) == {"refused": 250}


def test_trap_4_a_batch_limit_that_fini_tells_is_kept_to(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(max_batch=10)
    run = register(resources(35))
    drive(acme)
    assert ends(run) == {"done": 35}
    assert len(requests(sandbox, "POST", NOTION)) == 1 + 4
    assert Budget.objects.get().batch_limit == 10


def test_trap_5_completed_without_content_is_not_success(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(outcomes={"n-0": "empty", "n-1": "failed"})
    run = register(resources(3), then_ingest=True)
    drive(acme)
    states = dict(
        Source.objects.filter(workspace=acme, provider="notion").values_list("external_id", "state")
    )
    assert states == {"n-0": "empty", "n-1": "failed", "n-2": "usable"}
    assert ends(run) == {"done": 1, "failed": 2}
    assert "nothing usable" in run.items.get(external_id="n-0").reason


@pytest.mark.parametrize("seed", range(3))
def test_trap_6_a_list_that_moves_under_the_walk_loses_nothing(
    acme: Workspace, sandbox: Sandbox, register: Start, seed: int
) -> None:
    chance = random.Random(seed)
    budget.lock_budget(acme)
    Budget.objects.update(page_size=5, page_limit=5, limited_until=LATER)
    sandbox.seed(count=20, source="confluence", workspace="demo")
    others = [held["id"] for held in sandbox.documents() if held["source"] == "confluence"]

    def stir() -> None:
        if others and chance.random() < 0.15:
            sandbox.remove([others.pop()])
        elif others and chance.random() < 0.4:
            sandbox.change(chance.choice(others), title="x")

    run = register(resources(23), then_ingest=True)
    drive(acme, between=stir, seconds=40)
    assert ends(run) == {"done": 23}
    assert job_counts(sandbox) == {1}
    assert len(sandbox.log()) < 150


def test_trap_7_number_n_waits_until_number_n_minus_limit_is_a_minute_old(
    acme: Workspace, settings: Any
) -> None:
    settings.FINI_CALLS_PER_MINUTE = 10
    for number in range(9):
        budget.take(budget.lock_budget(acme), f"call-{number}", urgent=False)
    with pytest.raises(budget.Spent) as spent:
        budget.take(budget.lock_budget(acme), "background", urgent=False)
    budget.take(budget.lock_budget(acme), "a person waits", urgent=True)
    first = Slot.objects.get(workspace=acme, number=1)
    assert spent.value.until == first.sent_at + budget.WINDOW


def test_trap_7_retry_after_holds_for_the_whole_workspace(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.fault(method="POST", path=NOTION, status=429, headers={"Retry-After": "2"})
    register(resources(2))
    run = register(resources(2, "m"))
    drive(acme)
    first, second, *_ = sandbox.log()
    assert second["at"] - first["at"] >= 2.0
    assert ends(run) == {"done": 2}


def test_trap_7_throttling_without_advice_doubles_the_pause(acme: Workspace) -> None:
    pauses = []
    for number in range(3):
        held = budget.lock_budget(acme)
        budget.settle(held, f"call-{number}", held_at := datetime.now(UTC), Throttled())
        pauses.append((Budget.objects.get().blocked_until or held_at) - held_at)
    assert [round(pause.total_seconds()) for pause in pauses] == [2, 4, 8]


@pytest.mark.parametrize(("advice", "pause"), [(None, 60), (90.0, 90)])
def test_trap_7_throttling_may_go_on_for_ever(acme: Workspace, advice: float | None, pause: int) -> None:
    budget.lock_budget(acme)
    Budget.objects.update(throttled=1023)
    budget.settle(
        budget.lock_budget(acme), "call", before := datetime.now(UTC), Throttled(retry_after=advice)
    )
    held = Budget.objects.get()
    assert held.throttled == 1024
    assert round(((held.blocked_until or before) - before).total_seconds()) == pause


def test_trap_8_the_arrays_of_a_web_step_hold_addresses_and_what_has_none_is_not_sent(
    acme: Workspace, sandbox: Sandbox, ingest: Start
) -> None:
    urls = ["https://help.acme.example/refunds", "https://help.acme.example/invoices"]
    sandbox.seed(documents=[{"source": "web", "originalUrl": url} for url in urls])
    known = {held["originalUrl"]: held["id"] for held in sandbox.documents() if held["source"] == "web"}
    for fini_id, url in [*((known[url], url) for url in urls), ("no-address", "")]:
        (source,) = ensure_sources(acme, "web", [fini_id], Observation("call", datetime.now(UTC)))
        Source.objects.filter(pk=source.pk).update(original_url=url)
        QueueEntry.objects.create(
            workspace=acme, source=source, lane=Lane.ADD, opened_at=datetime.now(UTC), opened_by="ada"
        )
    run = ingest()
    drive(acme)
    (sent,) = bodies(acme, "ingest")
    assert (sent["source"], sorted(sent["documentIdsToAdd"])) == ("web", sorted(urls))
    assert ends(run) == {"done": 2, "refused": 1}
    assert "not an http(s) address" in run.items.get(outcome=ItemOutcome.REFUSED).reason


def test_trap_9_discovery_is_read_whatever_its_keys_and_gets_a_default_mime_type(
    acme: Workspace, sandbox: Sandbox
) -> None:
    sandbox.settings(nested_keys={"zendesk": ["parts", "parts"]})
    sandbox.settings(leaf_keys={"externalId": "id", "originalUrl": "htmlUrl"})
    run = discovery.start_discover(by=by("ada"), workspace=acme, provider="zendesk")
    drive(acme)
    leaves = DiscoveredResource.objects.filter(workspace=acme, leaf=True)
    assert (leaves.count(), set(leaves.values_list("mime_type", flat=True))) == (380, {"text/html"})
    assert ends(run) == {"done": 380}
    assert not leaves.filter(external_id="").exists()


def test_trap_10_a_page_that_is_too_large_is_halved_and_its_text_not_kept(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.fault(method="GET", path=r"limit=100", huge=17 * 1024 * 1024)
    sandbox.settings(paragraph_bytes=5_000)
    run = register(resources(3), then_ingest=True)
    drive(acme)
    assert ends(run) == {"done": 3}
    assert "limit=50" in {entry["path"].split("?")[-1] for entry in sandbox.log()}
    source = Source.objects.filter(workspace=acme, provider="notion").first()
    assert source
    assert len(source.excerpt) == 300 < source.characters
    assert all(len(bytes(kept.content)) < 5_000 for kept in Body.objects.all())


def test_trap_6_a_walk_that_lost_its_place_is_followed_by_a_whole_one(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(running_seconds=[600, 600])
    run = register(resources(14), then_ingest=True)
    while Source.objects.filter(sent_at__isnull=False).count() < 14:
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    Budget.objects.update(page_size=5, page_limit=5, limited_until=LATER)
    sandbox.advance(700)
    while Watch.objects.get().pages != 2 or not Watch.objects.get().cursor:
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    sandbox.change(Watch.objects.get().cursor, title="moved to the head while we were on our way")
    drive(acme)
    assert ends(run) == {"done": 14}
