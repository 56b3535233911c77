"""What templates say in one way everywhere."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from fini_admin.ingestion.models import ItemOutcome, RunState
from fini_admin.sources.states import State
from fini_admin.web.templatetags.common import LOOKS, age, badge, provider, shape, time, until, zone
from fini_admin.web.wording.times import exactly, moment
from fini_admin.workspaces.models import KeyState

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=3, seconds=40), "3 min ago"),
        (timedelta(hours=2), "11:00"),
        (timedelta(hours=14), "Mon 23:00"),
        (timedelta(days=6), "Wed 13:00"),
        (timedelta(days=7), "17 Nov"),
        (timedelta(days=40), "15 Oct"),
        (timedelta(days=400), "20 Oct 2025"),
        (-timedelta(minutes=5), "13:05"),
        (-timedelta(days=1), "Wed 13:00"),
    ],
)
def test_a_time_is_said_in_the_viewers_zone_the_shorter_the_nearer(ago, words):
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert moment(NOON - ago) == words


@pytest.mark.parametrize(("name", "said"), [("Europe/Berlin", "CET"), ("America/Sao_Paulo", "UTC-03")])
def test_a_zone_is_named_one_without_a_name_by_its_distance(name, said):
    with timezone.override(ZoneInfo(name)):
        assert zone() == said
        assert f" {said}, 2026-11-24 12:00:00 UTC" in exactly(NOON)


def test_a_time_holds_utc_for_the_hover_also_from_the_trails_text():
    wanted = 'title="2026-11-24 10:00:00 UTC"'
    assert wanted in time(NOON - timedelta(hours=2))
    assert wanted in time("2026-11-24T10:00:00.000000Z")
    assert time(None) == ""


def test_an_age_is_in_its_largest_unit():
    assert age(NOON - timedelta(days=3, hours=5)) == "3 days"
    assert age(NOON - timedelta(seconds=20)) == "20 s"
    assert age(NOON + timedelta(seconds=9)) == "1 s"
    assert age(None) == ""


def test_every_state_has_a_shape_of_its_own_kind_and_a_word():
    for state in (*State.values, *ItemOutcome.values, *KeyState.values, *RunState.values):
        assert LOOKS[state].shape
        assert f">{state}</span>" in badge(state)
        assert f'<span class="unseen">{state}</span>' in shape(state)
    assert len({LOOKS[state][:2] for state in State.values}) == len(State)


def test_a_provider_is_named_as_people_write_it():
    assert [provider(name) for name in ("zendesk", "googledrive", "web", "")] == [
        "Zendesk",
        "Google Drive",
        "Web",
        "",
    ]


def test_a_badge_escapes_what_it_says():
    assert "<b>" not in badge("usable", "<b>usable</b>")


def test_how_long_something_took_is_in_its_largest_unit():
    assert until(NOON, NOON + timedelta(seconds=0.4)) == "at once"
    assert until(NOON, NOON + timedelta(seconds=12.9)) == "took 12 s"
    assert until(NOON, NOON + timedelta(minutes=3, seconds=40)) == "took 3 min"
