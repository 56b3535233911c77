"""Pause, resume and stop a run on its page, while another person watches."""

import pytest
from playwright.sync_api import expect

from tests.browser import accessibility, layout, paths
from tests.browser.product import Place, Product, Row

LONG = {"pending_seconds": [2, 3], "running_seconds": [100, 110]}


@pytest.fixture
def place(product: Product) -> Place:
    return product.place("steering", "Steering")


@pytest.fixture
def asked() -> Row:
    """A run to start: three pages of Notion, registered and ingested."""
    resources = [
        {
            "external_id": f"page-{number}",
            "title": f"Page {number}",
            "original_url": f"https://docs.acme.example/{number}",
            "mime_type": "text/markdown",
        }
        for number in range(3)
    ]
    return {"provider": "notion", "resources": resources, "then_ingest": True}


def test_a_run_is_paused_resumed_and_stopped_and_a_watcher_sees_it(
    visit, place: Place, product: Product, asked: Row
):
    with product.pace(**LONG):
        product.furnish(slug=place.slug, people={}, register=[asked])
        page, watcher = visit("editor"), visit("viewer")
        page.goto(place.at("runs/1/"))
        watcher.goto(place.at("runs/1/"))
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
        expect(watcher.get_by_role("status").get_by_text("paused", exact=True)).to_be_visible()
        expect(watcher.get_by_role("button", name="Stop")).to_have_count(0)
        page.get_by_role("button", name="Resume", exact=True).click()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        page.get_by_role("button", name="Stop", exact=True).click()
        panel = page.get_by_role("group", name="Stop run 1")
        expect(panel).to_be_visible()
        for _ in range(2):  # what is open stays open
            paths.news(page)
        expect(panel).to_be_visible()
        faults = accessibility.in_both_themes(page) + layout.overflow(page) + layout.cut(page)
        assert not faults, "\n".join(faults)
        panel.get_by_role("button", name="Stop run 1").click()
        stopped = page.get_by_role("status").get_by_text("stopped by")
        expect(stopped).to_be_visible()
        product.sandbox.advance(120)
        paths.ended(watcher)
    expect(page.locator("#steer").get_by_role("button")).to_have_count(0)
    counts = paths.segments(watcher)
    assert sum(counts.values()) == 2 * counts["all"] == 6


def test_what_is_clicked_while_the_connection_is_lost_leaves_the_page_there(
    browser, session_of, product: Product, asked: Row
):
    place = product.place("unplugged")
    with (
        product.pace(**LONG),
        browser.new_context(base_url=product.url, storage_state=session_of("admin")) as context,
    ):
        product.furnish(slug=place.slug, people={}, register=[asked])
        page = context.new_page()
        for path, name, then in (
            ("runs/1/", "Pause", "Resume"),
            ("runs/", "Hold everything", "Resume everything"),
        ):
            page.goto(place.at(path))
            context.set_offline(True)
            page.get_by_role("button", name=name, exact=True).click()
            expect(page.get_by_text("The connection is lost: try again")).to_be_visible()
            context.set_offline(False)
            page.get_by_role("button", name=name, exact=True).click()
            expect(page.get_by_role("button", name=then, exact=True)).to_be_visible()
