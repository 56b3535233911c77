"""The lists of the trail: what each filter finds, and by which index."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from fini_admin.audit import distinct, matching, queries, recording
from fini_admin.audit.bodies import BodyDamaged
from fini_admin.audit.matching import TrailFilter
from fini_admin.audit.models import Entry
from fini_admin.audit.recording import Context
from fini_admin.fini import routes
from tests.support import people, rows
from tests.support.who import by

NEVER = datetime(2001, 1, 1, tzinfo=UTC)
FAR_OFF = datetime(2100, 1, 1, tzinfo=UTC)
SOON = timedelta(minutes=1)


@pytest.fixture
def bob(context: Context) -> Context:
    return replace(context, by=by("bob@example.com", "browser"), key="second", run=8)


@pytest.fixture
def trail(context: Context, bob: Context) -> dict[str, str]:
    """One call of each kind, by name."""
    return {
        "page": rows.answered(context),
        "registered": rows.answered(context, rows.REGISTER, status=201),
        "bobs": rows.answered(bob, routes.delete(["source-1"])),
        "refused": rows.answered(context, rows.INGEST, status=400),
        "slowed": rows.answered(context, status=429),
        "failed": rows.answered(context, status=503),
        "died": rows.lost(context),
        "cut off": rows.unsent(context),
        "on its way": rows.asked(bob),
    }


def found(context: Context, trail: dict[str, str], wanted: TrailFilter) -> list[str]:
    """The names of the calls that are found, newest first."""
    names = {call: name for name, call in trail.items()}
    return [names[row.call or ""] for row in matching.calls(context.chain, wanted).rows.order_by("-seq")]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (
            TrailFilter(),
            ["cut off", "died", "failed", "slowed", "refused", "bobs", "registered", "page"],
        ),
        (TrailFilter(method="DELETE"), ["bobs"]),
        (TrailFilter(route="register"), ["registered"]),
        (TrailFilter(status="503"), ["failed"]),
        (TrailFilter(status="5xx"), ["failed"]),
        (TrailFilter(status="4xx"), ["slowed", "refused"]),
        (TrailFilter(status="404"), []),
        (TrailFilter(outcome="done"), ["bobs", "registered", "page"]),
        (TrailFilter(outcome="refused"), ["refused"]),
        (TrailFilter(outcome="unknown"), ["died", "failed"]),
        (TrailFilter(outcome="not done"), ["cut off", "slowed"]),
        (TrailFilter(outcome="lost"), ["died"]),
        (TrailFilter(outcome="unsent"), ["cut off"]),
        (TrailFilter(outcome="in flight"), []),
        (TrailFilter(who="bob@example.com"), ["bobs"]),
        (TrailFilter(key="second"), ["bobs"]),
        (TrailFilter(run=8), ["bobs"]),
        (TrailFilter(run=8, who="ada@example.com"), []),
        (
            TrailFilter(method="GET", status="5xx", outcome="unknown", who="ada@example.com", key="main"),
            ["failed"],
        ),
        (TrailFilter(since=NEVER, until=NEVER + SOON), []),
        (TrailFilter(until=NEVER), []),
    ],
)
def test_each_filter_finds_its_calls_by_their_outcome(context, trail, wanted, names):
    assert found(context, trail, wanted) == names


def test_calls_are_found_between_two_times_the_second_exclusive(context, trail):
    at = {row.call: row.at for row in matching.calls(context.chain, TrailFilter()).rows}
    first, last = (datetime.fromisoformat(at[trail[name]]) for name in ("bobs", "failed"))
    assert found(context, trail, TrailFilter(since=first, until=last)) == ["slowed", "refused", "bobs"]
    assert len(found(context, trail, TrailFilter(since=first - SOON))) == 8
    assert found(context, trail, TrailFilter(since=datetime.now(UTC) + SOON)) == []


def test_a_call_is_in_flight_until_it_has_its_outcome(context, bob, trail):
    flying = queries.in_flight(context.chain, TrailFilter())
    assert [(row.call, row.state) for row in flying] == [(trail["on its way"], "in flight")]
    with transaction.atomic():
        recording.write_lost(trail["on its way"])
    assert queries.in_flight(context.chain, TrailFilter()) == []
    assert found(context, trail, TrailFilter())[0] == "on its way"


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (TrailFilter(who="bob@example.com", run=8, key="second", method="GET", route="list"), 1),
        (TrailFilter(outcome="in flight"), 1),
        (TrailFilter(since=NEVER), 1),
        (TrailFilter(who="ada@example.com"), 0),
        (TrailFilter(status="2xx"), 0),
        (TrailFilter(outcome="done"), 0),
        (TrailFilter(until=NEVER), 0),
    ],
)
def test_filters_hold_for_what_is_in_flight_too(context, trail, wanted, count):
    assert len(queries.in_flight(context.chain, wanted)) == count


def test_another_chain_is_never_seen(context, trail):
    other = str(people.workspace("other", "Other Company").pk)
    assert list(matching.calls(other, TrailFilter()).rows) == []
    assert queries.in_flight(other, TrailFilter()) == []
    assert distinct.actors(other) == []
    assert queries.find_call(other, trail["page"]) is None
    assert [row.kind for row in matching.activity(other, TrailFilter()).rows] == ["workspace.created"]


def test_a_call_is_both_its_rows_or_the_one_it_has(context, trail):
    whole = queries.find_call(context.chain, trail["registered"])
    flying = queries.find_call(context.chain, trail["on its way"])
    assert whole
    assert not whole.flying
    assert [row.kind for row in whole.rows] == ["call.asked", "call.answered"]
    assert whole.entry.status == 201
    assert flying
    assert flying.flying
    assert flying.entry.kind == "call.asked"
    assert queries.find_call(context.chain, "no such call") is None


def test_attempts_are_the_calls_of_a_run_with_the_same_request(context, bob):
    first = rows.answered(context, rows.REGISTER, status=503)
    rows.answered(bob, rows.REGISTER)
    rows.answered(context, rows.INGEST)
    second = rows.lost(replace(context, attempt=2), rows.REGISTER)
    third = rows.asked(replace(context, attempt=3), rows.REGISTER)
    for call in (first, second, third):
        entry = queries.find_call(context.chain, call)
        assert entry
        told = queries.attempts(entry.entry)
        assert [(row.call, row.state) for row in told] == [
            (first, "unknown"),
            (second, "lost"),
            (third, "in flight"),
        ]


def test_looking_at_the_list_again_is_no_attempt_and_a_call_for_no_run_has_none(context):
    for request, run in ((rows.LIST, 7), (rows.REGISTER, None)):
        calls = [rows.answered(replace(context, run=run), request) for _ in range(2)]
        entry = queries.find_call(context.chain, calls[0])
        assert entry
        assert queries.attempts(entry.entry) == []


def test_who_calls_were_made_for_is_told_once_each(context, trail):
    assert distinct.actors(context.chain) == ["ada@example.com", "bob@example.com"]


def test_what_was_kept_of_a_body_is_its_text_or_said_to_be_damaged(context, trail):
    whole = queries.find_call(context.chain, trail["registered"], with_bodies=True)
    assert whole
    assert '"title":"Travel policy"' in whole.body_text("request")
    assert queries.RecordedCall(Entry(), None, flying=False).body_text("request") == ""
    for content in (None, b"no zlib"):
        with pytest.raises(BodyDamaged):
            replace(whole, kept={"request": content}).body_text("request")


def test_activity_is_what_is_no_call(context, trail, acme):
    person = people.member(acme, "editor")
    people.key(acme)
    kinds = [row.kind for row in matching.activity(context.chain, TrailFilter()).rows.order_by("-seq")]
    assert kinds == ["key.added", "member.added", "workspace.created"]
    assert [row.kind for row in matching.activity(context.chain, TrailFilter(kind="key.added")).rows] == [
        "key.added"
    ]
    assert matching.activity(context.chain, TrailFilter(who="test")).rows.count() == 3
    assert matching.activity(context.chain, TrailFilter(who=person.email)).rows.count() == 0
    assert matching.activity(context.chain, TrailFilter(until=NEVER)).rows.count() == 0
    assert (
        matching.activity(
            context.chain, TrailFilter(since=NEVER, until=datetime.now(UTC) + SOON)
        ).rows.count()
        == 3
    )


sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="the plans are SQLite's")


@sqlite_only
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (TrailFilter(method="DELETE"), "call_by_method"),
        (TrailFilter(route="delete"), "call_by_route"),
        (TrailFilter(status="500"), "call_by_exact_status"),
        (TrailFilter(status="5xx"), "call_by_status"),
        (TrailFilter(outcome="unknown"), "call_by_outcome"),
        (TrailFilter(outcome="lost"), "error_by_kind"),
        (TrailFilter(outcome="unsent"), "error_by_kind"),
        (TrailFilter(outcome="error"), "error_newest"),
        (TrailFilter(outcome="error", who="bob@example.com"), "error_by_actor"),
        (TrailFilter(outcome="error", key="second"), "error_by_key"),
        (TrailFilter(outcome="error", route="list"), "error_by_route"),
        (TrailFilter(who="bob@example.com", key="second"), "call_by_actor_key"),
        (TrailFilter(who="bob@example.com", route="list"), "call_by_actor_route"),
        (TrailFilter(key="second", route="list"), "call_by_key_route"),
        (TrailFilter(run=8, who="bob@example.com"), "trail_by_run"),
        (TrailFilter(run=8, outcome="error"), "trail_by_run"),
        (TrailFilter(status="500", who="bob@example.com", route="list"), "call_by_exact_status"),
        (TrailFilter(who="bob@example.com"), "call_by_actor"),
        (TrailFilter(key="second"), "call_by_key"),
        (TrailFilter(run=8), "trail_by_run"),
    ],
)
@pytest.mark.parametrize("since", [None, NEVER])
@pytest.mark.parametrize("until", [lambda: None, lambda: FAR_OFF, lambda: datetime.now(UTC)])
def test_p7_each_filter_of_the_calls_has_an_index(context, trail, wanted, index, since, until):
    with rows.plans() as planned:
        list(
            matching.calls(context.chain, replace(wanted, since=since, until=until())).rows.order_by("-seq")[
                :51
            ]
        )
    assert f"USING INDEX {index} " in planned[-1]
    assert [plan for plan in planned if "TEMP B-TREE" in plan or "SCAN" in plan] == []


@sqlite_only
@pytest.mark.parametrize("until", [lambda: FAR_OFF, lambda: datetime.now(UTC)])
def test_p7_times_bound_the_rows_that_are_looked_at(context, trail, until):
    with rows.plans() as planned:
        list(
            matching.calls(context.chain, TrailFilter(since=NEVER, until=until())).rows.order_by("-seq")[:51]
        )
    since, before, calls = planned
    assert "USING INDEX call_by_time (chain=? AND at>?)" in since
    assert "USING INDEX call_by_time (chain=? AND at>?)" in before
    assert calls.endswith("(chain=? AND seq>?)")


@sqlite_only
def test_p7_one_call_what_flies_who_acts_and_activity_are_found_by_an_index(context, trail):
    with rows.plans() as planned:
        queries.find_call(context.chain, trail["refused"])
        queries.in_flight(context.chain, TrailFilter())
        list(matching.activity(context.chain, TrailFilter()).rows.order_by("-seq")[:51])
        queries.attempts(
            Entry.objects.filter(call=trail["refused"], chain=context.chain, outcome="refused")[0]
        )
    of_call, flying, acts, *_, attempts = planned
    assert "(call=?)" in of_call
    assert "one_asked_per_call (chain=? AND call=?)" in of_call
    assert "one_outcome_per_call (chain=? AND call=?)" in of_call
    assert "one_asked_per_call (chain=? AND call=?)" in flying
    assert "USING INDEX trail_activity" in acts
    assert "trail_by_run (chain=? AND run=?)" in attempts
    with rows.plans() as planned:
        distinct.actors(context.chain)
    assert "call_by_actor (chain=? AND actor>?)" in planned[0]
