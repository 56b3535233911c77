"""The filters: what is wrong is said and left out, whatever stands in the address."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.audit.matching import TrailFilter
from fini_admin.audit.models import Entry
from fini_admin.web.forms.audit import ActivityFilters, CallFilters
from fini_admin.web.key_guard import remove_keys
from fini_admin.web.views.audit import _minutes_around
from fini_admin.web.wording.times import moment
from tests.support import people

ACTORS = ["ada@example.com", "adam@example.com", "bob@example.com", "root (command line)"]


def form(query: str, actors=lambda: ACTORS) -> CallFilters:
    return CallFilters(remove_keys(QueryDict(query)), actors=actors)


def test_what_is_right_is_filtered_by():
    query = "route=ingest&method=POST&outcome=lost&status=5XX&who=bob@example.com&key=main&run=41"
    assert form(query).wanted() == TrailFilter(
        route="ingest", method="POST", outcome="lost", status="5xx", who="bob@example.com", key="main", run=41
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("route=x", "route"),
        ("method=PATCH", "method"),
        ("outcome=gone", "outcome"),
        ("status=600", "status"),
        ("status=5x", "status"),
        ("status=500%0a", "status"),
        ("status=٥00", "status"),
        ("who=%00", "who"),
        ("who=ada", "who"),
        (f"who={'a' * 255}", "who"),
        (f"who={people.KEY}", "who"),
        (f"key={people.KEY}", "key"),
        ("run=0", "run"),
        ("run=-1", "run"),
        ("run=1e3", "run"),
        (f"run={10**30}", "run"),
        (f"run={'9' * 5000}", "run"),
        ("since=yesterday", "since"),
        ("since=2026-02-30", "since"),
        ("since=0001-01-01T00:00", "since"),
        ("until=9999-12-31T23:59", "until"),
        ("since=2026-01-01T00:00%2B99:99", "since"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_left_out(query, field):
    wrong = form(f"{query}&method=GET" if field != "method" else query)
    assert wrong.wanted() == TrailFilter(method="GET" if field != "method" else "")
    assert list(wrong.errors) == [field]
    assert field not in wrong.query()


def test_p5_a_key_that_was_typed_is_not_shown_again():
    for wrong in (
        form(f"who={people.KEY}&key={people.KEY}"),
        ActivityFilters(remove_keys(QueryDict(f"who={people.KEY}")), actors=lambda: ACTORS),
    ):
        assert people.KEY not in wrong.as_p()
        assert wrong.query() == ""


def test_a_part_of_a_name_is_enough_when_it_is_one_persons():
    assert form("who=BOB").wanted().who == "bob@example.com"
    assert form("who=command").wanted().who == "root (command line)"
    assert form("who=ada@example.com").wanted().who == "ada@example.com"
    assert form("who=eve").wanted().who == "eve"
    several = form("who=ada")
    assert several.errors["who"] == [
        "Several people match: ada@example.com, adam@example.com. Enter one of them."
    ]


def test_who_may_not_search_for_people_has_no_such_filter():
    assert form("who=bob@example.com", None).wanted() == TrailFilter()
    assert "who" not in form("", None).fields
    assert "who" not in ActivityFilters(QueryDict("who=bob")).fields


def test_times_are_the_viewers_and_the_zone_is_named():
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        told = form("since=2026-11-24T09:30&until=2026-11-25")
        assert told.wanted().since == datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
        assert told.wanted().until == datetime(2026, 11, 24, 15, tzinfo=UTC)
        assert told["since"].label == "Since (JST)"


def test_an_hour_that_the_clocks_leave_out_is_said_to_be_none():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert "since" in form("since=2026-03-29T02:30").errors


def test_an_hour_that_the_clocks_repeat_is_the_first_of_the_two():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        wanted = form("since=2026-10-25T02:30&until=2026-10-25T03:30").wanted()
    assert wanted.since == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert wanted.until == datetime(2026, 10, 25, 2, 30, tzinfo=UTC)


# Before, in and after the hours that Berlin's clocks skip and repeat.
MOMENTS = [
    "2026-03-29T00:59:30Z",
    "2026-03-29T01:00:30Z",
    "2026-10-25T00:30:30Z",
    "2026-10-25T01:30:30Z",
    "2026-10-25T02:00:30Z",
    "2026-06-01T12:00:00Z",
]


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize(
    "link",
    [
        lambda at: form("").within(at - timedelta(minutes=1), at + timedelta(minutes=1)),
        lambda at: _minutes_around(Entry(at=at.isoformat())),
    ],
)
def test_a_link_to_a_span_of_time_holds_it_also_where_clocks_change(link, at):
    moment = datetime.fromisoformat(at)
    with timezone.override(ZoneInfo("Europe/Berlin")):
        told = form(link(moment))
        wanted = told.wanted()
    assert not told.errors
    assert wanted.since
    assert wanted.until
    assert wanted.since <= moment < wanted.until
    assert wanted.until - wanted.since < timedelta(minutes=5)


@pytest.mark.parametrize("at", MOMENTS)
def test_the_last_hour_is_an_hour_also_where_clocks_change(monkeypatch, at):
    now = datetime.fromisoformat(at)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert form("period=hour").wanted().since == now - timedelta(hours=1)
        assert moment(now - timedelta(minutes=5)) == "5 min ago"


def test_the_address_repeats_what_is_right_as_it_was_typed():
    assert form("status=5XX&who=bob&since=2026-11-24T09:30&run=0&after=7").query() == (
        "who=bob&status=5XX&since=2026-11-24T09%3A30"
    )


def test_each_filter_in_use_says_itself_and_leads_to_the_list_without_it():
    told = form("outcome=lost&since=2026-11-24T09:30&who=bob&status=x").chips()
    assert [(chip["said"], chip["query"]) for chip in told] == [
        ("Person: bob", "outcome=lost&since=2026-11-24T09%3A30"),
        ("Outcome: Lost: no whole answer", "who=bob&since=2026-11-24T09%3A30"),
        ("Since (UTC): 2026-11-24 09:30", "who=bob&outcome=lost"),
    ]


def test_activity_offers_what_stands_in_a_workspaces_chain():
    names = dict(ActivityFilters(QueryDict(""), actors=lambda: ACTORS).fields["kind"].choices)  # type: ignore[attr-defined]  # the stubs know no field by its name
    assert names["key.added"] == "Key added"
    assert names["audit.anchor"] == "Audit anchor"
    assert "login.failed" not in names


@given(st.dictionaries(st.sampled_from([*form("").fields, "after"]), st.text()))
def test_nothing_in_an_address_breaks_the_filters(values):
    query = QueryDict(mutable=True)
    query.update(values)
    CallFilters(query, actors=lambda: ACTORS).wanted()
    ActivityFilters(query, actors=lambda: ACTORS).values()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59", "1999-12-31T23:59"])
def test_a_time_at_the_ends_of_the_calendar_is_said_in_every_zone(zone, at):
    with timezone.override(ZoneInfo(zone)):
        wrong = form(f"since={at}&until={at}&q=since:{at}")
        assert wrong.wanted() == TrailFilter()
        assert {"since", "until"} <= set(wrong.errors)


def test_who_may_not_search_by_person_is_told_that_the_person_is_left_out():
    told = CallFilters(QueryDict("who=ada@example.com&outcome=lost"))
    assert told.wanted() == TrailFilter(outcome="lost")
    assert told.errors == {"q": ["the person is left out, for only admins search by person."]}
