"""An invitation, from the admin's page to the invited person's first look, each in a browser of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser import accessibility, layout
from tests.browser.chromium import AT_MOST
from tests.browser.conftest import DESK, Visit
from tests.browser.guard import watch
from tests.browser.product import Product

NEW = "nell.new.with-a-long-name-before-the-sign@department.of.parcels.acme.example"
PHONE: ViewportSize = {"width": 320, "height": 800}


@pytest.fixture
def stranger(browser: Browser, product: Product) -> Iterator[Page]:
    """A tab in a browser in which nobody was ever logged in."""
    with browser.new_context(base_url=product.url, viewport=DESK, reduced_motion="reduce") as context:
        context.set_default_timeout(AT_MOST)
        page = context.new_page()
        faults = watch(page, product.url)
        yield page
        # The page of a link that leads nowhere answers 404, and the browser says so.
        assert [fault for fault in faults if "404" not in fault] == []


def fine(page: Page) -> None:
    """Nothing out of reach, nothing cut, in both themes, on a desk and on a phone."""
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert layout.overflow(page) + layout.cut(page) + accessibility.in_both_themes(page) == []


def open_link(stranger: Page, link: str) -> None:
    """The page behind an invitation's link."""
    stranger.goto(link)
    stranger.wait_for_url("**/invitations/")
    expect(stranger.get_by_role("heading", name="Join Parcels and Returns")).to_be_visible()
    expect(stranger.get_by_label("E-mail")).not_to_be_editable()
    fine(stranger)


def test_an_invited_person_comes_in_by_the_link(visit: Visit, stranger: Page, product: Product):
    place = product.place("invited", "Parcels and Returns")
    admin = visit("admin")
    admin.goto(place.at("members/"))
    admin.get_by_label("E-mail").fill(NEW)
    admin.get_by_label("Role", exact=True).select_option("editor")
    admin.get_by_role("button", name="Add member").click()
    expect(admin.get_by_role("heading", name=f"{NEW} is invited as editor")).to_be_visible()
    fine(admin)
    link = admin.locator("#link").inner_text()
    admin.get_by_role("button", name="Copy link").click()
    expect(admin.get_by_text("Copied.").or_(admin.get_by_text("copy it with the keyboard"))).to_be_visible()
    admin.goto(place.at("members/"))
    expect(admin.get_by_text(link)).to_have_count(0)
    expect(admin.get_by_role("button", name=f"Withdraw {NEW}")).to_be_visible()
    fine(admin)

    open_link(stranger, link)
    stranger.get_by_label("Name").fill("Nell New")
    stranger.get_by_label("Password").fill("short")
    stranger.get_by_role("button", name="Set password and join").click()
    expect(stranger.get_by_text("at least 12 characters")).to_be_visible()
    expect(stranger.get_by_label("Name")).to_have_value("Nell New")
    stranger.get_by_label("Password").fill("seven green parcels")
    stranger.get_by_role("button", name="Set password and join").click()
    stranger.wait_for_url(f"**{place.at('')}")
    expect(stranger.get_by_role("heading", name="Home", level=1)).to_be_visible()

    admin.reload()
    expect(admin.locator(".who", has_text="Nell New")).to_have_count(1)
    expect(admin.get_by_role("heading", name="Open invitations")).to_have_count(0)
    stranger.goto("about:blank")  # its poll would lead to the log-in by itself
    stranger.context.clear_cookies()
    stranger.goto(link)
    expect(stranger.get_by_role("heading", name="No invitation")).to_be_visible()
    fine(stranger)
