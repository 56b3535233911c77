"""When a run is expected to end, by what runs like it took and by its own pace."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from fini_admin.ingestion.models import Run, RunState
from fini_admin.ingestion.runs.forecast import PastRun, by_past, forecast, past_runs, seconds_left
from fini_admin.workspaces.models import Workspace
from tests.support.work import Start, resources


def test_nothing_is_said_before_three_runs():
    assert by_past(100, [(10, 5.0), (20, 6.0)]) is None
    assert by_past(100, [(10, 5.0), (20, 6.0), (30, 7.0)]) == pytest.approx(14.0)


def test_runs_of_one_size_tell_what_that_size_takes():
    assert by_past(10, [(10, 4.0), (10, 5.0), (10, 6.0)]) == pytest.approx(4.8, abs=0.3)


def test_of_twenty_runs_at_a_steady_fini_sixteen_take_what_was_said_within_a_quarter():
    dice = random.Random(13)
    sizes = [dice.randint(5, 800) for _ in range(20)]
    took = {size: (6 + 0.11 * size) * dice.uniform(0.85, 1.15) for size in sizes}
    past = [(size, took[size]) for size in (12, 90, 400) if took.setdefault(size, 6 + 0.11 * size)]
    right = 0
    for size in sizes:
        said = by_past(size, past[-20:])
        right += said is not None and abs(said - took[size]) <= took[size] / 4
        past.append((size, took[size]))
    assert right >= 16


def test_the_more_has_ended_the_more_a_runs_own_pace_counts():
    early = seconds_left(total=100, ended=1, passed=10.0, whole=100.0, floor=0)
    late = seconds_left(total=100, ended=90, passed=180.0, whole=100.0, floor=0)
    assert early == pytest.approx(90.0)
    assert late == pytest.approx(0.9 * 20)
    assert seconds_left(total=100, ended=1, passed=10.0, whole=None, floor=0) is None
    assert seconds_left(total=100, ended=50, passed=None, whole=100.0, floor=0) == pytest.approx(50.0)
    assert seconds_left(total=100, ended=50, passed=10.0, whole=None, floor=600.0) == 600.0


def test_only_runs_that_nobody_steered_tell(acme: Workspace, register: Start) -> None:
    now = datetime.now(UTC)
    for number in range(5):
        run = register(resources(10))
        ended = {"state": RunState.ENDED, "created_at": now, "ended_at": now + timedelta(seconds=20)}
        Run.objects.filter(pk=run.pk).update(**ended, steered_at=now if number == 0 else None, done=10)
    found = past_runs(acme, "register", "notion", [False, True])
    assert found == {False: [PastRun(10, now, now + timedelta(seconds=20))] * 4, True: []}
    going = register(resources(10))
    assert forecast(going, 0.0).left in (19, 20)
    Run.objects.filter(pk=going.pk).update(state=RunState.PAUSED)
    going.refresh_from_db()
    assert forecast(going, 0.0).left is None
