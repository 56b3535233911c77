"""A source's states over time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from fini_admin.sources.models import StateChange
from fini_admin.web.charts import WIDTH
from fini_admin.web.wording.source_life import life

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


def change(state: str, ago: timedelta) -> StateChange:
    return StateChange(at=NOON - ago, new=state)


def test_each_state_is_as_wide_as_it_lasted_the_oldest_first() -> None:
    minute = timedelta(minutes=1)
    strip = life(
        [change("usable", 50 * minute), change("running", 100 * minute), change("queued", 200 * minute)]
    )
    assert strip is not None
    found = [(one.part.name, round(one.width / WIDTH, 2)) for one in strip.bar.segments]
    assert found == [("queued", 0.5), ("running", 0.25), ("usable", 0.25)]
    assert strip.rows == [
        ("08:40", "queued for 1 h, from 08:40"),
        ("10:20", "running for 50 min, from 10:20"),
        ("50 min ago", "usable for 50 min, from 50 min ago"),
    ]


def test_a_state_that_was_over_at_once_is_there_and_no_change_is_no_strip() -> None:
    strip = life([change("usable", timedelta(hours=1)), change("sent", timedelta(hours=1))])
    assert strip is not None
    assert [one.part.name for one in strip.bar.segments] == ["sent", "usable"]
    assert life([]) is None
