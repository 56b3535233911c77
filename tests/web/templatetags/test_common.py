"""What templates say in one way everywhere."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from fini_admin.ingestion.models import ItemOutcome, RunState
from fini_admin.sources.states import State
from fini_admin.web.templatetags.common import LOOKS, age, badge, provider, shape, time, time_in_words, until
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
        (timedelta(hours=2), "today 11:00 CET"),
        (timedelta(hours=14), "yesterday 23:00 CET"),
        (timedelta(days=40), "15 Oct 2026, 14:00 CEST"),
        (-timedelta(minutes=5), "today 13:05 CET"),
    ],
)
def test_a_time_is_said_in_the_viewers_zone_with_its_name(ago, words):
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert time_in_words(NOON - ago) == words


def test_a_zone_without_a_name_is_said_by_its_distance():
    with timezone.override(ZoneInfo("America/Sao_Paulo")):
        assert time_in_words(NOON - timedelta(hours=2)) == "today 07:00 UTC-03"


def test_a_time_holds_utc_for_the_hover_also_from_the_trails_text():
    wanted = 'title="2026-11-24 10:00:00 UTC"'
    assert wanted in time(NOON - timedelta(hours=2))
    assert wanted in time("2026-11-24T10:00:00.000000Z")
    assert time(None) == ""


def test_an_age_is_in_its_largest_unit():
    assert age(NOON - timedelta(days=3, hours=5)) == "3 days"
    assert age(NOON - timedelta(seconds=20)) == "under a minute"
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
    assert until(NOON, NOON + timedelta(seconds=12.9)) == "12 s"
    assert until(NOON, NOON + timedelta(minutes=3, seconds=40)) == "3 minutes"
