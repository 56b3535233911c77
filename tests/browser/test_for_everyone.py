"""Zoom, forced colours, chosen themes, and titles that break rows elsewhere."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import accessibility, layout, paths
from tests.browser.product import Place, Product
from tests.browser.stops import article

TITLES = {
    "rtl": "سياسة الاسترجاع والاستبدال في المتجر",
    "emoji": "📦🚚👩‍👩‍👧‍👦 parcels",
    "markup": "<script>alert(1)</script><b>bold</b>",
    "long": "Refunds, exchanges and returns " * 80,
    "unbroken": "w" * 2500,
}
ADDRESSES = {
    "emoji": "https://docs.acme.example/guides/%E4%B8%AD%E6%96%87%E4%B8%AD%E6%96%87",
    "rtl": "https://docs.acme.example/guides/שלום-עולם",
}
PATHS = ("", "sources/", "queue/", "runs/2/", "audit/", "keys/", "settings/")


@pytest.fixture(scope="module")
def odd(product: Product) -> Place:
    """A workspace whose sources have such titles, some processed and some that wait."""
    place = product.place("odd-titles", "Odd titles")
    known = [article(f"odd-{name}", title) for name, title in TITLES.items()]
    waiting = [article(f"waits-{name}", title) for name, title in TITLES.items()]
    for one in waiting:
        if address := ADDRESSES.get(one["external_id"].removeprefix("waits-")):
            one |= {"original_url": address, "external_id": f"{one['external_id']}-4711-4711-4711-4711"}
    place.work(
        register=[
            {"provider": "notion", "resources": waiting, "then_ingest": False},
            {"provider": "zendesk", "resources": known, "then_ingest": True},
        ]
    )
    return place


def shown(page: Page, place: Place, path: str) -> Page:
    page.goto(place.at(path))
    expect(page.locator(".htmx-request")).to_have_count(0)
    return page


@pytest.mark.parametrize("path", ["sources/", "queue/", "runs/2/"])
def test_no_title_breaks_a_row(path: str, odd: Place, visit):
    page = shown(visit(), odd, path)
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(10 if path == "sources/" else 5)
    heights = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
    assert max(heights) <= 90
    assert layout.overflow(page) + layout.cut(page) == []
    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_at_200_percent_scrolls_only_down(path: str, odd: Place, visit):
    page = shown(visit(viewport={"width": 640, "height": 400}, device_scale_factor=2), odd, path)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert layout.cut(page) == []


@pytest.mark.parametrize("path", ["sources/", "queue/"])
def test_the_end_of_an_address_stays_in_its_row_and_behind_its_slash(path: str, odd: Place, visit):
    page = shown(visit(viewport={"width": 320, "height": 800}), odd, path)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    end = page.locator(".id-line bdi", has_text="/שלום-עולם")
    first = """bdi => {
        const range = document.createRange();
        range.setStart(bdi.firstChild, 0);
        range.setEnd(bdi.firstChild, 1);
        return range.getBoundingClientRect().left - bdi.getBoundingClientRect().left;
    }"""
    assert abs(end.evaluate(first)) < 1


@pytest.mark.parametrize("width", [390, 1280])
def test_a_short_id_is_whole_where_its_address_can_be_cut(width: int, odd: Place, visit):
    page = shown(visit(viewport={"width": width, "height": 800}), odd, "queue/")
    line = page.locator(".id-line", has_text="waits-long")
    # A hair too little room costs three letters, and whole pixels do not show it.
    missing = """part => {
        const range = document.createRange();
        range.selectNodeContents(part);
        return range.getBoundingClientRect().width - part.getBoundingClientRect().width;
    }"""
    assert line.locator(".cut:not(.mono)").evaluate(missing) > 0
    assert line.locator(".mono").evaluate(missing) <= 0


@pytest.mark.parametrize("path", ["", "runs/2/"])
def test_forced_colours_keep_states_and_bars(path: str, odd: Place, visit):
    page = visit(forced_colors="active")
    shown(page, odd, path)
    bar = page.locator("svg :is(.area-usable, .area-done)").first
    expect(bar).to_be_attached()
    plain = "element => getComputedStyle(element).forcedColorAdjust"
    assert bar.evaluate(plain) == "none"
    assert page.locator(".badge .shape").first.evaluate("shape => getComputedStyle(shape).color") != ""


def test_with_reduced_motion_nothing_moves(odd: Place, visit):
    page = shown(visit(), odd, "sources/")
    moving = "all => all.filter(one => parseFloat(getComputedStyle(one).transitionDuration) > 0).length"
    assert page.locator("body *").evaluate_all(moving) == 0


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_chosen_theme_holds_against_the_systems_from_the_first_paint(theme: str, odd: Place, visit):
    page = visit("editor", color_scheme="dark" if theme == "Light" else "light")
    shown(page, odd, "sources/")
    paths.choose_theme(page, theme)
    expect(page.locator("html")).to_have_attribute("data-theme", theme.lower())
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(246, 247, 247)" if theme == "Light" else "rgb(15, 18, 19)")
    assert accessibility.violations(page) == []
    paths.choose_theme(page, "System")
    expect(page.locator("html[data-theme]")).to_have_count(0)


def test_an_error_page_keeps_the_frame(odd: Place, product: Product, browser: Browser, session_of):
    # Not a tab of `visit`: the browser reports the 404 that is meant here.
    with browser.new_context(
        base_url=product.url, storage_state=session_of("admin"), reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        answer = page.goto(odd.at("sources/nothing/"))
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        expect(page.get_by_role("link", name="Queue")).to_be_visible()
        assert accessibility.in_both_themes(page) == []


def test_the_tab_tells_how_far_a_run_is_and_what_needs_a_person(product: Product, odd: Place, visit):
    place = product.place("tab")
    ids = [f"tab-{number}" for number in range(4)]
    with product.pace(
        pending_seconds=[60, 60], running_seconds=[1, 2], outcomes=dict.fromkeys(ids, "failed")
    ):
        register = {
            "provider": "zendesk",
            "resources": [article(one, one) for one in ids],
            "then_ingest": True,
        }
        product.furnish(slug=place.slug, people={}, register=[register])
        page = visit()
        page.goto(place.at("runs/1/"))
        expect(page).to_have_title("0 % · Run 1 · Tab · Fini Admin")
        expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("favicon-running"))
        place.end_jobs(4)
        expect(page).to_have_title("Run 1 · Tab · Fini Admin")
        expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("favicon-trouble"))
