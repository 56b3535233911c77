"""What became of addresses whose answer was lost: read back from the list, and nothing is ingested twice."""

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import Budget, RunState
from fini_admin.ingestion.runs import steering
from fini_admin.ingestion.verify_counts import differences
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_trouble import Killed, die_in_call, lease_runs_out
from tests.support.sandbox import Sandbox
from tests.support.web_pages import INGEST, SITE, addresses, ingest, jobs, told
from tests.support.who import by
from tests.support.work import OWNER, drive, ends, hurry, requests


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"status": 500, "after": True}, {"truncate": True}])
def test_a_lost_answer_is_read_back_by_address_and_nothing_is_sent_again(
    acme: Workspace, sandbox: Sandbox, fault: dict[str, object], impatient: None
) -> None:
    given = addresses(8)
    sandbox.fault(method="POST", path=f"{INGEST}$", **fault)
    run = ingest(acme, given)
    drive(acme)
    assert told(run) == {address: ("done", address) for address in given}
    assert len(requests(sandbox, "POST", INGEST)) == 1
    assert set(jobs(sandbox).values()) == {1}


def test_what_left_no_trace_is_sent_again_and_only_after_the_time_out(
    acme: Workspace, sandbox: Sandbox
) -> None:
    given = addresses(3)
    sandbox.fault(method="POST", path=f"{INGEST}$", drop="before")
    run = ingest(acme, given)
    drive(acme, seconds=30)
    first, second = requests(sandbox, "POST", INGEST)
    assert second["at"] - first["at"] >= 6.0
    assert told(run) == {address: ("done", address) for address in given}
    assert set(jobs(sandbox).values()) == {1}


@pytest.mark.usefixtures("impatient")
def test_a_lost_answer_with_a_redirect_is_never_sent_again(acme: Workspace, sandbox: Sandbox) -> None:
    given = addresses(3)
    moved = {address: address.replace("help", "www2") for address in given}
    sandbox.settings(redirects=moved)
    sandbox.fault(method="POST", path=f"{INGEST}$", drop="after")
    run = ingest(acme, given)
    drive(acme)
    assert ends(run) == {"unknown": 3}
    assert moved[given[0]] in run.items.order_by("position")[0].reason
    assert len(requests(sandbox, "POST", INGEST)) == 1
    assert set(jobs(sandbox).values()) == {1}


@pytest.mark.usefixtures("impatient")
def test_a_redirect_to_a_page_that_was_known_is_no_reason_to_send_again(
    acme: Workspace, sandbox: Sandbox
) -> None:
    drive_one = ingest(acme, [f"{SITE}/start"])
    drive(acme)
    assert ends(drive_one) == {"done": 1}
    sandbox.settings(redirects={f"{SITE}/old": f"{SITE}/start"})
    sandbox.fault(method="POST", path=f"{INGEST}$", drop="after")
    run = ingest(acme, [f"{SITE}/old"])
    drive(acme)
    assert ends(run) == {"unknown": 1}
    assert jobs(sandbox) == {f"{SITE}/start": 2}


@pytest.mark.usefixtures("impatient")
def test_half_of_a_call_is_told_apart_and_the_rest_is_not_sent_again(
    acme: Workspace, sandbox: Sandbox
) -> None:
    given = addresses(6)
    sandbox.fault(method="POST", path=f"{INGEST}$", status=500, half=True, after=True)
    run = ingest(acme, given)
    drive(acme)
    assert ends(run) == {"done": 3, "unknown": 3}
    assert {told(run)[address][0] for address in given[:3]} == {"done"}
    assert set(jobs(sandbox).values()) == {1}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("after_sending", [False, True])
def test_a_worker_that_dies_in_the_call_leaves_nothing_sent_twice(
    acme: Workspace, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, *, after_sending: bool
) -> None:
    run = ingest(acme, addresses(4))
    with monkeypatch.context() as patch:
        die_in_call(patch, after_sending=after_sending)
        with pytest.raises(Killed):
            loop.work_once(acme.pk, OWNER)
    lease_runs_out()
    loop.recover()
    drive(acme)
    assert told(run) == {address: ("done", address) for address in addresses(4)}
    assert set(jobs(sandbox).values()) == {1}
    assert len(requests(sandbox, "POST", INGEST)) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("act", [steering.pause, steering.stop])
def test_what_was_sent_is_read_back_while_its_run_is_paused_or_stops(
    acme: Workspace, sandbox: Sandbox, act: Callable[..., None]
) -> None:
    sandbox.fault(method="POST", path=f"{INGEST}$", drop="after")
    run = ingest(acme, addresses(3))
    loop.work_once(acme.pk, OWNER)
    act(by=by("ada@example.com"), run=run)
    deadline = time.monotonic() + 20
    while run.ended < 3 and time.monotonic() < deadline:
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
        run.refresh_from_db()
    assert ends(run) == {"done": 3}
    assert run.state == RunState.ENDED
    assert len(requests(sandbox, "POST", INGEST)) == 1


def test_a_list_that_cannot_be_read_leaves_the_addresses_unknown(
    acme: Workspace, sandbox: Sandbox, impatient: None
) -> None:
    sandbox.fault(method="POST", path=f"{INGEST}$", drop="after")
    sandbox.fault(method="GET", path="source=web", status=400, message="no", count=None)
    run = ingest(acme, addresses(2))
    drive(acme)
    assert ends(run) == {"unknown": 2}
    assert "could not be read" in run.items.first().reason  # type: ignore[union-attr]


FAULTS: tuple[dict[str, object], ...] = (
    {},
    {"drop": "before"},
    {"drop": "after"},
    {"status": 500, "after": True},
    {"status": 500, "half": True, "after": True},
    {"status": 503},
    {"status": 429},
    {"truncate": True},
    {"body": "[]"},
)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("seed", range(30))
def test_whatever_goes_wrong_each_address_ends_with_the_truth_and_once(
    acme: Workspace, sandbox: Sandbox, seed: int
) -> None:
    chance = random.Random(seed)
    given = [f"{SITE}/{seed}/{number}" for number in range(chance.randrange(1, 14))]
    ends_of_redirects = [*given, *(f"https://new.example/{seed}/{number}" for number in range(4))]
    moved = {
        one: chance.choice(ends_of_redirects) for one in given if chance.random() < chance.choice([0, 0.3])
    }
    # A page that leads elsewhere is nobody's end.
    moved = {one: end for one, end in moved.items() if end not in moved}
    sandbox.settings(redirects=moved, partial_acceptance=chance.random() < 0.5)
    sandbox.settings(poisoned=[one for one in given if one not in moved and chance.random() < 0.05])
    sandbox.seed(documents=[{"source": "web", "originalUrl": f"{SITE}/elsewhere"}])
    Budget.objects.update(batch_limit=chance.choice([2, 5, 100]))
    for skip in range(4):
        if fault := chance.choice(FAULTS):
            sandbox.fault(method="POST", path=f"{INGEST}$", skip=skip, **fault)
    run = ingest(acme, given)
    drive(acme, seconds=60)
    held = {address: count for address, count in jobs(sandbox).items() if count}
    poisoned = sandbox.settings()["poisoned"]
    for address, (outcome, kept) in told(run).items():
        end = moved.get(address, address)
        if outcome == "done":
            assert kept == end
        assert outcome in ("done", "unknown", "refused", "skipped"), (address, outcome)
        if outcome == "refused":
            assert address in poisoned
    # Two addresses of one page in two calls are two orders to process it.
    shared = Counter(moved.get(address, address) for address in given)
    assert {address for address, count in held.items() if count > shared[address]} == set()
    assert differences(acme) == []
