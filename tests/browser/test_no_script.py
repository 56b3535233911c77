"""The main path with JavaScript switched off."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser import paths
from tests.browser.product import PEOPLE, Product


def test_a_resource_becomes_usable_without_javascript(visit, product: Product):
    place = product.place("plain", with_key=False)
    page = visit("", java_script_enabled=False)
    # An old log-in would be asked for the password once more before a key is added.
    paths.log_in(page, PEOPLE["admin"][0], product.password)
    paths.add_key(page, place, follow=load_again)

    page.goto(place.at("discover/notion/"))
    paths.button(page, "Discover").click()
    until_shown(page, page.get_by_text(re.compile("397 resources")))
    boxes = page.get_by_role("main").get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("heading", name="Preview", level=1)).to_be_visible()
    paths.button(page, "Register 2").click()
    ends(page)
    assert paths.segments(page)["done"] == 2

    page.goto(place.at("queue/"))
    page.get_by_role("button", name=re.compile("^Send .* to ingestion$")).first.click()
    expect(page.get_by_role("heading", name="Preview", level=1)).to_be_visible()
    paths.button(page, "Send 2 to ingestion").click()
    ends(page)
    assert len(place.documents()) == 2
    assert [run["kind"] for run in place.runs()] == ["discover", "register", "ingest"]


def load_again(page: Page) -> None:
    """Follows the link of the page that cannot follow a verification by itself."""
    again = page.get_by_role("link", name="Load the page again to see what was found")
    for _ in range(60):
        page.wait_for_load_state()  # of a page that has begun to come the link may not be there yet
        if not again.count():
            break
        page.wait_for_timeout(500)
        again.click()


def ends(page: Page) -> None:
    """Loads the run's page again until it says that it has ended."""
    paths.run_shown(page)
    until_shown(page, page.get_by_role("status").get_by_text("ended"))


def until_shown(page: Page, wanted: Locator) -> None:
    """Loads the page again, as a person would, until something is on it."""
    for _ in range(60):
        if wanted.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(wanted.first).to_be_visible()
