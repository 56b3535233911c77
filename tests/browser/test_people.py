"""Logging in and staying in, as a person meets it: on an installation of its own, for log-ins are limited."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, Error, Page, Request, expect

from tests.browser import accessibility, layout
from tests.browser.chromium import AT_MOST
from tests.browser.conftest import DESK
from tests.browser.console import Console, console
from tests.browser.guard import watch
from tests.browser.paths import log_in
from tests.browser.product import DATABASE, PASSWORD, deploy, served
from tests.support.product import environment
from tests.support.provider import Provider
from tests.support.provider import running as provider_running

PEOPLE = ("locked", "totp", "codes", "company", "table", "typist", "sessions")
MAKE = """
from fini_admin.audit.names import By, Origin
from fini_admin.workspaces.members import add_member, add_user
from fini_admin.workspaces.workspaces import create_workspace
who = By("test", Origin.COMMAND_LINE)
acme = create_workspace(by=who, slug="acme", name="Acme")
for name in names:
    person = add_user(by=who, email=f"{name}@acme.example", password=password)
    add_member(by=who, workspace=acme, user=person, role="admin")
"""
# The clock of one person's sessions, put back: as if nothing had been done for so long.
LEAVE_ALONE = """
from django.contrib.sessions.backends.db import SessionStore
from allauth.usersessions.models import UserSession
from fini_admin.people import sessions
for one in UserSession.objects.filter(user__email=email):
    store = SessionStore(one.session_key)
    store[sessions.USED] -= minutes * 60
    store.save()
"""


@dataclass(frozen=True)
class Installation:
    """The product with a log-in provider beside it."""

    url: str
    console: Console
    provider: Provider

    def unused(self, who: str, minutes: int) -> None:
        """Nobody used this person's sessions for so long."""
        self.console.run(LEAVE_ALONE, email=address(who), minutes=minutes)


def press_or_be_led(page: Page, name: str) -> None:
    """Press a button of a page whose session is over; its own poll may find that out first, and leave with it."""
    with suppress(Error):
        page.get_by_role("button", name=name, exact=True).click(timeout=3000)


def address(who: str) -> str:
    """A person's e-mail address."""
    return f"{who}@acme.example"


def code(secret: str, steps: int = 0) -> str:
    """What an authenticator shows, so many steps of 30 s from now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


@contextmanager
def installed(
    folder: Path, names: tuple[str, ...], code: str = "", **settings: str
) -> Iterator[Installation]:
    """An installation in which these people are admins; `code` runs in it once they are there."""
    with provider_running() as provider:
        settings |= {
            "FINI_API_BASE_URL": "http://127.0.0.1:9",
            "OIDC_SERVER_URL": provider.url,
            "OIDC_CLIENT_ID": "fini-admin",
            "OIDC_CLIENT_SECRET": "a secret of the test",
            "OIDC_NAME": "Acme ID",
        }
        env = environment(folder, f"sqlite:///{folder / DATABASE}", **settings)
        deploy(env)
        with console(env) as started, served(env) as url:
            started.run(MAKE + code, names=names, password=PASSWORD)
            yield Installation(url, started, provider)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("people"), PEOPLE) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, installation: Installation) -> Iterator[Callable[[], Page]]:
    """A tab in a browser of its own; what no page may do fails the test at its end."""
    contexts, faults = [], []

    def open_tab() -> Page:
        context = browser.new_context(base_url=installation.url, viewport=DESK, reduced_motion="reduce")
        context.set_default_timeout(AT_MOST)
        contexts.append(context)
        page = context.new_page()
        faults.append(watch(page, installation.url))
        return page

    yield open_tab
    for context in contexts:
        context.close()
    # The provider's own page says and loads what it likes.
    theirs = (installation.provider.url, "cdn.jsdelivr.net")
    assert [fault for found in faults for fault in found if not any(host in fault for host in theirs)] == []


def inside(page: Page) -> None:
    """Waits until somebody is logged in."""
    page.wait_for_url(lambda url: "/accounts/" not in url)


def fine(page: Page) -> None:
    """Nothing out of reach, nothing cut, in both themes."""
    assert layout.overflow(page) + layout.cut(page) + accessibility.in_both_themes(page) == []


def press(page: Page, name: str) -> None:
    """Presses a button and waits for the page that follows; the form asks first whether the server answers."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def enrol(page: Page) -> tuple[str, list[str]]:
    """Sets up a second factor; its secret and the recovery codes."""
    page.goto("/accounts/2fa/")
    page.get_by_role("link", name="Set up a second factor").click()
    page.wait_for_function("() => document.querySelector('img.qr')?.naturalWidth > 0")
    secret = page.locator("#secret").inner_text().replace(" ", "").replace("\n", "")
    fine(page)
    page.get_by_label("Code").fill(code(secret))
    press(page, "Set up")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    fine(page)
    return secret, page.locator(".codes li").all_inner_texts()


def test_a_wrong_password_says_so_and_five_lock(tab):
    page = tab()
    for number in range(5):
        log_in(page, address("locked"), f"wrong {number}")
        expect(page.get_by_text("The address or the password is wrong.")).to_be_visible()
        expect(page.locator("[name=login]")).to_have_value(address("locked"))
    log_in(page, address("locked"), PASSWORD)
    expect(page.get_by_text("Too many failed login attempts")).to_be_visible()
    fine(page)


def test_a_second_factor_is_set_up_and_asked_for(tab):
    page = tab()
    log_in(page, address("totp"), PASSWORD)
    inside(page)
    secret, _ = enrol(page)
    page.get_by_role("link", name="I have kept them").click()
    page.goto("/accounts/2fa/")
    fine(page)
    page.get_by_role("navigation", name="You").locator("summary").click()
    press(page, "Log out")
    log_in(page, address("totp"), PASSWORD)
    expect(page.get_by_label("Code")).to_be_focused()
    page.get_by_label("Code").fill("000000")
    press(page, "Log in")
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    fine(page)
    page.get_by_label("Code").fill(code(secret, 1))
    press(page, "Log in")
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()


def test_a_recovery_code_logs_in_once(tab):
    page = tab()
    log_in(page, address("codes"), PASSWORD)
    inside(page)
    _, codes = enrol(page)
    page.goto("/accounts/2fa/codes/")
    expect(page.get_by_text("They were shown once")).to_be_visible()
    page.goto("about:blank")  # its poll would lead to the log-in by itself
    page.context.clear_cookies()
    log_in(page, address("codes"), PASSWORD)
    page.get_by_label("Code").fill(codes[0])
    press(page, "Log in")
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()
    page.goto("about:blank")  # its poll would lead to the log-in by itself
    page.context.clear_cookies()
    log_in(page, address("codes"), PASSWORD)
    page.get_by_label("Code").fill(codes[0])
    press(page, "Log in")
    expect(page.get_by_text("This code is wrong, too old, or was used already.")).to_be_visible()


def test_the_log_in_provider_lets_a_known_person_in(tab, installation):
    page = tab()
    installation.provider.knows("u1", email=address("company"), email_verified=True)
    page.goto("/accounts/login/?next=/w/acme/runs/")
    fine(page)
    press(page, "Log in at Acme ID")
    page.wait_for_url(f"{installation.provider.url}/**")
    page.locator("[name=sub]").first.fill("u1")
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.wait_for_url("**/w/acme/runs/")
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()


def test_a_live_table_whose_session_ends_leads_to_the_log_in_and_back(tab, installation):
    page = tab()
    log_in(page, address("table"), PASSWORD)
    inside(page)
    page.goto("/w/acme/runs/?kind=discover")
    installation.unused("table", 28)
    # It asks by itself, and that does not use the session: a few minutes later it has ended.
    asked: list[Request] = []

    def on_request(request: Request) -> None:
        if "hx-request" in request.headers:
            asked.append(request)

    page.on("request", on_request)
    page.wait_for_timeout(9500)
    assert len(asked) >= 2
    assert not any("x-by-hand" in request.headers for request in asked)
    installation.unused("table", 3)
    page.wait_for_url(re.compile(r"/accounts/login/\?next=/w/acme/runs/%3Fkind%3Ddiscover$"))
    page.locator("[name=login]").fill(address("table"))
    page.locator("[name=password]").fill(PASSWORD)
    press(page, "Log in")
    page.wait_for_url("**/w/acme/runs/?kind=discover")


def test_what_a_person_does_by_hand_is_said_to_be(tab):
    page = tab()
    log_in(page, address("table"), PASSWORD)
    inside(page)
    page.goto("/w/acme/runs/")
    # Keys that are pressed, not a value that a script sets: what a script does is not by hand.
    page.get_by_role("search").locator("select").first.focus()
    with page.expect_request(lambda request: request.headers.get("x-by-hand") == "1"):
        page.keyboard.press("ArrowDown")


def test_what_was_typed_comes_back_after_logging_in_again_but_no_key(tab, installation):
    page = tab()
    log_in(page, address("typist"), PASSWORD)
    inside(page)
    page.goto("/w/acme/keys/")
    page.get_by_label("Label", exact=True).fill("a label of mine")
    page.get_by_label("API key", exact=True).fill("fini_not_a_real_key")
    installation.unused("typist", 70)
    press_or_be_led(page, "Add key")
    page.wait_for_url("**/accounts/login/**")
    assert "fini_not" not in str(page.evaluate("() => ({...sessionStorage})"))
    page.locator("[name=login]").fill(address("typist"))
    page.locator("[name=password]").fill(PASSWORD)
    press(page, "Log in")
    page.wait_for_url("**/w/acme/keys/")
    expect(page.get_by_label("Label", exact=True)).to_have_value("a label of mine")
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    # It comes back once, and nobody else gets it.
    page.reload()
    expect(page.get_by_label("Label", exact=True)).to_have_value("")
    assert page.evaluate("() => sessionStorage.length") == 0


def test_what_was_typed_does_not_come_back_to_somebody_else(tab, installation):
    page = tab()
    log_in(page, address("typist"), PASSWORD)
    inside(page)
    page.goto("/w/acme/members/")
    page.get_by_label("E-mail").fill("secret.person@acme.example")
    installation.unused("typist", 70)
    press_or_be_led(page, "Add member")
    page.wait_for_url("**/accounts/login/**")
    page.locator("[name=login]").fill(address("company"))
    page.locator("[name=password]").fill(PASSWORD)
    press(page, "Log in")
    page.wait_for_url("**/w/acme/members/")
    expect(page.get_by_label("E-mail")).to_have_value("")
    assert page.evaluate("() => sessionStorage.length") == 0


def test_other_sessions_are_seen_and_ended(tab):
    here, there = tab(), tab()
    for page in (there, here):
        log_in(page, address("sessions"), PASSWORD)
        inside(page)
    here.goto("/accounts/sessions/")
    expect(here.get_by_text("this one")).to_have_count(1)
    fine(here)
    press(here, "End all other sessions")
    expect(here.get_by_text("1 other session ended.")).to_be_visible()
    # The page there asks for news by itself.
    expect(there).to_have_url(re.compile("/accounts/login/"), timeout=AT_MOST)
