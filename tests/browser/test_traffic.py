"""What pages weigh when they load, while nothing happens, and while an import is watched."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser import paths
from tests.browser.product import Place, Product, Row
from tests.browser.traffic import Traffic

MEGABYTE = 1_000_000
PAGES = (
    "",
    "sources/",
    "queue/",
    "runs/",
    "runs/1/",
    "audit/",
    "activity/",
    "keys/",
    "members/",
    "settings/",
    "register/",
    "web/",
    "discover/zendesk/",
)
# The calls of the last minute are a number in every foot, which falls while nothing happens.
FORGET = """
from datetime import timedelta
from django.db.models import F
from fini_admin.ingestion.models import Slot
result = Slot.objects.update(sent_at=F("sent_at") - timedelta(minutes=2))
"""
# Three ticks of an idle page.
WHILE = 9_000
PACE: Row = {"pending_seconds": [1, 10], "running_seconds": [5, 25]}


def many(prefix: str, number: int) -> Row:
    """Resources to register in Notion and ingest."""
    made = [
        {
            "external_id": f"{prefix}-{n}",
            "title": f"Page {n} of {prefix}",
            "original_url": f"https://docs.acme.example/{prefix}/{n}",
            "mime_type": "text/markdown",
        }
        for n in range(number)
    ]
    return {"provider": "notion", "resources": made, "then_ingest": True}


@pytest.fixture(scope="module")
def place(product: Product) -> Place:
    """A workspace with a full page of sources and a tree, in which nothing goes on."""
    place = product.place("traffic", register=[many("page", 60)], discover=["zendesk"])
    place.wait()
    product.console.run(FORGET)
    return place


@pytest.mark.parametrize("path", PAGES)
def test_an_idle_page_costs_less_than_a_megabyte_an_hour(visit, place: Place, path: str, record_property):
    page = visit("admin")
    page.goto(place.at(path))
    page.wait_for_load_state("networkidle")
    traffic, began = Traffic(page), time.monotonic()
    page.wait_for_timeout(WHILE)
    an_hour = traffic.bytes * 3600 / (time.monotonic() - began)
    record_property("bytes an hour", round(an_hour))
    assert 1 <= len(traffic.received) <= 3
    assert max(size for _, size in traffic.received) <= 400
    assert an_hour < MEGABYTE


def test_a_hidden_page_asks_for_nothing_and_at_once_when_it_is_seen_again(visit, place: Place):
    page = visit("viewer")
    page.goto(place.at("sources/"))
    page.wait_for_load_state("networkidle")
    paths.hide(page, hidden=True)
    expect(page.locator(".htmx-request")).to_have_count(0)  # what it asked for just before has come
    traffic = Traffic(page)
    page.wait_for_timeout(5_000)
    assert traffic.received == []
    with page.expect_response(lambda answer: answer.status == 204, timeout=1_000):
        paths.hide(page, hidden=False)


@pytest.mark.parametrize("path", PAGES)
def test_a_first_load_is_light_and_all_but_the_page_is_kept(visit, place: Place, path: str):
    page = visit("admin")
    traffic = Traffic(page)
    page.goto(place.at(path))
    page.wait_for_load_state("networkidle")
    assert len(traffic.received) <= 14, traffic.received
    assert 20_000 < sum(size for _, size in traffic.received) <= 60_000, traffic.received
    static = {name: kept for name, kept in traffic.kept.items() if name.startswith("static/")}
    # The tab's icon only a browser with a window asks for by itself.
    icon = page.locator("link[rel=icon]").first.evaluate("link => link.href")
    static["icon"] = page.request.get(icon).headers["cache-control"]
    assert len(static) >= 4
    assert set(static.values()) == {"max-age=315360000, public, immutable"}


def test_an_import_that_is_watched_costs_less_than_a_megabyte_in_ten_minutes(
    visit, place: Place, product: Product, record_property
):
    page = visit("viewer")
    with product.pace(**PACE):
        product.furnish(slug=place.slug, people={}, register=[many(f"watched-{len(place.runs())}", 200)])
        watched = {}
        for path in (f"runs/{place.runs()[-1]['number']}/", "sources/", ""):
            tab = page.context.new_page()
            tab.goto(place.at(path))
            watched[path] = Traffic(tab)
        began = time.monotonic()
        paths.ended(next(iter(watched.values())).page)
        seconds = time.monotonic() - began
    assert seconds > 20
    for path, traffic in watched.items():
        assert len(traffic.received) > seconds / 4, path
        came = sum(size for _, size in traffic.received)
        record_property(f"/{path}: bytes in ten minutes", round(came * 600 / seconds))
        assert came * 600 / seconds <= MEGABYTE, (path, round(seconds), traffic.received)


def test_a_lost_connection_is_said_and_so_is_its_return(browser, session_of, place: Place, product: Product):
    page = browser.new_context(base_url=product.url, storage_state=session_of("viewer")).new_page()
    page.set_viewport_size({"width": 1280, "height": 400})
    page.goto(place.at("sources/"))
    page.locator("tbody tr").last.scroll_into_view_if_needed()
    page.context.set_offline(True)
    expect(page.get_by_text("The connection is lost")).to_be_in_viewport()
    page.context.set_offline(False)
    expect(page.get_by_text("The connection is back")).to_be_in_viewport()
    expect(page.get_by_text("The connection is lost")).to_be_hidden()
    page.context.close()


def test_how_long_ago_something_was_stays_right_without_asking(visit, place: Place):
    page = visit("viewer")
    page.goto(place.at("sources/"))
    times = page.locator("tbody time")
    page.evaluate(
        """() => {
          const [first, second] = document.querySelectorAll("tbody time");
          first.dateTime = second.dateTime = new Date(Date.now() - 5 * 60_000).toISOString();
          first.textContent = "for 50 s";
          second.textContent = "4 min ago";
        }"""
    )
    expect(times.nth(0)).to_have_text("for 5 min")
    expect(times.nth(1)).to_have_text("5 min ago")
