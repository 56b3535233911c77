"""A run in words and as a bar."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from fini_admin.ingestion.models import Run, RunKind
from fini_admin.ingestion.runs.forecast import Forecast
from fini_admin.web.charts import LEAST, WIDTH
from fini_admin.web.wording.runs import duration, how_far, pace, percent, segments, title


def run(**fields: object) -> Run:
    return Run(**{"kind": "ingest", "provider": "notion", "state": "running", "total": 100} | fields)


def test_the_segments_add_up_and_stand_side_by_side():
    found = segments(run(done=40, running=10, sent=5, failed=3, skipped=2))
    assert {one.name: one.number for one in found} == {
        "done": 40, "running": 10, "sent": 5, "waiting": 40, "skipped": 2, "failed": 3,
    }  # fmt: skip
    assert sum(one.width for one in found) == pytest.approx(WIDTH, abs=0.1)
    assert all(
        one.begins + one.width == pytest.approx(other.begins, abs=0.05) for one, other in pairwise(found)
    )


def test_one_of_very_many_is_still_seen():
    found = segments(run(total=100_000, done=99_999, failed=1))
    assert found[-1].width == pytest.approx(LEAST, rel=0.03)


def test_what_is_done_is_called_by_what_the_run_does():
    kinds = {"register": "registered", "discover": "listed", "delete": "deleted", "refresh": "usable"}
    for kind, word in kinds.items():
        (one,) = segments(run(kind=kind, done=100))
        assert one.word == word
    assert segments(run(kind="register", then_ingest=True, done=100))[0].word == "usable"


def test_what_failed_or_was_empty_is_called_not_usable_where_it_was_to_become_usable():
    words = {kind: segments(run(kind=kind, failed=100))[0].word for kind in ("ingest", "register")}
    assert words == {"ingest": "not usable", "register": "failed"}


def test_a_run_is_named_by_what_it_does():
    assert title(run(total=1)) == "Ingest 1 source"
    assert title(run(kind="register", total=1200)) == "Register 1,200 resources"
    assert title(run(kind="register", then_ingest=True)) == "Register, then ingest, 100 resources"
    assert title(run(kind="discover")) == "Discover Notion"
    assert title(run(kind="sync", state="ended")) == "Sync 100 sources"
    assert title(run(kind="sync", total=0)) == "Sync"
    assert title(run(kind="register", then_ingest=True, retry_of_id=7)) == "Retry 100 resources"
    assert all(title(run(kind=kind)) for kind in RunKind)


def test_it_is_all_done_only_when_all_is():
    assert (percent(run(done=99, total=1000)), percent(run(total=0)), percent(run(done=100))) == (
        9,
        None,
        100,
    )


def test_how_far_a_sync_is_nobody_knows_before_its_end():
    assert percent(run(kind="sync", done=100)) is None
    assert percent(run(kind="sync", done=100, state="ended")) == 100


def test_a_run_in_a_list_says_how_far_it_is_or_what_it_took():
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    ended = run(state="ended", created_at=begun, ended_at=begun + timedelta(seconds=31))
    assert [how_far(one) for one in (run(done=9), run(total=0), run(kind="sync", done=5), ended)] == [
        "9 %",
        "begins",
        "begins",
        "took 31 s",
    ]


def test_the_pace_is_said_where_something_tells():
    assert pace(run(), Forecast(41, 240)) == "about 4 min left · 41 a minute"
    assert pace(run(), Forecast(None, 3)) == "a few seconds left"
    assert pace(run(), Forecast(None, None)) == ""
    assert pace(run(state="paused"), Forecast(41, 240)) == ""
    assert [duration(n) for n in (7, 44, 100, 7300)] == [
        "about 7 s",
        "about 40 s",
        "about 2 min",
        "about 2 h",
    ]
