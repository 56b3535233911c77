"""Who may come to a page, each with a browser of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client, RequestFactory
from django.test.client import ClientHandler

from fini_admin.workspaces.models import User
from fini_admin.workspaces.workspaces import archive_workspace
from tests.support import people
from tests.support.furnished import ROLES, Furnished, furnish
from tests.support.log_ins import enrol
from tests.support.markup import Data

FORM = "application/x-www-form-urlencoded"
# Nobody listens there.
NOWHERE = "http://127.0.0.1:9"
FOUND = 302


class Browser(RequestFactory):
    """Asks as Django's test client does, without its copies of what templates were given: they take long."""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self.handler = ClientHandler(enforce_csrf_checks=False)

    def request(self, **environ: Any) -> Any:
        """The answer instead of the request."""
        return self.handler(self._base_environ(**environ))  # type: ignore[attr-defined]  # the stubs leave it out


@dataclass(frozen=True)
class Visitor:
    """Somebody with a session, or nobody; what one answer leaves in the browser is forgotten before the next."""

    name: str
    user: User | None
    cookies: dict[str, str]
    browser: Browser

    def ask(self, method: str, path: str, data: Data | None = None, **headers: str) -> Any:
        """The answer to one request."""
        self.browser.cookies = SimpleCookie(self.cookies)
        if method == "GET":
            return self.browser.get(path, headers=headers)
        body = urlencode(data or {}, doseq=True)
        return self.browser.generic(method, path, body, content_type=FORM, headers=headers)

    def get(self, path: str, **headers: str) -> Any:
        """The answer to looking at a page."""
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, data: Data | None = None, **headers: str) -> Any:
        """The answer to sending a form."""
        return self.ask("POST", path, data, **headers)


def come(name: str, user: User | None, browser: Browser) -> Visitor:
    """Somebody who logged in just now, an admin in two browsers; a superuser has a second factor."""
    client = Client()
    if user:
        for _ in range(2 if name in ("admin", "superuser") else 1):  # so that there is another session to end
            client = Client()
            typed = {"login": user.email, "password": people.PASSWORD}
            assert client.post("/accounts/login/", typed).status_code == FOUND
        if user.is_superuser:
            enrol(client)
    return Visitor(name, user, {name: cookie.value for name, cookie in client.cookies.items()}, browser)


@dataclass(frozen=True)
class House:
    """Two workspaces with everything in them, and everybody who may come to the first."""

    ours: Furnished
    theirs: Furnished
    visitors: dict[str, Visitor]

    def __getitem__(self, name: str) -> Visitor:
        """A visitor by name."""
        return self.visitors[name]


@contextmanager
def open_house() -> Iterator[House]:
    """A house that is gone afterwards; tests inside undo what they do."""
    with transaction.atomic():
        ours, theirs = furnish("ours", "Ourmark"), furnish("theirs", "Theirmark", more_runs=7)
        archive_workspace(**ours.who, workspace=people.workspace("gone", "Gone Company"))
        who: dict[str, User | None] = {"anonymous": None, "stranger": people.user("stranger@example.com")}
        who |= {role: ours.members[role] for role in ROLES}
        who |= {"foreign admin": theirs.members["admin"]}
        who |= {"superuser": people.user("root@example.com", superuser=True)}
        who |= {"switched off": people.member(ours.workspace, "admin", "off@example.com")}
        browser = Browser()
        yield House(ours, theirs, {name: come(name, user, browser) for name, user in who.items()})
        transaction.set_rollback(True)


@pytest.fixture
def alone(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """No call leaves, an error is not hidden behind its page, and what is refused is not to be read about."""
    settings.FINI_API_BASE_URL = NOWHERE
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    caplog.set_level("ERROR", "django.request")


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any) -> Iterator[House]:
    """One house for a file's tests."""
    with django_db_blocker.unblock(), open_house() as made:
        User.objects.filter(email="off@example.com").update(is_active=False)
        yield made
