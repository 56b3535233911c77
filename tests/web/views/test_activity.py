"""The activity: what people did, for admins."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fini_admin.audit import chain
from fini_admin.audit.models import Entry
from fini_admin.audit.names import OF_NO_WORKSPACE, Activity
from fini_admin.web.wording import activity
from fini_admin.web.wording.activity import pairs
from tests.support import people, rows
from tests.support.who import by

URL = "/w/acme/activity/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def admin(client, acme):
    client.force_login(people.member(acme, "admin"))
    return client


def write(acme, activity=Activity.KEY_ADDED, /, actor="ada@example.com", run=None, **detail):
    with transaction.atomic():
        chain.record(chain=str(acme.pk), kind=activity, by=by(actor, "browser"), detail=detail, run=run)


def told(answer):
    """What was done, in order."""
    assert answer.status_code == 200
    return [row["what"] for row in answer.context["rows"]]


def test_it_shows_what_people_did_newest_first_and_no_calls(admin, acme, context):
    rows.answered(context)
    write(acme, Activity.RUN_STARTED, run=7, kind="register", provider="notion", total=12)
    answer = admin.get(URL)
    assert told(answer) == ["Run started", "Member added", "Workspace created"]
    page = " ".join(answer.content.decode().split())
    assert "<b>ada@example.com</b> started run 7: register 12 resources" in page
    assert 'href="/w/acme/runs/7/"' in page
    assert "in the browser" in page


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_admins_read_it(client, acme, role):
    client.force_login(people.member(acme, role))
    assert client.get(URL).status_code == 403


def test_another_workspaces_activity_is_not_there(admin):
    people.key(people.workspace("other", "Other Company"))
    assert "Key added" not in told(admin.get(URL))
    assert admin.get("/w/other/activity/").status_code == 404


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("kind=key.added", ["Key added"]),
        ("who=BOB", ["Key added"]),
        ("who=nobody", []),
        ("since=2001-01-01&until=2001-01-02", []),
        ("since=2001-01-01", ["Key added", "Member added", "Workspace created"]),
        ("kind=x&since=y", ["Key added", "Member added", "Workspace created"]),
        ("after=x", ["Key added", "Member added", "Workspace created"]),
    ],
)
def test_each_filter_narrows_it_and_a_wrong_one_is_left_out(admin, acme, query, kinds):
    write(acme, actor="bob@example.com")
    assert told(admin.get(f"{URL}?{query}")) == kinds
    assert told(admin.get(f"{URL}?{query}", **HTMX)) == kinds


def test_older_activity_follows_page_by_page(admin, acme):
    for number in range(55):
        write(acme, label=f"key {number}")
    first = admin.get(f"{URL}?kind=key.added")
    second = admin.get(f"{URL}?kind=key.added&after={first.context['page'].older}")
    assert (len(told(first)), len(told(second))) == (50, 5)
    assert "?kind=key.added&amp;after=" in first.content.decode()


def test_p5_a_key_typed_into_a_filter_is_nowhere_on_the_page(admin):
    page = admin.get(f"{URL}?who={people.KEY}").content.decode()
    assert people.KEY not in page
    assert "looks like an API key" in page


def test_markup_in_a_detail_is_text(admin, acme):
    write(acme, label="<b>main</b>", **{"<i>": "x"})
    page = admin.get(URL).content.decode()
    assert "<b>main</b>" not in page
    assert "&lt;b&gt;main&lt;/b&gt;" in page
    assert "<i>" not in page


@pytest.mark.parametrize(
    ("kind", "detail", "sentence", "rest"),
    [
        (Activity.KEY_ADDED, '{"label": "main", "key": "1-2", "state": "live"}', "added the key main", []),
        (
            Activity.MEMBER_CHANGED,
            '{"email": "b@x", "was": "viewer", "role": "admin"}',
            "changed b@x from viewer to admin",
            [],
        ),
        (
            Activity.RUN_STARTED,
            '{"kind": "discover", "provider": "notion", "total": 0}',
            "started run 7: discover Notion",
            [],
        ),
        (
            Activity.RUN_STARTED,
            '{"kind": "web", "provider": "web", "total": 2, "reason": "new site"}',
            "started run 7: ingest 2 web addresses",
            [("reason", "new site")],
        ),
        (
            Activity.RUN_STARTED,
            '{"kind": "ingest", "provider": "notion", "total": 13, "retry_of": 3}',
            "started run 7: retry 13 sources",
            [("retry of", "3")],
        ),
        (
            Activity.RUN_STARTED,
            '{"kind": "register", "provider": "notion", "total": 2, "then_ingest": true}',
            "started run 7: register, then ingest, 2 resources",
            [],
        ),
        (
            Activity.QUEUE_REMOVED,
            '{"number": 1, "ids": ["a"]}',
            "removed 1 source from the queue",
            [("ids", "a")],
        ),
        (
            Activity.SETTINGS_CHANGED,
            '{"before": {"batch_size": null}, "after": {"batch_size": 50}}',
            "changed the settings",
            [("batch size", "none → 50")],
        ),
        (
            Activity.RUN_STARTED,
            '{"kind": "of a newer version", "provider": "notion", "total": 2, "reason": "2026-99-99T99:99:99+00:00"}',
            "started run 7: of a newer version",
            [("reason", "2026-99-99T99:99:99+00:00")],
        ),
        (Activity.KEY_ADDED, '{"name": "old"}', "", [("name", "old")]),
        ("something.newer", '{"a": 1}', "", [("a", "1")]),
    ],
)
def test_an_activity_is_a_sentence_and_the_rest_of_its_detail(kind, detail, sentence, rest):
    found = activity.told(Entry(kind=kind, run=7, detail=detail))
    assert (found.sentence, found.rest) == (sentence, rest)


def test_every_activity_of_a_workspace_has_a_sentence():
    assert set(Activity) - OF_NO_WORKSPACE == set(activity.SENTENCES)


def test_a_detail_is_told_as_names_and_values():
    detail = (
        '{"old_label":"a","scopes":["read","write"],"on":true,"error":null,"n":{"x":null},"e":[],"t":"","z":0,'
        '"expires_at":"2026-12-01T18:44:02.393253+00:00"}'
    )
    assert pairs(detail) == [
        ("old label", "a"),
        ("scopes", "read, write"),
        ("on", "yes"),
        ("n", "x none"),
        ("e", "none"),
        ("z", "0"),
        ("expires at", "2026-12-01 18:44 UTC"),
    ]
    assert pairs(None) == []
    assert pairs("no JSON") == [("detail", "no JSON")]
    assert pairs("[1, 2]") == [("detail", "1, 2")]


def test_it_takes_as_many_queries_for_many_rows_as_for_one(admin, acme):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            admin.get(URL)
        return len(seen)

    admin.get(URL)
    before = queries()
    for _ in range(3):
        write(acme)
    assert queries() == before
    assert before < 14
