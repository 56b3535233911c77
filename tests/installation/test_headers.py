"""What every kind of answer carries, what cookies are, and what a body may weigh."""

import io
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client
from django.urls import path, resolve

from fini_admin.lib.redaction import LogFormatter
from fini_admin.web import urls
from fini_admin.web.body_size import MOST
from fini_admin.web.permissions import public
from tests.installation.conftest import Furnished
from tests.support import people
from tests.support.product import ROOT, environment

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
LOGIN = {"login": "ada@example.com", "password": people.PASSWORD}


def failing(request):
    raise RuntimeError("an error of ours")


urlpatterns = [*urls.urlpatterns, path("fails/", public(failing))]


def faults(answer: Any) -> list[str]:
    """What an answer lacks."""
    stricter = {"Referrer-Policy": ("same-origin", "no-referrer")}
    wrong = [name for name, value in HEADERS.items() if answer.get(name) not in stricter.get(name, (value,))]
    if "default-src 'none'" not in answer.get("Content-Security-Policy", ""):
        wrong.append("Content-Security-Policy")
    if "no-store" not in answer.get("Cache-Control", ""):
        wrong.append("Cache-Control")
    return wrong


@pytest.mark.urls(__name__)
def test_every_kind_of_answer_carries_the_headers(furnished: Furnished):
    browser = furnished.seen()
    browser.raise_request_exception = False
    strict = Client(enforce_csrf_checks=True)
    answers = {route: browser.get(address) for route, address in furnished.addresses().items()}
    answers |= {f"anonymous {address}": Client().get(address) for address in ("/", "/accounts/login/")}
    answers["export"] = browser.get("/w/acme/sources/", {"export": "csv"})
    people.sign_in(browser, furnished.root)
    answers["part"] = browser.get("/w/acme/sources/", headers={"HX-Request": "true"})
    answers |= {
        "404": browser.get("/nowhere"),
        "400": browser.get("/accounts/login/?a=%00"),
        "the slash that is missing": Client().get("/accounts/login"),
        "another host": Client(raise_request_exception=False).get("/", headers={"host": "other.example"}),
        "500": browser.get("/fails/"),
        "403": strict.post("/accounts/login/"),
    }
    answers["413"] = browser.post(
        "/accounts/login/", "x", content_type="text/plain", CONTENT_LENGTH="99999999"
    )
    assert {name: answers[name].status_code for name in ("403", "404", "413", "500")} == {
        "403": 403,
        "404": 404,
        "413": 413,
        "500": 500,
    }
    assert {name: found for name, answer in answers.items() if (found := faults(answer))} == {}


def test_every_answer_says_what_it_is_and_none_which_versions_run(furnished: Furnished):
    browser = furnished.seen()
    for route, address in furnished.addresses().items():
        answer = browser.get(address)
        if answer.status_code == 200:
            kind = answer["Content-Type"]
            assert "charset=utf-8" in kind or kind in ("application/json", "image/svg+xml", "text/plain"), (
                route
            )
        assert not {"Server", "X-Powered-By", "Via"} & set(answer.headers), route


@pytest.mark.django_db
def test_no_line_of_the_log_is_made_up_by_an_address(client, caplog):
    client.get("/nowhere/%0AERROR%20django%20all%20is%20well")
    client.get("/nowhere/", {"a": "b\nERROR django all is well"})
    lines = [line for record in caplog.records for line in caplog.handler.format(record).splitlines()]
    assert len(lines) >= 2
    assert [line for line in lines if line.startswith("ERROR django")] == []


@pytest.mark.django_db
def test_the_line_of_what_was_refused_names_who_asked(client, caplog):
    client.get("/nowhere/")
    people.sign_in(client, people.member(people.workspace(), "viewer", "eve@example.com"))
    for address in ("/w/acme/keys/", "/w/other/keys/"):
        client.get(address)
    assert [LogFormatter("%(message)s").format(record).splitlines()[0] for record in caplog.records] == [
        "Not Found: /nowhere/",
        "Forbidden (Permission denied): /w/acme/keys/ (asked by eve@example.com)",
        "Not Found: /w/other/keys/ (asked by eve@example.com)",
    ]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/xml", ""])
def test_a_body_that_is_no_forms_is_refused_by_every_page(furnished: Furnished, kind: str):
    browser = furnished.seen()
    answered = {
        route: browser.generic("POST", address, b'{"a": 1}', content_type=kind).status_code
        for route, address in furnished.addresses().items()
    }
    assert set(answered.values()) == {415}


@pytest.mark.django_db
def test_no_answer_lets_another_site_read_it(client):
    answer = client.get("/accounts/login/", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.django_db
def test_what_is_static_is_not_guessed_at_and_may_be_kept(client):
    answer = client.get("/static/js/frame.js")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" not in answer.get("Cache-Control", "")
    answer.close()


@pytest.mark.django_db
def test_cookies_are_for_this_site_and_no_script_reads_the_session(client, settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    people.user("ada@example.com")
    client.get("/accounts/login/")
    cookies = client.post("/accounts/login/", LOGIN).cookies
    flags = {name: (morsel["secure"], morsel["samesite"], morsel["path"]) for name, morsel in cookies.items()}
    assert set(flags.values()) == {(True, "Lax", "/")}
    assert {"sessionid", "csrftoken"} <= set(flags)
    # It ends with the browser: nothing to remember.
    assert (cookies["sessionid"]["httponly"], cookies["sessionid"]["max-age"]) == (True, "")
    assert {morsel["domain"] for morsel in cookies.values()} == {""}


def test_a_deployment_is_as_strict_as_djangos_check_asks_but_for_the_two_items_of_hsts(tmp_path):
    env = environment(tmp_path / "var", f"sqlite:///{tmp_path / 'db'}", PLAIN_HTTP_ON_LOOPBACK="no")
    env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # the browser's tests set it for themselves
    line = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "(2 silenced)" in done.stdout + done.stderr
    wanted = "SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SECURE_SSL_REDIRECT SECURE_HSTS_SECONDS SILENCED_SYSTEM_CHECKS"
    assert settings_of(env, wanted) == "True True True 31536000 ['security.W005', 'security.W021']"


def settings_of(env: dict[str, str], names: str) -> str:
    """Settings of a process with this environment, as it prints them."""
    show = (
        "import django; django.setup(); from django.conf import settings as s; "
        f"print(*[getattr(s, n) for n in '{names}'.split()])"
    )
    line = [sys.executable, "-c", show]
    said = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return said.stdout.strip()


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"PLAIN_HTTP_ON_LOOPBACK": "no"}, "__Host-sessionid __Host-csrftoken"),
        # A browser refuses such a name from plain HTTP, and nobody could log in.
        ({"PLAIN_HTTP_ON_LOOPBACK": "yes"}, "sessionid csrftoken"),
        ({"PLAIN_HTTP_ON_LOOPBACK": "no", "DEBUG": "yes"}, "sessionid csrftoken"),
    ],
)
def test_cookies_that_are_secure_are_bound_to_the_host_by_their_names(tmp_path, more, names):
    env = environment(tmp_path / "var", f"sqlite:///{tmp_path / 'db'}", **more)
    assert settings_of(env, "SESSION_COOKIE_NAME CSRF_COOKIE_NAME") == names


@pytest.mark.django_db
def test_what_such_a_name_asks_of_a_cookie_is_so_and_its_token_counts(settings):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    people.user("ada@example.com")
    browser = Client(enforce_csrf_checks=True)
    browser.get("/accounts/login/", secure=True)
    token = browser.cookies["__Host-csrftoken"].value
    safe: dict[str, Any] = {"secure": True, "headers": {"Referer": "https://testserver/accounts/login/"}}
    answer = browser.post("/accounts/login/", LOGIN | {"csrfmiddlewaretoken": token}, **safe)
    assert answer.status_code == 302
    for name in ("__Host-sessionid", "__Host-csrftoken"):
        held = answer.cookies[name]
        assert (held["secure"], held["path"], held["domain"]) == (True, "/", "")
    assert browser.get("/accounts/sessions/", secure=True).status_code == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_body_without_end_is_not_read_by_any_page(furnished: Furnished, kind: str):
    class Body:
        """Says that it is large, and fails whoever reads it."""

        def read(self, *_: Any) -> bytes:
            raise AssertionError("it was read")

        readline = read

    browser = furnished.seen()
    stated: dict[str, Any] = {
        "CONTENT_LENGTH": str(14 * 1024 * 1024),
        "CONTENT_TYPE": kind,
        "wsgi.input": Body(),
    }
    answered = {
        route: browser.generic("POST", address, **stated).status_code
        for route, address in furnished.addresses().items()
        if not route.endswith(("register/", "invitations/<str:token>/"))
    }
    assert set(answered.values()) == {413}


def test_a_body_above_a_megabyte_is_read_by_pages_only_that_take_a_file_a_text_or_a_selection(
    furnished: Furnished,
):
    browser = furnished.seen()
    body, kind = b"a=" + b"1" * MOST, "application/x-www-form-urlencoded"
    takes = {
        route
        for route, address in furnished.addresses().items()
        if browser.generic("POST", address, body, content_type=kind).status_code != 413
    }
    large = {"register/", "discover/<str:provider>/", "queue/", "sources/", "web/", "previews/<slug:token>/"}
    assert takes == {f"w/<slug:slug>/{path}" for path in large} | {"invitations/<str:token>/"}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_what_a_stranger_sends_to_a_page_that_wants_a_log_in_is_taken_in_and_never_parsed(
    furnished: Furnished, kind: str
):
    client = Client(enforce_csrf_checks=True)
    client.get("/accounts/login/")  # brings the token's cookie
    for route, address in furnished.addresses().items():
        if getattr(resolve(address).func, "login_required", True):
            body = io.BytesIO(b"a=" + b"1" * 10_000)
            stated: dict[str, Any] = {
                "CONTENT_LENGTH": "10002",
                "CONTENT_TYPE": kind,
                "wsgi.input": body,
            }
            answer = client.generic("POST", address, **stated)
            assert answer["Location"].startswith("/accounts/login/?next=/"), route
            assert body.tell() == 10_002, route
            assert not hasattr(answer.wsgi_request, "_post"), route


@pytest.mark.django_db
def test_what_is_too_large_is_taken_in_so_that_the_answer_is_heard_and_never_parsed(client):
    body = io.BytesIO(b"login=" + b"%" * MOST)
    stated: dict[str, Any] = {
        "CONTENT_LENGTH": str(MOST + 6),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "wsgi.input": body,
    }
    answer = client.generic("POST", "/accounts/login/", **stated)
    assert answer.status_code == 413
    assert "shorten" in answer.content.decode()
    assert body.tell() == MOST + 6
    assert not hasattr(answer.wsgi_request, "_post")
