"""What one does while an answer is on its way: nothing old is acted on, nothing typed is lost, nothing untrue said."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import paths
from tests.browser.product import Place, Product
from tests.browser.test_live import resources

NAMES = ("Parcel one", "Parcel two", "Parking", "Other")


@pytest.fixture(scope="module")
def place(product: Product) -> Place:
    place = product.place("overtaken", register=[resources(*NAMES)], discover=["zendesk"])
    place.wait()
    return place


@pytest.fixture
def troubled(browser: Browser, product: Product, session_of) -> Iterator[Page]:
    """A tab whose console may say that requests failed."""
    with browser.new_context(base_url=product.url, storage_state=session_of("editor")) as context:
        yield context.new_page()


def search(page: Page):
    return page.get_by_role("search").locator("[name=q]")


def test_select_all_takes_what_the_list_shows_or_nothing(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("sources/"))
    every = paths.button(page, "Select all")
    expect(every).to_have_text("Select all 4")
    go = paths.held_back(page, re.compile("part=counts"))
    search(page).fill("parc")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    # The count of what stood there before is still shown: it selects nothing.
    expect(every).to_have_text("Select all 4")
    every.click()
    expect(page.get_by_text("The list has changed meanwhile")).to_be_visible()
    expect(page.locator(".batch-bar.open")).to_have_count(0)
    search(page).fill("parcel o")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    go()
    expect(every).to_have_text("Select all 1")
    every.click()
    expect(page.get_by_role("status").get_by_text("1 selected")).to_be_visible()


def test_a_request_that_a_newer_one_replaces_is_no_lost_connection(troubled: Page, place: Place):
    page = troubled
    page.goto(place.at("sources/"))
    page.keyboard.press("Control+k")
    field = page.get_by_role("dialog", name="Search").get_by_role("combobox")
    expect(page.get_by_role("option", name="Queue", exact=True)).to_be_visible()
    go = paths.held_back(page, "**/find/**")
    for typed in ("par", "parc", "parcel"):
        with page.expect_request("**/find/**"):
            field.fill(typed)
    go()
    expect(page.get_by_role("option", name="Parcel one")).to_be_visible()
    assert "The connection is" not in page.locator("body").inner_text()  # now: it would go by itself


def found(page: Page, place: Place, typed: str) -> Locator:
    """The search across pages, once what was typed has found both parcels."""
    page.goto(place.at("sources/"))
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search")
    palette.get_by_role("combobox").fill(typed)
    expect(palette.get_by_role("option", name="Parcel one")).to_be_visible()
    expect(palette.get_by_role("option", name="Parcel two")).to_be_visible()
    return palette


def test_a_line_that_was_marked_stays_marked_when_the_answer_comes(visit, place: Place):
    page = visit("editor")
    palette = found(page, place, "parce")
    go = paths.held_back(page, "**/find/**")
    with page.expect_request("**/find/**"):
        palette.get_by_role("combobox").fill("parcel")
    page.keyboard.press("ArrowDown")
    second = palette.get_by_role("option").nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    with page.expect_response("**/find/**"):
        go()
    expect(page.locator(".htmx-request")).to_have_count(0)
    expect(second).to_have_attribute("aria-selected", "true")


def test_enter_opens_no_other_line_than_the_one_that_was_marked(visit, place: Place):
    page = visit("editor")
    palette = found(page, place, "parcel")
    go = paths.held_back(page, "**/find/**")
    with page.expect_request("**/find/**"):
        palette.get_by_role("combobox").fill("parcel one")
    palette.get_by_role("option", name="Parcel two").hover()
    page.mouse.move(1, 1)
    page.keyboard.press("Enter")
    with page.expect_response("**/find/**"):
        go()
    expect(palette.get_by_role("option", name="Parcel two")).to_have_count(0)
    expect(palette).to_be_visible()
    expect(palette.get_by_role("option").first).to_have_attribute("aria-selected", "true")


def test_what_was_filtered_while_the_connection_was_lost_is_filtered_when_it_is_back(
    troubled: Page, place: Place
):
    page = troubled
    page.goto(place.at("queue/"))
    send = paths.button(page, "Send")
    expect(send.first).to_have_text("Send 4 to ingestion")
    page.context.set_offline(True)
    search(page).fill("parcel")
    expect(page.get_by_text("The connection is lost")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("The connection is back")).to_be_visible()
    expect(page.locator("#list tbody tr")).to_have_count(2)
    expect(send.first).to_have_text("Send 2 to ingestion")
    expect(page).to_have_url(re.compile("q=parcel"))


def test_enter_in_the_search_waits_for_what_was_typed(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("sources/"))
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="Queue", exact=True)).to_be_visible()
    go = paths.held_back(page, "**/find/**")
    page.keyboard.type("parking")
    page.keyboard.press("Enter")
    page.wait_for_timeout(400)
    expect(page.get_by_role("dialog", name="Search")).to_be_visible()
    go()
    expect(page.get_by_role("heading", level=1, name="Parking")).to_be_visible()


def test_escape_in_a_field_of_the_tree_or_in_an_open_menu_clears_no_selection(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("discover/zendesk/"))
    paths.button(page, "Select all").click()
    picked = page.get_by_role("status").filter(has_text=re.compile(r"[1-9][\d,]* (selected|picked)"))
    expect(picked).to_have_count(1)
    page.get_by_label("MIME type").press("Escape")
    expect(picked).to_have_count(1)
    page.locator("h1").click()
    page.keyboard.press("Escape")
    expect(picked).to_have_count(0)


def test_a_crawl_leaves_what_was_pasted_as_it_is(visit, product: Product):
    place = product.place("pasted")
    page = visit("editor")
    page.goto(place.at("web/"))
    pasted = page.get_by_label("Addresses", exact=True)
    pasted.fill("https://help.acme.example/1\nhttps://help.acme.example/2")
    page.get_by_label("Begin at").fill("https://help.acme.example")
    page.get_by_label("Limit").fill("0")
    crawl = page.get_by_role("button", name="Crawl", exact=True)
    crawl.click()
    expect(page.locator("#crawl-form .wrong, #crawl-form [role=alert]").first).to_be_visible()
    expect(pasted).to_have_value(re.compile("help.acme.example/2"))
    # Refused, it leads on to nothing: what is left behind then stays behind.
    page.goto(place.at("sources/"))
    page.goto(place.at("web/"))
    expect(pasted).to_have_value("")
    pasted.fill("https://help.acme.example/1\nhttps://help.acme.example/2")
    page.get_by_label("Begin at").fill("https://help.acme.example")
    page.get_by_label("Limit").fill("3")
    crawl.click()
    page.wait_for_url(re.compile(r"crawl=\d+"))
    expect(pasted).to_have_value(re.compile("help.acme.example/2"))


def test_the_counts_follow_what_enter_searches(visit, place: Place):
    page = visit("admin")
    page.goto(place.at("audit/"))
    summary = page.locator("#summary")
    expect(summary.locator("svg").first).to_be_visible()
    field = page.locator(".filters-search [name=q]")
    with page.expect_response(re.compile("part=summary")) as answer:
        field.fill("timeout")
        field.press("Enter")
    assert "timeout" in answer.value.url


def test_a_viewer_is_not_led_to_what_they_may_not_open(visit, product: Product):
    place = product.place("led", discover=["zendesk"])
    place.wait()
    for who, links in (("viewer", 0), ("editor", 1)):
        page = visit(who)
        page.goto(place.at("runs/1/"))
        expect(page.get_by_role("heading", name="Run 1 ·")).to_be_visible()
        expect(page.get_by_role("link", name="Choose what to register")).to_have_count(links)
