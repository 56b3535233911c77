"""Somebody who has never seen it brings in a help centre, finds why 14 pages failed and retries them; clicks count."""

import json
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from fini_admin.sandbox import jobs
from fini_admin.sandbox.chance import pick
from fini_admin.sandbox.providers import SHIPPED
from tests.browser import paths
from tests.browser.product import Place, Product
from tests.browser.test_main_job import leaves

MOST = 14
BAD = 14
NEW = ("nell@acme.example", "Nell New")


@dataclass
class Hand:
    """Clicks what is in sight, and counts."""

    page: Page
    clicks: int = 0

    def click(self, what: Locator) -> None:
        """Click on it once it can be seen without scrolling sideways."""
        expect(what).to_be_visible(timeout=paths.PATIENCE)
        what.click()
        self.clicks += 1

    def link(self, name: str) -> None:
        """Click on a link of the page or of its menu."""
        self.click(self.page.get_by_role("link", name=name, exact=True))

    def button(self, name: str) -> None:
        """Click on a button: of the dialog where one is open."""
        dialog = self.page.get_by_role("dialog")
        self.click((dialog if dialog.count() else self.page).get_by_role("button", name=name, exact=True))

    def write(self, label: str, text: str) -> None:
        """Click into a field and type."""
        self.click(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(text)


@pytest.fixture(scope="module")
def articles() -> list[str]:
    """The IDs of the help centre's articles."""
    return [leaf["externalId"] for leaf in leaves(json.loads((SHIPPED / "zendesk.json").read_text()))]


@pytest.fixture
def place(product: Product) -> Place:
    """A workspace without a key, and its admin, who is in no other one."""
    place = product.place("first-time", "First time", with_key=False)
    product.furnish(slug=place.slug, people={"admin": NEW})
    return place


def failing(articles: list[str]) -> list[str]:
    """As many articles as are to fail, all for the same reason."""
    same = [name for name in articles if pick(jobs._ERRORS, name, "error") == jobs._ERRORS[0]]
    return same[:BAD]


def test_a_help_centre_is_brought_in_and_what_failed_is_retried_within_14_clicks(
    page: Page, product: Product, place: Place, articles: list[str]
):
    hand = Hand(page)
    log_in(hand, product.password)
    add_the_key(hand, place)
    number = len(articles)
    with product.pace(
        outcomes=dict.fromkeys(articles, "usable") | dict.fromkeys(failing(articles), "failed")
    ):
        bring_in(hand, number)
        paths.ended(page)
    assert paths.segments(page) == {"done": number - BAD, "failed": BAD, "all": number}
    expect(page.get_by_text(f"{BAD} × The page needs a log-in, or refuses Fini.")).to_be_visible()
    expect(page.get_by_text("Share it with Fini's integration, then retry")).to_be_visible()
    with product.pace(outcomes=dict.fromkeys(articles, "usable")):
        hand.button(f"Retry {BAD}")
        expect(page.get_by_role("dialog")).to_be_visible()
        hand.button(f"Retry {BAD}")
        expect(page.get_by_role("heading", name="Run 3 ·")).to_be_visible()
        paths.ended(page)
    assert paths.segments(page) == {"done": BAD, "all": BAD}
    assert hand.clicks <= MOST


def log_in(hand: Hand, password: str) -> None:
    """The first field has the focus, Tab goes on to the next."""
    hand.page.goto("/")
    expect(hand.page.get_by_label("E-mail")).to_be_focused()
    hand.page.keyboard.type(NEW[0])
    hand.page.keyboard.press("Tab")
    hand.page.keyboard.type(password)
    hand.button("Log in")


def add_the_key(hand: Hand, place: Place) -> None:
    """As the first of Home's first steps says."""
    hand.link("Add the workspace's API key")
    hand.write("API key", place.key)
    hand.write("Label", "main")
    hand.button("Add key")
    hand.button("Verify")
    expect(hand.page.get_by_text("It may read and write")).to_be_visible(timeout=paths.PATIENCE)


def bring_in(hand: Hand, number: int) -> None:
    """Discover the help centre, select all of it, register and ingest it."""
    hand.link("Discover")
    hand.link("Zendesk")
    hand.button("Discover")
    hand.button(f"Select all {number}")
    hand.button("Register and ingest")
    expect(hand.page.get_by_role("dialog")).to_be_visible()
    hand.button(f"Register and ingest {number}")
