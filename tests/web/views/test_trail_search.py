"""Searching on the pages of the trail: what loads after the list, suggestions, one line of time, looking back."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fini_admin.audit import chain, matching, newest
from fini_admin.audit.names import Activity
from fini_admin.fini import routes
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.web.wording import audit_summary
from tests.support import people, rows
from tests.support.sources import NOW, bare
from tests.support.who import by

CALLS, ACTIVITY = "/w/acme/audit/", "/w/acme/activity/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def as_role(client, acme):
    def log_in(role):
        client.force_login(people.member(acme, role, f"{role}@example.com"))
        return client

    return log_in


def found(answer):
    assert answer.status_code == 200
    return [row.call for row in answer.context["rows"]]


def text(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_search_narrows_the_list_and_stands_in_the_address(as_role, context):
    rows.answered(context)
    wanted = rows.answered(context, rows.REGISTER, status=503)
    answer = as_role("viewer").get(CALLS, {"q": "-outcome:done route:register"})
    assert found(answer) == [wanted]
    assert 'value="-outcome:done route:register"' in answer.content.decode()
    assert "q=-outcome%3Adone+route%3Aregister" in answer.content.decode()


def test_a_wrong_term_is_said_beside_the_field_with_what_was_typed(as_role, context):
    call = rows.answered(context)
    answer = as_role("viewer").get(CALLS, {"q": "status:abc method:GET"})
    assert found(answer) == [call]
    assert 'value="status:abc method:GET"' in answer.content.decode()
    assert "status:abc: Enter a status such as 500, or a class such as 5xx." in text(answer)
    assert 'aria-invalid="true"' in answer.content.decode()


@pytest.fixture
def mirrored(acme, context):
    """A call whose answer made a source of an external ID."""
    call = rows.answered(context, rows.REGISTER)
    [source] = mirror.ensure_sources(acme, "notion", ["fini-1"], Observation(call, datetime.now(UTC), 7))
    source.external_id, source.title = "n-1", "Travel policy"
    source.save()
    return call


def test_a_source_is_found_by_its_id_its_external_id_and_by_either_alone(as_role, context, mirrored):
    deleted = rows.answered(context, routes.delete(["fini-1"]))
    rows.answered(context, routes.delete(["fini-2"]))
    client = as_role("viewer")
    for typed in ("source:fini-1", "external:n-1", "fini-1", "n-1"):
        assert found(client.get(CALLS, {"q": typed})) == [deleted, mirrored], typed
    assert found(client.get(CALLS, {"q": "source:fini-1 -route:delete"})) == [mirrored]
    assert found(client.get(CALLS, {"q": mirrored})) == [mirrored]
    assert found(client.get(CALLS, {"q": "source:fini-3"})) == []


def test_what_is_in_flight_is_searched_too(as_role, context):
    flying = rows.asked(context, routes.delete(["fini-1"]))
    client = as_role("viewer")
    assert found(client.get(CALLS, {"q": "source:fini-1"})) == [flying]
    assert found(client.get(CALLS, {"q": "-route:delete"})) == []
    assert found(client.get(CALLS, {"q": "duration:>1s"})) == []


def test_p7_where_not_all_was_looked_through_the_page_says_so_and_goes_on(as_role, context, monkeypatch):
    monkeypatch.setattr(matching, "MOST_LOOKED_AT", 3)
    first = rows.answered(replace(context, by=by("ada@example.com", "schedule")))
    with transaction.atomic():
        for _ in range(5):
            rows.answered(context)
    client = as_role("viewer")
    query, turns = {"q": "origin:schedule"}, 0
    while not found(answer := client.get(CALLS, query)):
        assert "Nothing matches among the newest" in text(answer)
        [query["after"]] = re.findall(r"after=(\d+)\">Look further back", answer.content.decode())
        turns += 1
    assert found(answer) == [first]
    assert turns == 1


def test_what_is_counted_loads_after_the_page_and_each_count_narrows_the_search(as_role, context):
    rows.answered(context, rows.REGISTER, status=500, said="Out of order")
    for _ in range(3):
        rows.answered(context)
    rows.lost(context)
    rows.unsent(context, rows.REGISTER)
    client = as_role("admin")
    assert "part=summary" in client.get(CALLS).content.decode()
    part = client.get(CALLS, {"part": "summary", "q": "method:GET -run:9"})
    assert "of all that match" in text(client.get(CALLS, {"part": "summary"}))
    assert "<b>4</b> calls" in text(part)
    whole = client.get(CALLS, {"part": "summary"}).content.decode()
    facets = re.findall(r'<a class="facet"\s+href="([^"]*)"><span[^>]*>(.*?)</span> <b>(\d+)</b></a>', whole)
    assert {("?q=route%3Alist", "list", "4"), ("?q=status%3A5xx", "5xx", "1")} <= set(facets)
    assert {name for _, name, _ in facets} >= {"unknown", "lost", "unsent"}
    for address, _, number in facets:
        assert str(len(found(client.get(CALLS + address.replace("&amp;", "&"))))) == number


def test_without_a_script_a_link_counts_in_the_page(as_role, context):
    rows.answered(context)
    client = as_role("viewer")
    page = client.get(CALLS, {"q": "route:list"}).content.decode()
    [address] = re.findall(r'<a href="([^"]*)">Count these calls', page)
    counted = client.get(CALLS + address.replace("&amp;", "&"))
    assert "<b>1</b> call" in text(counted)
    assert len(found(counted)) == 1


def test_the_charts_tell_calls_errors_and_durations_and_a_bar_leads_to_its_calls(
    as_role, context, monkeypatch
):
    at_once = chain.utc_now_text()  # in two minutes they might be two bars
    monkeypatch.setattr(chain, "utc_now_text", lambda: at_once)
    rows.answered(context, rows.REGISTER, status=500)
    rows.answered(context)
    client = as_role("viewer")
    whole = client.get(CALLS, {"part": "summary"}).content.decode()
    assert "2 calls, 50.0% errors" in whole
    assert "half within 184 ms, 95 of 100 within 184 ms" in whole
    [bar] = set(re.findall(r'<a href="(\?[^"]*since[^"]*)"', whole))
    assert len(found(client.get(CALLS + bar.replace("&amp;", "&")))) == 2


def test_errors_are_grouped_by_cause_and_route_and_lead_to_themselves(as_role, context):
    for said in ("one", "two"):
        rows.answered(context, rows.REGISTER, status=400, said=said)
    rows.answered(context, status=500)
    client = as_role("viewer")
    whole = client.get(CALLS, {"part": "summary"}).content.decode()
    groups = re.findall(
        r'<a href="(\?[^"]*)">(Fini [^<]*)</a>\s*</td>\s*<td [^>]*>(\w+)</td>\s*<td class="number"[^>]*>(\d+)',
        whole,
    )
    assert [group[1:] for group in groups] == [
        ("Fini refused the request", "register", "2"),
        ("Fini failed", "list", "1"),
    ]
    for address, *_, number in groups:
        assert len(found(client.get(CALLS + address.replace("&amp;", "&")))) == int(number)


def test_p7_no_more_than_the_newest_are_counted_and_that_is_said(as_role, context, monkeypatch):
    monkeypatch.setattr(newest, "MOST_COUNTED", 2)
    monkeypatch.setattr("fini_admin.web.wording.audit_summary.MOST_COUNTED", 2)
    for _ in range(3):
        rows.answered(context)
    part = text(as_role("viewer").get(CALLS, {"part": "summary"}))
    assert "<b>2</b> calls, the newest 2" in part


def suggested(client, typed, page=CALLS):
    answer = client.get(page, {"part": "suggest", "text": typed})
    assert answer.status_code == 200
    return re.findall(r'data-text="([^"]*)"', answer.content.decode())


def test_keys_and_then_their_values_are_suggested_while_typing(as_role, context, mirrored):
    rows.answered(replace(context, key="second"), status=503, said="Out of order")
    client = as_role("admin")
    assert suggested(client, "ro") == ["route:"]
    assert suggested(client, "x -ro") == ["x -route:"]
    assert suggested(client, "route:re") == ["route:register ", "route:refresh "]
    assert suggested(client, "-person:ad") == ["-person:ada@example.com "]
    assert suggested(client, "key:") == ["key:main ", "key:second "]
    assert suggested(client, "status:5") == ["status:5xx ", "status:503 "]
    assert suggested(client, "source:travel") == ["source:fini-1 "]
    assert suggested(client, "error:failed") == ["error:&quot;Fini failed&quot; "]
    assert suggested(client, "zebra:") == []
    assert len(suggested(client, "")) > 10
    assert suggested(client, "what:key.ad", ACTIVITY) == ["what:key.added "]


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_may_not_search_for_people_is_suggested_none_and_counts_none(as_role, context, role):
    rows.answered(context)
    rows.answered(replace(context, by=by("bob@example.com", "browser")))
    client = as_role(role)
    assert suggested(client, "person:") == []
    assert suggested(client, "per") == []
    assert "bob@example.com" not in text(client.get(CALLS, {"part": "summary"}))
    assert len(found(client.get(CALLS, {"q": "person:bob@example.com"}))) == 2


def test_activity_and_calls_are_one_line_of_time(as_role, acme, context):
    with transaction.atomic():
        chain.record(
            chain=str(acme.pk), kind=Activity.RUN_STARTED, by=by("ada@example.com", "browser"), run=7
        )
    call = rows.answered(context)
    with transaction.atomic():
        chain.record(chain=str(acme.pk), kind=Activity.RUN_PAUSED, by=by("ada@example.com", "browser"), run=7)
    client = as_role("admin")
    answer = client.get(ACTIVITY, {"show": "all", "q": "run:7"})
    kinds = [row["entry"].kind for row in answer.context["rows"]]
    assert kinds == ["run.paused", "call.answered", "run.started"]
    assert f'href="{CALLS}{call}/"' in answer.content.decode()
    assert f'href="{CALLS}?run=7"' in answer.content.decode()


def moments(page):
    """What a call's timeline tells, the oldest first."""
    found = re.findall(r"<li>\s*<time.*?</time>(.*?)</li>", page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", "", one).split()) for one in found]


def test_what_an_answer_shows_stands_after_it_though_it_is_as_old_as_the_question(as_role, acme, context):
    call = rows.answered(context)
    sent = timezone.now() - timedelta(minutes=1)
    bare(acme).history.create(at=sent, old="running", new="usable", call=call)
    told = moments(as_role("admin").get(f"{CALLS}{call}/").content.decode())
    assert told[-2:] == ["Answered 200 after 184 ms", "1 source: running → usable"]


def test_a_call_leads_to_the_calls_beside_it_and_to_its_moments(as_role, context):
    first, second, third = (
        rows.answered(context, rows.REGISTER, status=status) for status in (500, 503, 200)
    )
    client = as_role("admin")
    page = client.get(f"{CALLS}{second}/").content.decode()
    assert re.findall(r'rel="(\w+)"\s+href="/w/acme/audit/([^/"]+)/"', page) == [
        ("prev", first),
        ("next", third),
    ]
    assert moments(page) == [
        "The same request, try 1: unknown",
        "Recorded, then sent",
        "Answered 503 after 184 ms",
        "The same request, try 1: done",
    ]
    assert "All that happened in these minutes" in page
    assert "All that happened" not in as_role("viewer").get(f"{CALLS}{second}/").content.decode()


def test_p7_a_page_takes_no_more_queries_for_two_conditions(as_role, context):
    rows.answered(context)
    client = as_role("admin")
    client.get(CALLS, **HTMX)
    for typed in (
        "",
        "person:ada@example.com run:7",
        "source:x person:ada@example.com",
        "error:x",
        "person:ada key:main",
    ):
        for after in ({}, {"after": "100"}):
            with CaptureQueriesContext(connection) as seen:
                client.get(CALLS, {"q": typed} | after, **HTMX)
            assert len(seen) <= 8, (typed, after)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_a_day_is_the_viewers_day_in_its_bar(zone, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    with timezone.override(ZoneInfo(zone)):
        noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
        for at in (noon, noon - timedelta(hours=11), noon + timedelta(hours=11), noon - timedelta(days=200)):
            start = audit_summary._beginning(at.astimezone(UTC), audit_summary.DAY)
            assert audit_summary._moment(start, audit_summary.DAY) == f"{at.day} {at:%b}"
