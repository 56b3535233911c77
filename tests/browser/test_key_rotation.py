"""Another key takes over on the Keys page, and Fini refuses it: the work goes back, and the pages say so."""

from playwright.sync_api import Locator, Page, expect

from tests.browser import paths
from tests.browser.product import PEOPLE, Product

NEXT = "fini_browser_next_key_0123456789abcdef"


def tile(page: Page, label: str) -> Locator:
    """A key's tile, by its label."""
    return page.get_by_role("article", name=label)


def test_a_key_is_changed_without_a_pause_and_refused_the_work_goes_back(visit, product: Product):
    place = product.place("rotation", discover=["notion"])
    page = visit("")
    paths.log_in(page, PEOPLE["admin"][0], product.password)
    product.sandbox.add_key(NEXT, workspace="rotation")

    page.goto(place.at("keys/"))
    page.get_by_label("Label", exact=True).fill("next")
    page.get_by_label("Purpose", exact=True).fill("Nightly imports")
    page.get_by_label("API key", exact=True).fill(NEXT)
    paths.button(page, "Add key").click()
    expect(paths.button(tile(page, "next"), "Switch to this key")).to_be_disabled()
    expect(tile(page, "next").get_by_text("Verify the key next first")).to_be_visible()

    paths.button(tile(page, "next"), "Verify").click()
    expect(tile(page, "next").get_by_text("read and write")).to_be_visible()
    paths.button(tile(page, "next"), "Switch to this key").click()
    expect(tile(page, "next").get_by_text("live", exact=True)).to_be_visible()
    expect(tile(page, "main").get_by_text("Fallback until")).to_be_visible()
    expect(page.get_by_role("region", name="Calls by key").get_by_role("row")).to_have_count(3)

    paths.button(tile(page, "main"), "Switch off").click()
    panel = page.get_by_role("group", name="Switch off main")
    expect(panel.get_by_text("call", exact=False).last).to_be_visible()
    expect(panel.get_by_text("in the last 30 days").first).to_be_visible()
    # What was loaded stays while the page asks for news.
    paths.news(page)
    expect(panel.get_by_text("in the last 30 days").first).to_be_visible()
    page.keyboard.press("Escape")

    product.sandbox.revoke(NEXT)
    paths.discover(page, place, "zendesk")
    page.goto(place.at("keys/"))
    expect(tile(page, "main").get_by_text("live", exact=True)).to_be_visible()
    expect(tile(page, "next").get_by_text("the work went back to the key before by itself")).to_be_visible()
    page.goto(place.at())
    expect(page.get_by_text("The work went back to the key main by itself")).to_be_visible()
