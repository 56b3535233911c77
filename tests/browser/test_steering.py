"""Pause, resume and stop a run on its page, while another person watches."""

import pytest
from playwright.sync_api import expect

from tests.browser import accessibility, layout, paths
from tests.browser.product import Place, Product

LONG = {"pending_seconds": [2, 3], "running_seconds": [20, 30]}


@pytest.fixture
def place(product: Product) -> Place:
    return product.place("steering", "Steering")


def test_a_run_is_paused_resumed_and_stopped_and_a_watcher_sees_it(visit, place: Place, product: Product):
    resources = [
        {
            "external_id": f"page-{number}",
            "title": f"Page {number}",
            "original_url": f"https://docs.acme.example/{number}",
            "mime_type": "text/markdown",
        }
        for number in range(3)
    ]
    asked = {"provider": "notion", "resources": resources, "then_ingest": True}
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
