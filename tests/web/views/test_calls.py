"""The list of calls: who sees it, what it shows, how it is filtered and paged."""

from dataclasses import replace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fini_admin.audit.models import Entry
from fini_admin.fini import routes
from fini_admin.fini.routes import Resource
from tests.support import people, rows
from tests.support.who import by

URL = "/w/acme/audit/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def viewer(client, acme):
    client.force_login(people.member(acme, "viewer"))
    return client


@pytest.fixture
def admin(client, acme):
    client.force_login(people.member(acme, "admin"))
    return client


def shown(answer):
    """The states of the calls on a page, in order."""
    assert answer.status_code == 200
    return [row.state for row in answer.context["rows"]]


def test_it_shows_the_calls_newest_first_and_what_is_in_flight_on_top(viewer, context):
    rows.asked(context)
    first = rows.answered(context, rows.REGISTER, status=201)
    rows.lost(context)
    answer = viewer.get(URL)
    assert shown(answer) == ["in flight", "lost", "done"]
    page = answer.content.decode()
    assert f'href="/w/acme/audit/{first}/"' in page
    assert "POST /v2/documents/public/resources/notion" in page
    assert "ada@example.com" in page
    assert "184 ms" in page
    assert 'href="/w/acme/runs/7/"' in page


def test_without_calls_it_says_so(viewer):
    assert "No call was made yet." in viewer.get(URL).content.decode()


def test_another_workspaces_calls_are_not_there(viewer, context):
    other = people.workspace("other", "Other Company")
    rows.answered(replace(context, chain=str(other.pk)))
    rows.asked(replace(context, chain=str(other.pk)))
    assert shown(viewer.get(URL)) == []
    assert viewer.get("/w/other/audit/").status_code == 404


def test_no_body_is_in_what_a_page_is_made_of(admin, context):
    rows.answered(context, rows.REGISTER, kept='["a secret answer"]')
    answer = admin.get(URL)
    assert "Travel policy" not in answer.content.decode()
    assert "secret answer" not in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ("route=register", ["refused"]),
        ("method=GET", ["lost", "done"]),
        ("status=4xx", ["refused"]),
        ("outcome=lost", ["lost"]),
        ("outcome=in+flight", ["in flight"]),
        ("run=8", ["in flight"]),
        ("key=second", ["in flight"]),
        ("since=2001-01-01T00:00&until=2001-01-02T00:00", []),
        ("route=delete", []),
    ],
)
def test_each_filter_narrows_the_list(viewer, context, query, states):
    rows.answered(context)
    rows.answered(context, rows.REGISTER, status=400)
    rows.lost(context)
    rows.asked(replace(context, run=8, key="second"), rows.INGEST)
    answer = viewer.get(f"{URL}?{query}")
    assert shown(answer) == states
    assert ("No call matches." in answer.content.decode()) is (not states)


def test_a_wrong_filter_is_said_at_its_field_and_the_others_hold(viewer, context):
    rows.answered(context)
    rows.answered(context, rows.REGISTER)
    answer = viewer.get(f"{URL}?status=abc&run=x&method=GET")
    assert len(shown(answer)) == 1
    page = answer.content.decode()
    assert "Enter a status such as 500, or a class such as 5xx." in page
    assert 'value="abc"' in page
    assert 'aria-invalid="true"' in page
    assert "Not filtered by Status" in viewer.get(f"{URL}?status=abc", **HTMX).content.decode()


def test_only_who_may_search_for_people_can(viewer, context, acme):
    rows.answered(context)
    rows.answered(replace(context, by=by("bob@example.com", "browser")))
    for role, found in (("viewer", 2), ("editor", 2), ("admin", 1)):
        if role != "viewer":
            viewer.force_login(people.member(acme, role))
        answer = viewer.get(f"{URL}?who=bob@example.com")
        assert len(shown(answer)) == found
        assert ('name="who"' in answer.content.decode()) is (role == "admin")


@pytest.mark.parametrize("cursor", ["x", "-1", "", "9" * 40, "1e3", "٣", "%00", "1' OR 1=1"])
def test_a_cursor_that_is_none_leads_to_the_first_page(viewer, context, cursor):
    rows.answered(context)
    assert shown(viewer.get(URL, {"after": cursor})) == ["done"]


def test_older_calls_follow_page_by_page_each_once_and_keep_the_filters(viewer, context):
    with transaction.atomic():
        for _ in range(60):
            rows.answered(context)
            rows.answered(context, rows.REGISTER)
        rows.asked(context)
    first = viewer.get(f"{URL}?method=GET")
    assert len(first.context["rows"]) == 51
    older = first.context["page"].older
    assert f"?method=GET&amp;after={older}" in first.content.decode()
    second = viewer.get(f"{URL}?method=GET&after={older}")
    assert len(second.context["rows"]) == 10
    told = [row.call for row in (*first.context["rows"], *second.context["rows"])]
    assert len(set(told)) == 61
    assert 'data-live="list"' in first.content.decode()
    assert 'data-live="list"' not in second.content.decode()
    assert "Nothing is older" in viewer.get(f"{URL}?after=1").content.decode()


def test_the_live_part_is_the_list_alone(viewer, context):
    rows.answered(context)
    answer = viewer.get(f"{URL}?method=GET", **HTMX)
    assert shown(answer) == ["done"]
    assert "<html" not in answer.content.decode()
    assert "<form" not in answer.content.decode()
    assert 'data-live="list"' in answer.content.decode()


def test_a_call_that_ends_between_two_reads_is_told_once(viewer, context, monkeypatch):
    call = rows.answered(context)
    still_open = list(Entry.objects.filter(call=call, kind="call.asked"))
    monkeypatch.setattr("fini_admin.audit.queries.in_flight", lambda *_: still_open)
    assert shown(viewer.get(URL)) == ["done"]


def test_p5_a_key_typed_into_a_filter_is_nowhere_on_the_page(admin, context):
    rows.answered(context)
    answer = admin.get(f"{URL}?who={people.KEY}&key={people.KEY}&status={people.KEY}&since={people.KEY}")
    assert len(shown(answer)) == 1
    assert people.KEY not in answer.content.decode()
    assert "looks like an API key" in answer.content.decode()


def test_markup_in_an_address_is_text(viewer, context):
    rows.answered(context, replace(routes.list_sources(limit=1), path="/v2/<b>x</b>"))
    page = viewer.get(URL).content.decode()
    assert "<b>x</b>" not in page
    assert "/v2/&lt;b&gt;x&lt;/b&gt;" in page


def test_it_takes_as_many_queries_for_three_calls_as_for_one(admin, context):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            admin.get(URL)
        return len(seen)

    rows.answered(context)
    rows.asked(context)
    admin.get(URL)
    before = queries()
    for number in range(3):
        resource = Resource(f"n-{number}", "Page", "https://docs.example", "text/markdown")
        rows.answered(replace(context, run=number + 1), routes.register("notion", [resource.body()]))
        rows.asked(context)
    assert queries() == before
    assert before < 16


def test_it_changes_nothing_and_takes_no_post(viewer, context):
    rows.answered(context)
    before = Entry.objects.count()
    viewer.get(URL)
    assert Entry.objects.count() == before
