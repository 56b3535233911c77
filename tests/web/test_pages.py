import json
import re
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from fini_admin.sources.states import State
from fini_admin.web import urls
from fini_admin.web.permissions import public
from fini_admin.web.views import probes, workspaces
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sources import bare, count_again

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}


@pytest.fixture
def alive(monkeypatch):
    monkeypatch.setattr(probes, "worker_alive", lambda: True)


def test_who_has_one_workspace_is_led_to_it(client, acme):
    people.workspace("other", "Other Company")
    client.force_login(people.member(acme, "viewer"))
    assert client.get("/").url == "/w/acme/"


@pytest.mark.parametrize(
    ("address", "back"),
    [
        ("/w/acme/runs/999/", '<a href="/w/acme/">Back to the workspace</a>'),
        ("/w/acme/keys/", '<a href="/w/acme/">Back to the workspace</a>'),
        ("/w/other/runs/999/", '<a href="/">Home</a>'),
        ("/w/acme/nowhere/", '<a href="/">Home</a>'),
    ],
)
def test_from_what_is_not_there_the_way_back_leads_into_the_workspace_if_one_is_in_it(
    client, acme, address, back
):
    people.workspace("other", "Other Company")
    client.force_login(people.member(acme, "viewer"))
    page = client.get(address).content.decode()
    assert back in page
    assert "What happens here?" not in page  # it tells of a page that is not shown


def test_who_has_several_workspaces_chooses_by_name(client, acme):
    person = people.member(acme, "viewer")
    second = people.workspace("second", "A Second")
    people.workspace("hidden", "Hidden Company")
    people.join(person, second)
    client.force_login(person)
    page = client.get("/").content.decode()
    assert re.findall(r'<td class="title">\s*<a href="(/w/[^"]+)"', page) == ["/w/second/", "/w/acme/"]
    assert "Hidden Company" not in page


def test_the_home_across_workspaces_tells_what_goes_on_in_each_the_troubled_first(client, acme):
    person = people.member(acme, "viewer")
    second = people.workspace("second", "A Second")
    people.join(person, second)
    people.key(acme)
    people.key(second, plain=f"{people.KEY}2")
    for number, state in enumerate((State.USABLE, State.USABLE, State.FAILED)):
        bare(acme, fini_id=f"id-{number}", external_id=f"x-{number}", state=state)
    count_again(acme)
    client.force_login(person)
    with CaptureQueriesContext(connection) as few:
        page = " ".join(client.get("/").content.decode().split())
    lines = re.findall(r'<tr id="workspace-(\w+)">(.*?)</tr>', page)
    assert [name for name, _ in lines] == ["acme", "second"]
    assert "2 of 3 usable" in lines[0][1]
    assert 'href="/w/acme/sources/?state=failed" class="tone-red">1 failed</a>' in lines[0][1]
    assert "No source yet" in lines[1][1]
    for number in range(4):
        people.join(person, people.workspace(f"more-{number}", f"More {number}"))
    with CaptureQueriesContext(connection) as many:
        client.get("/")
    assert len(many) == len(few)


def test_of_too_many_workspaces_only_a_superuser_is_led_to_the_page_of_all(client, acme, monkeypatch):
    monkeypatch.setattr(workspaces, "MOST_WORKSPACES", 1)
    person = people.member(acme, "viewer")
    people.join(person, people.workspace("second", "Second"))
    for sign_in, led in ((person, False), (people.user("root@example.com", superuser=True), True)):
        client.force_login(sign_in)
        page = client.get("/").content.decode()
        assert "These are the first 1." in page
        assert ('<a href="/workspaces/">All workspaces</a>' in page) is led


def test_who_has_no_workspace_is_told_so(client, db):
    client.force_login(people.user())
    page = client.get("/").content.decode()
    assert "You are in no workspace yet." in page
    assert "ada@example.com" in page


def test_a_superuser_sees_all_workspaces(client, acme):
    client.force_login(people.user(superuser=True))
    assert "There is no workspace yet" not in client.get("/workspaces/").content.decode()
    assert 'href="/w/acme/"' in client.get("/workspaces/").content.decode()
    Workspace.objects.all().delete()
    assert "There is no workspace yet" in client.get("/workspaces/").content.decode()


def test_a_workspaces_home_says_where_and_as_what_one_is(client, acme):
    client.force_login(people.member(acme, "editor"))
    page = " ".join(client.get("/w/acme/").content.decode().split())
    assert "<h1> Home </h1>" in page
    assert "Acme Corporation" in page
    assert "Your role here: editor." in page
    assert re.search(r'<a href="/w/acme/"[^>]* aria-current="page"', page)


def test_a_name_is_escaped(client, acme):
    acme.name = "<b>A&B</b>"
    acme.save()
    client.force_login(people.member(acme, "editor"))
    page = client.get("/w/acme/").content.decode()
    assert "<b>A" not in page
    assert "&lt;b&gt;A&amp;B&lt;/b&gt;" in page


@pytest.mark.parametrize("address", ["/accounts/login/", "/healthz", "/no/such/page", "/w/acme/"])
def test_the_content_policy_is_exactly_this(client, acme, address):
    client.force_login(people.member(acme, "viewer"))
    policy = client.get(address)["Content-Security-Policy"]
    assert set(policy.split("; ")) == POLICY


def test_pages_load_htmx_4_with_the_settings_that_keep_state_and_stop_error_swaps(client, db):
    page = client.get("/accounts/login/").content.decode()
    assert "/static/django_htmx/htmx-4.min.js" in page
    found = re.search(r"name=\"htmx-config\"\s+content='([^']+)'", page)
    assert found
    assert json.loads(found[1]) == {
        "morphIgnore": ["data-htmx-powered", "open"],
        "noSwap": [204, 304, "404", "5xx"],
        "includeIndicatorCSS": False,
        "history": False,
    }


def test_a_framed_page_gives_its_token_to_htmx(client, acme):
    client.force_login(people.member(acme, "viewer"))
    page = client.get("/w/acme/").content.decode()
    assert re.search(r"""hx-headers:inherited='\{"X-CSRFToken": "\w{64}"\}'""", page)


def test_static_files_are_served(client, db):
    styles = [f"css/{name}.css" for name in ("base", "frame", "components", "charts", "pages", "phone")]
    page = client.get("/accounts/login/").content.decode()
    assert re.findall(r'<link rel="stylesheet" href="/static/([^"]+)">', page) == styles
    for name in (*styles, "js/frame.js", "icons/favicon.svg", "django_htmx/htmx-4.min.js"):
        answer = client.get(f"/static/{name}")
        answer.close()
        assert answer.status_code == 200, name
    for name in ("", "js/", "../manage.py", "%2e%2e/manage.py", ".git/config"):
        assert client.get(f"/static/{name}").status_code == 404, name


def test_healthz_answers_while_the_database_is_away(client):
    # No `db` fixture: pytest refuses any query.
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_readyz_is_ready_when_database_and_worker_are(client, db, alive):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": []})


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "[::1]", "no host at all", "a" * 300])
def test_the_probes_answer_whatever_host_they_are_asked_by(client, db, alive, settings, host):
    settings.ALLOWED_HOSTS = ["fini.example"]
    for probe in ("/healthz", "/readyz"):
        assert client.get(probe, headers={"Host": host}).status_code == 200
    for page in ("/accounts/login/", "/healthz/", "/readyz/x"):
        assert client.get(page, headers={"Host": host}).status_code == 400


def test_readyz_names_the_missing_worker(client, db, monkeypatch):
    monkeypatch.setattr(probes, "worker_alive", lambda: False)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "missing": ["worker"]})


def test_readyz_names_the_missing_database_and_tells_nothing_of_where_it_is(client, db, monkeypatch):
    def away(*_):
        raise OperationalError("could not connect to 10.0.0.7")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", away)
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["database"])
    assert answer.json()["why"].startswith("The database cannot be reached: ")
    assert b"10.0.0.7" not in answer.content


def test_readyz_names_the_missing_encryption_key_and_tells_nothing_of_it(client, db, alive, settings):
    people.user()
    settings.ENCRYPTION_KEYS = [people.PRINTABLE]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "missing": ["encryption_keys"]})


def test_readyz_names_all_that_is_missing(client, db, settings, monkeypatch):
    people.user()
    settings.ENCRYPTION_KEYS = [people.PRINTABLE]
    monkeypatch.setattr(probes, "worker_alive", lambda: False)
    assert client.get("/readyz").json()["missing"] == ["encryption_keys", "worker"]


def test_readyz_answers_a_visitor_whose_session_cannot_be_read(client, monkeypatch, db, alive):
    client.force_login(people.user())
    monkeypatch.setattr(
        "django.contrib.sessions.backends.db.SessionStore.load", lambda self: pytest.fail("session was read")
    )
    assert client.get("/readyz").status_code == 200


def test_plain_http_is_redirected_but_for_the_probes(client, settings, db, alive):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/accounts/login/").url == "https://testserver/accounts/login/"
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


def fail(request):
    raise RuntimeError("internal detail")


def miss(request):
    raise Http404("internal detail")


urlpatterns = [*urls.urlpatterns, path("break/", public(fail)), path("miss/", public(miss))]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(("address", "status"), [("/break/", 500), ("/miss/", 404), ("/no/such/page/", 404)])
def test_an_error_page_says_nothing_internal(client, db, address, status):
    client.raise_request_exception = False
    answer = client.get(address)
    page = answer.content.decode()
    assert answer.status_code == status
    assert "Fini Admin" in page
    for word in ("internal detail", "RuntimeError", "Traceback", "fini_admin", address.strip("/")):
        assert word not in page.replace("/static/", "")


def test_a_form_without_its_token_is_refused_in_plain_words(db):

    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a", "password": "b"})
    assert answer.status_code == 403
    assert "The form was opened too long ago" in answer.content.decode()


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_each_error_has_a_page_of_ours(name):
    assert (Path(__file__).parents[2] / "templates" / f"{name}.html").is_file()
