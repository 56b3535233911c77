"""People who log in as the product lets them, and a log-in provider on loopback."""

import re
import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client

from tests.support import people
from tests.support.provider import Provider, running

ADDRESS = "ada@example.com"


def log_in(client, login=ADDRESS, password=people.PASSWORD, **more):
    return client.post("/accounts/login/", {"login": login, "password": password, **more})


def signed_in(client) -> bool:
    return client.get("/accounts/sessions/").status_code == 200


def code(secret: str, steps: int = 0) -> str:
    """What an authenticator shows, so many steps of 30 s from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def trail(*kinds: str) -> list[tuple[str, str, dict]]:
    """The installation's rows of these kinds."""
    return [row for row in people.trail() if row[0] in kinds]


def text(answer) -> str:
    """A page's text with its white space folded."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def ada(db):
    return people.user(ADDRESS)


@pytest.fixture
def later(monkeypatch):
    """Moves the clock that sessions and log-ins are measured by."""
    real, moved = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])

    def move(**by: float) -> None:
        moved[0] += by.get("minutes", 0) * 60 + by.get("hours", 0) * 3600 + by.get("seconds", 0)

    return move


@pytest.fixture
def step_begins(later) -> None:
    """An authenticator's code has just changed, and stays for nearly 30 s."""
    later(seconds=30 - time.time() % 30)


def enrol(client) -> tuple[str, list[str]]:
    """Set up a second factor as a person does; returns the secret and the recovery codes. Logged in just now."""
    page = client.get("/accounts/2fa/activate/").content.decode()
    found = re.search(r'id="secret">([^<]+)', page)
    assert found
    secret = found[1].replace(" ", "").strip()
    done = client.post("/accounts/2fa/activate/", {"code": code(secret)})
    assert done.status_code == 302, text(done)
    return secret, re.findall(r"<li>(\d{8})</li>", client.get(done.url).content.decode())


@pytest.fixture
def enrolled(client, ada):
    """Ada with a second factor, logged out again: her secret and her codes."""
    log_in(client)
    found = enrol(client)
    client.post("/accounts/logout/")
    return found


@pytest.fixture(scope="session")
def provider_process():
    with running() as provider:
        yield provider


@pytest.fixture
def provider(provider_process, settings, db):
    settings.OIDC_SERVER_URL = provider_process.url
    settings.OIDC_CLIENT_ID = "fini-admin"
    settings.OIDC_CLIENT_SECRET = "a secret of the test"
    settings.OIDC_NAME = "Acme"
    return provider_process


def by_provider(client: Client, provider: Provider, sub: str, **more):
    """Log in there and come back; the answer to coming back."""
    off = client.post("/accounts/oidc/login/", more)
    assert off.status_code == 302, text(off)
    return client.get(provider.agree(off["Location"], sub))
