"""What was refused stays said, what was typed and selected stays there, whatever the page asks for meanwhile."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser import paths
from tests.browser.product import Place, Product
from tests.browser.test_live import resources

REFUSED = "<!doctype html><title>Refused</title>"
# The clock asks once at least.
A_TICK = 5_000
KEY = "fini_never_kept_0123456789abcdef"


@pytest.fixture(scope="module")
def place(product: Product) -> Place:
    return product.place("stays", register=[resources("One", "Two", "Three")], discover=["zendesk"])


@pytest.fixture
def troubled(browser: Browser, product: Product, session_of) -> Iterator[Page]:
    """A tab whose console may say that requests failed."""
    with browser.new_context(base_url=product.url, storage_state=session_of("editor")) as context:
        yield context.new_page()


def tick(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_label(f"Select {name}").check()


def selected(page: Page) -> Locator:
    return page.get_by_role("region", name="Selection").get_by_role("status")


def test_what_was_refused_stays_said_until_a_person_goes_on(troubled: Page, place: Place):
    page = troubled
    page.goto(place.at("queue/"))
    tick(page, "One")
    page.route("**/queue/**", lambda route: answered(route, 403))
    paths.button(page, "Send 1 to ingestion").click()
    stays(page.get_by_text("This is no longer there for you"))
    page.unroute_all()

    paths.button(page, "Send 1 to ingestion").click()
    dialog = page.get_by_role("dialog")
    page.route("**/previews/**", lambda route: answered(route, 504))
    paths.button(dialog, "Send 1 to ingestion").click()
    stays(dialog.get_by_text("It may have been done: look before you repeat it."))


def stays(said: Locator) -> None:
    """It is there, and still is after the page has asked for news."""
    expect(said).to_be_visible()
    said.page.wait_for_timeout(A_TICK)
    expect(said).to_be_visible()


def answered(route: Route, status: int) -> None:
    """A POST is answered so; all else goes on."""
    if route.request.method == "POST":
        route.fulfill(status=status, content_type="text/html", body=REFUSED)
    else:
        route.continue_()


def test_a_selection_whose_confirmation_was_refused_is_still_there(troubled: Page, place: Place):
    page = troubled
    page.goto(place.at("queue/"))
    tick(page, "One", "Two")
    paths.button(page, "Send 2 to ingestion").click()
    dialog = page.get_by_role("dialog")
    page.route("**/previews/**", lambda route: answered(route, 403))
    paths.button(dialog, "Send 2 to ingestion").click()
    expect(dialog.get_by_text("This is no longer there for you")).to_be_visible()
    page.goto(place.at(f"runs/{place.runs()[0]['number']}/"))
    page.goto(place.at("queue/"))
    expect(selected(page)).to_have_text("2 selected")


def test_a_theme_leaves_what_is_typed_and_filtered_as_it_is(visit, place: Place):
    page = visit("admin")
    page.goto(place.at("settings/"))
    page.get_by_label("Calls a minute", exact=True).fill("41")
    paths.choose_theme(page, "Dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_label("Calls a minute", exact=True)).to_have_value("41")
    page.get_by_label("Calls a minute", exact=True).fill("")

    page.goto(place.at("keys/"))
    page.get_by_label("Label", exact=True).fill("mine")
    page.get_by_label("API key", exact=True).fill(KEY)
    paths.choose_theme(page, "Light")
    expect(page.get_by_label("Label", exact=True)).to_have_value("mine")
    expect(page.get_by_label("API key", exact=True)).to_have_value("")
    assert KEY not in str(page.evaluate("() => ({...sessionStorage})"))

    page.goto(place.at("sources/"))
    page.get_by_role("search").locator("[name=q]").fill("two")
    expect(page).to_have_url(re.compile("q=two"))
    paths.choose_theme(page, "System")
    expect(page).to_have_url(re.compile("q=two"))


def test_what_has_no_place_any_more_is_said(visit, place: Place):
    page = visit("admin")
    page.goto(place.at("register/"))
    page.get_by_label("Title").first.fill("First")
    page.get_by_role("button", name="Add another resource").click()
    page.locator("[name='2-title']").fill("Second")
    paths.choose_theme(page, "System")
    expect(page.get_by_label("Title").first).to_have_value("First")
    expect(page.get_by_text("Some of what you typed has no place here any more")).to_be_visible()


def test_the_counts_of_the_trail_follow_the_calls_that_are_shown(visit, place: Place):
    page = visit("admin")
    page.goto(place.at("audit/"))
    total = page.locator("#summary")
    expect(total).to_contain_text("calls")
    place.work(register=[resources("Late")])
    with page.expect_request(re.compile("part=summary")):
        page.locator("#show-fresh").click()


def test_a_telephone_says_how_much_of_the_tree_is_selected(visit, place: Place):
    page = visit("editor", viewport={"width": 390, "height": 844})
    page.goto(place.at("discover/zendesk/"))
    paths.button(page, "Select all").click()
    said = page.locator(".choice-said")
    expect(said).to_contain_text("selected")
    box = said.bounding_box()
    assert box is not None
    assert box["width"] > 60
    assert box["height"] > 12
    assert box["y"] + box["height"] <= 844
    assert said.evaluate("place => getComputedStyle(place).clipPath") == "none"


@pytest.fixture
def unplugged(browser: Browser, product: Product, session_of) -> Iterator[Page]:
    """An admin's tab whose connection may be lost."""
    with browser.new_context(base_url=product.url, storage_state=session_of("admin")) as context:
        yield context.new_page()


@pytest.mark.parametrize(
    ("path", "label", "press", "then"),
    [
        ("keys/", "Label", "Verify", "It may read and write"),
        ("keys/", "Label", "Dark", ""),
        ("searches/?page=calls", "Name", "Save the search", "is saved"),
    ],
)
def test_a_form_that_leaves_the_page_stays_when_the_connection_is_lost(
    unplugged: Page, place: Place, path: str, label: str, press: str, then: str
):
    page = unplugged
    page.goto(place.at(path))
    page.locator(".account summary").click()
    field = page.get_by_label(label, exact=True)
    field.fill("Typed")
    page.context.set_offline(True)
    paths.button(page, press).click()
    expect(page.get_by_text("The connection is lost: try again. Nothing was sent")).to_be_visible()
    expect(field).to_have_value("Typed")
    page.context.set_offline(False)
    with page.expect_navigation():
        paths.button(page, press).click()
    expect(page.get_by_text(then).first if then else field).to_be_visible()


def test_on_a_telephone_the_menu_does_not_cover_that_nothing_was_sent(unplugged: Page, place: Place):
    page = unplugged
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(place.at("keys/"))
    page.get_by_role("button", name="Menu").click()
    page.locator(".account summary").click()
    page.context.set_offline(True)
    page.get_by_role("button", name="Dark", exact=True).click()
    trouble = page.locator("#trouble")
    expect(trouble).to_contain_text("The connection is lost")
    uncovered = (
        "box => box.contains(document.elementFromPoint(innerWidth / 2, box.getBoundingClientRect().y + 9))"
    )
    assert trouble.evaluate(uncovered)


def test_a_form_is_sent_though_htmx_did_not_come(unplugged: Page, place: Place):
    page = unplugged
    page.route("**/htmx-4*", lambda route: route.abort())
    page.goto(place.at("web/"))
    page.get_by_role("textbox", name="Addresses").fill("https://docs.acme.example/one")
    paths.button(page, "Ingest").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
