"""Who one is, asked in a dialog over the form: nothing typed leaves the page, and confirming sends the form."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Locator, Page, Route, ViewportSize, expect

from tests.browser import accessibility, layout, paths
from tests.browser.chromium import AT_MOST
from tests.browser.conftest import DESK
from tests.browser.console import log_in_was_long_ago
from tests.browser.guard import watch
from tests.browser.product import PASSWORD
from tests.browser.test_people import Installation, code, enrol, inside, installed

PHONE: ViewportSize = {"width": 390, "height": 844}
WIDTHS = {"1280": DESK, "390": PHONE}
WHO = ("adds", "wrong", "code", "only", "late", "back", "lost", "saves", "plain", "link", "panel")
NAMES = tuple(f"{name}{width}" for name in WHO for width in WIDTHS)
SUPERUSER = """
from fini_admin.workspaces.models import User
User.objects.filter(email__startswith="adds").update(is_superuser=True)
for one in User.objects.filter(email__startswith="only"):
    one.set_unusable_password()
    one.save()
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("reauthentication")
    # Wrong passwords are counted by place too: each tab names one of its own.
    with installed(folder, NAMES, SUPERUSER, TRUSTED_PROXIES="1") as found:
        yield found


@dataclass(frozen=True)
class Tab:
    """A person's tab in one size."""

    page: Page
    installation: Installation
    who: str

    def log_in(self) -> None:
        """By password, just now."""
        paths.log_in(self.page, f"{self.who}@acme.example", PASSWORD)
        inside(self.page)

    def long_ago(self) -> None:
        """What the person showed was an hour ago."""
        log_in_was_long_ago(self.installation.console, f"{self.who}@acme.example")

    def goto(self, path: str) -> Page:
        """A page, on which the next dangerous act asks."""
        self.long_ago()
        self.page.goto(path)
        return self.page

    @property
    def dialog(self) -> Locator:
        """The question."""
        return self.page.get_by_role("dialog", name="Is it you?")

    def fine(self) -> None:
        """Nothing cut, nothing too wide, no violation in either theme."""
        page = self.page
        assert layout.cut(page) + accessibility.in_both_themes(page) == []
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")

    def confirm(self, field: str = "Password", typed: str = PASSWORD) -> None:
        """Answer the question."""
        self.dialog.get_by_label(field, exact=True).fill(typed)
        self.dialog.get_by_role("button", name="Confirm", exact=True).click()


@pytest.fixture(params=WIDTHS)
def tab(
    browser: Browser, installation: Installation, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Tab]]:
    """`tab("adds")` is that person's tab; what no page may do fails the test at its end."""
    contexts, faults = [], []

    def open_tab(who: str, **options: Any) -> Tab:
        size = WIDTHS[request.param]
        options = {"viewport": size, "reduced_motion": "reduce", "has_touch": size is PHONE, **options}
        place = f"203.0.113.{NAMES.index(f'{who}{request.param}') + 1}"
        options["extra_http_headers"] = {"X-Forwarded-For": place}
        context = browser.new_context(base_url=installation.url, **options)
        context.set_default_timeout(AT_MOST)
        contexts.append(context)
        page = context.new_page()
        faults.append(watch(page, installation.url))
        return Tab(page, installation, f"{who}{request.param}")

    yield open_tab
    for context in contexts:
        context.close()
    # The provider's own page says and loads what it likes; what a test is about is meant.
    theirs = (installation.provider.url, "cdn.jsdelivr.net", "/accounts/reauthenticate/", "login/callback/")
    assert [fault for found in faults for fault in found if not any(host in fault for host in theirs)] == []


def test_what_was_typed_stays_and_confirming_sends_it_passwords_too(tab):
    person = tab("adds")
    person.log_in()
    page = person.goto("/w/acme/members/")
    page.get_by_label("E-mail").fill(f"new.{person.who}@acme.example")
    page.get_by_label("Role", exact=True).select_option("editor")
    page.get_by_label("Name", exact=True).fill("New Person")
    page.get_by_label("First password").fill("seven green parcels")
    page.get_by_role("button", name="Add member").dblclick()
    expect(person.dialog).to_be_visible()
    expect(person.dialog.get_by_label("Password", exact=True)).to_be_focused()
    person.fine()
    # Cancelled, everything is as it was, and nothing was sent.
    page.keyboard.press("Escape")
    expect(person.dialog).to_be_hidden()
    expect(page.get_by_label("First password")).to_have_value("seven green parcels")
    expect(page.get_by_role("button", name="Add member")).to_be_focused()
    page.keyboard.press("Enter")
    person.dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    person.dialog.get_by_role("button", name="Confirm", exact=True).dblclick()
    expect(page.get_by_text(f"The role of new.{person.who}@acme.example is now editor.")).to_be_visible()
    # It was shown a moment ago: the next act does not ask.
    page.get_by_label("E-mail").fill(f"next.{person.who}@acme.example")
    page.get_by_role("button", name="Add member").click()
    expect(page.get_by_text(f"next.{person.who}@acme.example is invited")).to_be_visible()


def test_settings_come_through_and_an_error_in_them_comes_after_the_password(tab):
    person = tab("saves")
    person.log_in()
    page = person.goto("/w/acme/settings/")
    page.get_by_label("Calls a minute").fill("many")
    page.get_by_role("button", name="Save settings").click()
    person.confirm()
    expect(page.get_by_label("Calls a minute")).to_have_value("many")
    expect(page.get_by_label("Calls a minute")).to_be_focused()
    page.get_by_label("Calls a minute").fill("30")
    page.get_by_role("button", name="Save settings").click()
    expect(
        page.get_by_text("The settings are saved.").or_(page.get_by_text("Nothing was changed."))
    ).to_be_visible()


def test_a_wrong_password_and_too_many_tries_are_said_in_the_dialog(tab):
    person = tab("wrong")
    person.log_in()
    page = person.goto("/w/acme/keys/")
    page.get_by_label("Label", exact=True).fill("mine")
    page.get_by_label("API key", exact=True).fill(f"fini_{person.who}_not_a_real_key")
    page.get_by_role("button", name="Add key").click()
    for number in range(5):
        person.confirm(typed=f"wrong {number}")
        expect(person.dialog.get_by_text("Incorrect password")).to_be_visible()
        expect(person.dialog.get_by_label("Password", exact=True)).to_have_value("")
        expect(person.dialog.get_by_label("Password", exact=True)).to_be_focused()
    person.fine()
    person.confirm()
    expect(person.dialog.get_by_text("Too many failed login attempts")).to_be_visible()
    for _ in range(5):
        with page.expect_response("**/accounts/reauthenticate/"):
            person.confirm()
        expect(person.dialog.get_by_label("Password", exact=True)).to_have_value("")
    expect(person.dialog.get_by_role("alert")).to_contain_text("Too many tries")
    person.fine()
    person.dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("API key", exact=True)).to_have_value(f"fini_{person.who}_not_a_real_key")
    expect(page).to_have_url(re.compile("/w/acme/keys/$"))


def test_a_code_will_do(tab):
    person = tab("code")
    person.log_in()
    secret, _ = enrol(person.page)
    page = person.goto("/w/acme/settings/")
    page.get_by_label("Calls a minute").fill("31")
    page.get_by_role("button", name="Save settings").click()
    person.dialog.get_by_role("button", name="Use authenticator app or code").click()
    expect(person.dialog.get_by_label("Code")).to_be_focused()
    person.fine()
    person.confirm("Code", code(secret, 1))
    expect(
        page.get_by_text("The settings are saved.").or_(page.get_by_text("Nothing was changed."))
    ).to_be_visible()


def test_who_has_no_password_asks_the_log_in_provider_in_a_tab_beside(tab, installation):
    person = tab("only")
    page, who = person.page, f"{person.who}@acme.example"
    installation.provider.knows(person.who, email=who, email_verified=True)
    page.goto("/accounts/login/?next=/w/acme/members/")
    page.get_by_role("button", name="Log in at Acme ID").click()
    agree(page, person.who)
    page.wait_for_url("**/w/acme/members/")
    page.get_by_label("E-mail").fill(f"new.{who}")
    page.get_by_role("button", name="Add member").click()
    expect(person.dialog.get_by_text("make sure that it is you: log in at Acme ID again")).to_be_visible()
    person.fine()
    person.dialog.get_by_role("button", name="Go on").click()
    expect(person.dialog.get_by_text("has not confirmed yet")).to_be_visible()
    with page.expect_popup() as opened:
        person.dialog.get_by_role("button", name="Log in at Acme ID again").click()
    agree(opened.value, person.who)
    expect(opened.value.get_by_text("Close this tab")).to_be_visible()
    # The dialog heard of it and sent the form.
    expect(page.get_by_text(f"new.{who} is invited")).to_be_visible()


def agree(page: Page, sub: str) -> None:
    """Log in at the provider."""
    page.locator("[name=sub]").first.fill(sub)
    with page.expect_navigation():
        page.get_by_role("button", name="Authorize", exact=True).click()


def test_a_session_that_is_over_leads_to_the_log_in_and_back_with_what_was_typed(tab, installation):
    person = tab("late")
    person.log_in()
    page = person.goto("/w/acme/keys/")
    page.get_by_label("Label", exact=True).fill("mine")
    page.get_by_label("API key", exact=True).fill("fini_not_a_real_key")
    page.get_by_role("button", name="Add key").click()
    expect(person.dialog).to_be_visible()
    installation.unused(person.who, 70)
    with suppress(Error):  # the page's own poll may find it out first, and leave
        person.confirm()
    page.wait_for_url("**/accounts/login/**")
    page.locator("[name=login]").fill(f"{person.who}@acme.example")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url("**/w/acme/keys/")
    expect(page.get_by_label("Label", exact=True)).to_have_value("mine")
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    expect(person.dialog).to_be_hidden()


def test_a_panel_is_open_again_after_escape_and_a_log_in_is_linked_from_one(tab, installation):
    person, owner = tab("adds"), f"panel{tab('panel').who.removeprefix('panel')}@acme.example"
    for sub in ("1", "2"):
        installation.provider.knows(f"{owner}{sub}", email=owner, email_verified=True)
        page = tab("panel").page
        page.goto("/accounts/login/")
        page.get_by_role("button", name="Log in at Acme ID").click()
        agree(page, f"{owner}{sub}")
    expect(page.get_by_text("is linked to another log-in at Acme ID")).to_be_visible()
    person.log_in()
    page = person.goto("/people/")
    name = f"Link this log-in {owner}"
    page.get_by_role("button", name=name).click()
    panel = page.get_by_role("group", name=f"Link this log-in to {owner}")
    assert accessibility.violations(page) == []
    panel.get_by_role("button", name="Link this log-in").click()
    expect(person.dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_visible()
    panel.get_by_role("button", name="Link this log-in").click()
    person.confirm()
    expect(page.get_by_text(f"{owner} can log in with that log-in at Acme ID too.")).to_be_visible()
    expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_the_back_button_leads_past_the_dialog_to_the_form(tab):
    person = tab("back")
    person.log_in()
    page = person.goto("/w/acme/members/")
    before = page.url
    page.get_by_label("E-mail").fill(f"new.{person.who}@acme.example")
    page.get_by_role("button", name="Add member").click()
    person.confirm()
    expect(page.get_by_text("is invited")).to_be_visible()
    page.go_back()
    page.wait_for_url(before)
    expect(person.dialog).to_be_hidden()
    expect(page.get_by_role("heading", name="Open invitations")).to_be_visible()


def test_a_lost_connection_and_an_error_are_said_in_the_dialog(tab):
    person = tab("lost")
    person.log_in()
    page = person.goto("/w/acme/members/")
    page.get_by_label("E-mail").fill("typed@acme.example")
    ways: list[Callable[[Route], None]] = [
        lambda route: route.abort(),
        lambda route: route.fulfill(
            status=500, body="<!DOCTYPE html><p>A whole page", content_type="text/html"
        ),
    ]
    for way, said in zip(ways, ("The connection is lost", "The server answered 500"), strict=True):
        page.route("**/accounts/reauthenticate/", way)
        page.get_by_role("button", name="Add member").click()
        expect(person.dialog.get_by_role("alert")).to_contain_text(said)
        expect(person.dialog).not_to_contain_text("A whole page")
        person.dialog.get_by_role("button", name="Close").click()
        page.unroute("**/accounts/reauthenticate/")
    expect(page.get_by_label("E-mail")).to_have_value("typed@acme.example")
    page.get_by_role("button", name="Add member").click()
    person.confirm()
    expect(page.get_by_text("typed@acme.example").first).to_be_visible()


def test_a_link_to_a_page_that_asks_is_gone_after_once_it_is_shown(tab):
    person = tab("link")
    person.log_in()
    page = person.goto("/accounts/2fa/")
    page.get_by_role("link", name="Set up a second factor").click()
    person.confirm()
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()


def test_without_a_script_the_page_asks_and_sends_on_all_but_keys(tab):
    person = tab("plain", java_script_enabled=False)
    person.log_in()
    page = person.goto("/w/acme/settings/")
    page.get_by_label("Calls a minute").fill("32")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Incorrect password")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(
        page.get_by_text("The settings are saved.").or_(page.get_by_text("Nothing was changed."))
    ).to_be_visible()
    page = person.goto("/w/acme/keys/")
    page.get_by_label("Label", exact=True).fill(person.who)
    page.get_by_label("Purpose", exact=True).fill("to be kept")
    page.get_by_label("API key", exact=True).fill(f"fini_{person.who}_not_a_real_key")
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_text("you enter them once more afterwards")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Enter this once more")).to_be_visible()
    expect(page.get_by_label("Label", exact=True)).to_have_value(person.who)
    expect(page.get_by_label("Purpose", exact=True)).to_have_value("to be kept")
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    page.get_by_label("API key", exact=True).fill(f"fini_{person.who}_not_a_real_key")
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_text(f"The key {person.who} is added")).to_be_visible()
