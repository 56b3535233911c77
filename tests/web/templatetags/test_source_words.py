"""A source's name and its time in a state, in words."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from fini_admin.sources.names import source_name
from fini_admin.web.templatetags.source_words import address_ends, time_in_state
from tests.support.sources import NOW, bare


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.mark.parametrize(
    ("state", "passed", "words"),
    [
        ("running", timedelta(seconds=-9), "for 1 s"),
        ("running", timedelta(seconds=59), "for 59 s"),
        ("running", timedelta(minutes=4, seconds=30), "for 4 min"),
        ("usable", timedelta(minutes=59), "for 59 min"),
        ("running", timedelta(hours=3, minutes=20), "for 3 h"),
        ("queued", timedelta(days=3, hours=2), "for 3 days"),
    ],
)
def test_the_time_in_a_state_in_words(state: str, passed: timedelta, words: str) -> None:
    assert time_in_state(bare(state=state, state_since=NOW - passed)) == words


@pytest.mark.parametrize("state", ["usable", "empty", "failed", "gone"])
def test_an_end_is_told_by_its_time(state: str) -> None:
    assert time_in_state(bare(state=state, state_since=datetime(2026, 3, 1, 14, 2, tzinfo=UTC))) == (
        "since 1 Mar"
    )


def test_a_title_that_shows_nothing_gives_way_to_an_id() -> None:
    assert source_name(bare(title="\u200b \u202e", external_id="ext")) == "ext"
    assert source_name(bare(title="", external_id="\u00a0")) == "id-a"
    assert source_name(bare(title=" A ")) == " A "


@pytest.mark.parametrize(
    ("address", "begin", "end"),
    [
        ("https://docs.example/guide/travel/", "docs.example/guide", "/travel"),
        ("https://docs.example/a/a-very-long-name-of-a-page", "docs.example/a", "/…g-name-of-a-page"),
        ("https://docs.example/", "docs.example/", ""),
        ("upload.pdf", "upload.pdf", ""),
    ],
)
def test_of_an_address_its_host_and_its_end_are_kept(address: str, begin: str, end: str) -> None:
    assert address_ends(address) == (begin, end)
