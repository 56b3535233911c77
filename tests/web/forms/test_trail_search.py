"""The search of the trail: a term means what its field means, and what is wrong is said and nothing else is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone
from django.utils.http import urlencode

from fini_admin.audit.matching import Duration, TrailFilter
from fini_admin.web.forms.audit import ActivityFilters, CallFilters
from fini_admin.web.key_guard import remove_keys
from tests.support import people

ACTORS = ["ada@example.com", "bob@example.com"]
CALL = "0a0a0a0a-0000-4000-8000-000000000001"


def form(query: str, **options: Any) -> CallFilters:
    return CallFilters(remove_keys(QueryDict(query)), **({"actors": lambda: ACTORS} | options))


@pytest.mark.parametrize(
    ("term", "field"),
    [
        ("route:ingest", "route=ingest"),
        ("method:post", "method=POST"),
        ("outcome:not-done", "outcome=not done"),
        ('outcome:"in flight"', "outcome=in flight"),
        ("status:5XX", "status=5xx"),
        ("person:bob", "who=bob"),
        ("who:bob", "who=bob"),
        ("origin:command-line", "origin=command line"),
        ("key:main", "key=main"),
        ("provider:notion", "provider=notion"),
        ("source:abc", "source=abc"),
        ("external:abc", "external=abc"),
        ("run:41", "run=41"),
        (f"call:{CALL.upper()}", f"call={CALL}"),
        ("duration:>2s", "duration=>2s"),
        ("since:2026-11-01", "since=2026-11-01"),
        ("after:2026-11-01T10:00", "since=2026-11-01T10:00"),
        ("before:2026-11-01", "until=2026-11-01"),
        ('error:"timed out"', "error=timed out"),
    ],
)
def test_a_term_means_what_its_field_means(term, field):
    by_term, by_field = CallFilters({"q": term}, actors=lambda: ACTORS), form(field)
    assert by_term.wanted() == by_field.wanted() != TrailFilter()
    assert not by_term.errors


def test_a_term_with_a_minus_leaves_out_and_may_stand_more_than_once():
    wanted = form("q=route:list -run:7 -run:8 -source:abc").wanted()
    assert wanted == TrailFilter(
        route="list",
        without=(TrailFilter(run=7), TrailFilter(run=8), TrailFilter(names=(frozenset({"abc"}),))),
    )


def test_durations_are_read_in_their_units():
    told = {
        typed: form(f"duration={typed}").wanted().duration for typed in (">2s", "<100ms", ">1.5 min", ">5")
    }
    assert told == {
        ">2s": Duration(longer=True, milliseconds=2_000),
        "<100ms": Duration(longer=False, milliseconds=100),
        ">1.5 min": Duration(longer=True, milliseconds=90_000),
        ">5": Duration(longer=True, milliseconds=5),
    }


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("zebra:1", "There is no such key here. The keys are person, route,"),
        ("q:1", "There is no such key here."),
        ("route:", "A value is missing."),
        ("route:fly", "Enter one of list, get, discover,"),
        ("status:abc", "Enter a status such as 500"),
        ("run:x", "Enter a run's number."),
        ("call:x", "Enter a call's ID"),
        ("duration:2", "Enter a duration such as >2s"),
        ("since:yesterday", "Enter a date like 2026-11-24, or a date and a time."),
        ("-since:2026-11-01", "A time cannot be left out."),
        ("person:example.com", "Several people match: ada@example.com, bob@example.com."),
        ("route:get route:list", "It stands here twice"),
    ],
)
def test_a_wrong_term_is_named_with_its_fault_and_the_others_hold(term, said):
    wrong = form(f"q=method:GET+{term.replace(' ', '+')}")
    [error] = map(str, wrong.errors["q"])
    assert error.startswith(f"{term.split()[-1]}: ")
    assert said in error
    assert wrong.wanted().method == "GET"
    assert "GET" in wrong.query()
    assert str(wrong["q"].value()).endswith(term)


def test_a_field_and_a_term_with_its_key_cannot_both_hold():
    assert "twice" in form("route=get&q=route:list").errors["q"][0]


def test_an_id_without_a_key_is_what_a_call_was_about_or_its_own():
    wanted = form("q=n-1", about=lambda external: ["in-fini"] if external == "n-1" else []).wanted()
    assert wanted.names == (frozenset({"n-1", "in-fini"}),)


def test_who_may_not_search_for_people_has_no_such_key():
    assert "There is no such key" in form("q=person:ada", actors=None).errors["q"][0]


def test_p5_a_key_in_a_search_is_taken_out_and_the_search_does_not_count():
    told = form(f"q=error:{people.KEY}")
    assert "looks like an API key" in told.errors["q"][0]
    assert told.wanted() == TrailFilter()
    assert told.query() == ""


def test_each_term_can_be_taken_away_alone():
    told = form("q=route:list+-run:7+x&key=main")
    assert [(chip["said"], chip["query"]) for chip in told.chips()] == [
        ("Key: main", "q=route%3Alist+-run%3A7+x"),
        ("route:list", "q=-run%3A7+x&key=main"),
        ("-run:7", "q=route%3Alist+x&key=main"),
        ("x", "q=route%3Alist+-run%3A7&key=main"),
    ]


def test_a_term_is_put_in_place_of_what_stands_for_its_key():
    told = form("q=route:list+-route:get+x&status=500")
    assert told.with_terms({"route": "ingest", "status": "4xx"}) == (
        "q=-route%3Aget+x+route%3Aingest+status%3A4xx"
    )


def test_periods_begin_where_they_say(monkeypatch):
    now = datetime(2026, 11, 24, 12, 30, 15, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    hour, week, today = (form(f"period={name}").wanted().since for name in ("hour", "week", "today"))
    assert (hour, week) == (now - timedelta(hours=1), now - timedelta(days=7))
    assert today == now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert form(f"period=week&since={now:%Y-%m-%dT%H:%M}").wanted().since == now.replace(
        second=0, microsecond=0
    )


def example(form: ActivityFilters) -> str:
    """The search that the field's help gives as an example."""
    return str(form.fields["q"].help_text).removeprefix("Such as ").split(",")[0]


def test_activity_has_no_keys_of_calls_until_both_are_shown():
    alone = ActivityFilters(QueryDict("q=route:list+what:key.added"), actors=lambda: ACTORS)
    assert "There is no such key here. The keys are what, person," in alone.errors["q"][0]
    assert alone.wanted() == TrailFilter(kind="key.added")
    assert not ActivityFilters(QueryDict(urlencode({"q": example(alone)})), actors=lambda: ACTORS).errors
    both = ActivityFilters(QueryDict("q=route:list&show=all"), actors=lambda: ACTORS)
    assert not both.errors
    assert both.wanted() == TrailFilter(route="list")
    assert example(both).startswith("route:")
