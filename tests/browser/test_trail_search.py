"""Searching the audit trail: typed, suggested, narrowed by counts, saved, shared; from an article back to a click."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import accessibility, layout, paths
from tests.browser.conftest import DESK
from tests.browser.product import PEOPLE, Place, Product
from tests.support.product import until

WIDTHS = (1280, 390, 320)
NUMBERS = [f"page-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def place(product: Product) -> Place:
    """A workspace whose admin registered and ingested twelve pages; Fini failed on one."""
    made = product.place("searched", "Searched")
    resources = [
        {
            "external_id": name,
            "title": f"Handbook, {name}",
            "original_url": f"https://docs.acme.example/{name}",
            "mime_type": "text/markdown",
        }
        for name in NUMBERS
    ]
    with product.pace(outcomes=dict.fromkeys(NUMBERS, "usable") | {NUMBERS[3]: "failed"}):
        wanted = {"provider": "notion", "resources": resources, "then_ingest": True}
        made.work(actor=PEOPLE["admin"][0], discover=["zendesk"], register=[wanted])
    return made


def is_whole(page: Page) -> None:
    """No violation in either theme at any width, nothing wider than the window, nothing cut."""
    faults: list[str] = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": DESK["height"]})
        faults += [f"at {width} px: {fault}" for fault in accessibility.in_both_themes(page)]
        faults += [f"at {width} px: {fault}" for fault in layout.overflow(page)]
    page.set_viewport_size(DESK)
    faults += layout.cut(page)
    assert not faults, "\n".join(faults)


def search(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search")


def options(page: Page) -> Locator:
    return page.locator("#suggestions [role=option]")


def routes_shown(page: Page) -> set[str]:
    return {text.split()[0] for text in page.locator("#list td.title a").all_inner_texts()}


def narrowed(page: Page, *routes: str) -> None:
    """The list shows these routes, and nothing else, by and by."""
    expect(page.locator("#list td.title").first).to_be_visible()
    until(lambda: routes_shown(page) == set(routes), 10, lambda: f"{routes_shown(page)} is not {routes}")


def test_a_search_is_typed_with_suggestions_and_stands_in_the_address(place: Place, visit):
    page = visit("admin")
    page.goto(place.at("audit/"))
    before = routes_shown(page)
    assert {"discover", "register", "ingest", "list"} <= before
    search(page).press_sequentially("rou")
    expect(options(page)).to_have_text([re.compile(r"route:")])
    is_whole(page)
    assert routes_shown(page) == before, "a key without a value is no condition yet"
    search(page).click()
    expect(options(page)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(search(page)).to_have_value("route:")
    search(page).press_sequentially("ing")
    expect(options(page)).to_have_text([re.compile(r"route:ingest")])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(search(page)).to_have_value("route:ingest ")
    narrowed(page, "ingest")
    assert "q=route%3Aingest" in page.url
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.reload()
    narrowed(page, "ingest")


def test_a_wrong_search_says_what_is_wrong_and_keeps_what_was_typed(place: Place, visit):
    page = visit("admin")
    page.goto(place.at("audit/"))
    search(page).fill("status:abc route:register")
    expect(page.get_by_role("status").get_by_text("status:abc: Enter a status such as 500")).to_be_visible()
    narrowed(page, "register")
    expect(search(page)).to_have_value("status:abc route:register")
    page.keyboard.press("Escape")
    is_whole(page)


def test_escape_closes_the_suggestions_and_a_pointer_takes_one(place: Place, visit):
    page = visit("admin")
    page.goto(place.at("audit/"))
    search(page).press_sequentially("source:page-3")
    expect(options(page).filter(has_text="Handbook, page-3")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    search(page).press_sequentially(" -met")
    options(page).filter(has_text="-method:").click()
    expect(search(page)).to_have_value("source:page-3 -method:")
    expect(search(page)).to_be_focused()


def test_suggestions_that_come_late_leave_the_mark_and_what_was_closed(place: Place, visit):
    page = visit("admin")
    page.goto(place.at("audit/"))
    search(page).fill("route:in")
    expect(options(page)).to_have_text([re.compile(r"route:ingest")])
    go = paths.held_back(page, "**/audit/?*part=suggest*")
    with page.expect_request("**/audit/?*part=suggest*"):
        search(page).press_sequentially("g")
    page.keyboard.press("ArrowDown")
    with page.expect_response("**/audit/?*part=suggest*") as answer:
        go()
    answer.value.finished()
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(search(page)).to_have_value("route:ingest ")

    search(page).press_sequentially("status:")
    expect(page.get_by_role("listbox")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    search(page).press_sequentially("5")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)  # three times as long as it waits before it asks
    expect(page.get_by_role("listbox")).to_be_hidden()
    assert not any("part=suggest" in url for url in asked)


@pytest.mark.parametrize("heading", ["calls-over-time", "duration-over-time"])
def test_a_count_narrows_the_list_and_a_moment_of_a_chart_leads_to_its_calls(
    heading: str, place: Place, visit
):
    page = visit("admin")
    page.goto(place.at("audit/"))
    counts = page.get_by_role("navigation", name="Narrow the search")
    expect(counts.get_by_text("of all that match")).to_be_visible()
    counts.get_by_role("link", name=re.compile("^register ")).click()
    narrowed(page, "register")
    assert "route%3Aregister" in page.url
    is_whole(page)
    bar = page.locator(f"[aria-labelledby={heading}] .chart a").first
    assert "since=" in str(bar.get_attribute("href"))
    bar.locator(".column-slot").click()
    page.wait_for_url(re.compile("since="))
    narrowed(page, "register")


def test_an_editor_saves_a_search_and_an_admin_shares_one_with_viewers(place: Place, visit):
    editor, admin, viewer = visit("editor"), visit("admin"), visit("viewer")
    editor.goto(place.at("audit/"))
    search(editor).fill("route:ingest")
    narrowed(editor, "ingest")
    editor.get_by_role("link", name="Save this search").click()
    expect(editor.get_by_text("route:ingest")).to_be_visible()
    expect(editor.get_by_label("Share it")).to_have_count(0)
    editor.get_by_label("Name").fill("My ingests")
    editor.get_by_role("button", name="Save the search").click()
    expect(editor.get_by_text("The search “My ingests” is saved.")).to_be_visible()
    narrowed(editor, "ingest")
    admin.goto(place.at("audit/?q=route:register"))
    admin.get_by_role("link", name="Save this search").click()
    is_whole(admin)
    admin.get_by_label("Name").fill("Registrations")
    admin.get_by_label("Share it").check()
    admin.get_by_role("button", name="Save the search").click()
    expect(admin.get_by_text("The search “Registrations” is saved.")).to_be_visible()
    viewer.goto(place.at("audit/"))
    expect(viewer.get_by_role("link", name="Save this search")).to_have_count(0)
    viewer.locator("summary").filter(has_text="Saved searches").click()
    expect(viewer.get_by_role("link", name="My ingests")).to_have_count(0)
    is_whole(viewer)
    viewer.get_by_role("link", name="Registrations").click()
    narrowed(viewer, "register")
    admin.goto(place.at("searches/"))
    is_whole(admin)


def test_from_an_article_back_to_the_click_and_from_the_click_to_every_effect(place: Place, visit):
    page = visit("admin")
    ids = {document["externalId"]: document["id"] for document in place.documents()}
    page.goto(place.at(f"sources/{ids[NUMBERS[3]]}/"))
    with page.expect_navigation():
        page.get_by_role("link", name="All calls about this source").click()
    assert {"register", "ingest", "list"} <= routes_shown(page)
    page.get_by_role("link", name="ingest", exact=True).first.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    page.get_by_role("link", name="All that happened in these minutes").click()
    started = page.get_by_role("row", name=re.compile("started run")).filter(has_text="register")
    expect(started.first).to_contain_text(PEOPLE["admin"][0])
    started.first.get_by_role("link", name="its calls").click()
    narrowed(page, "register", "ingest", "list")
    page.get_by_role("link", name="list", exact=True).first.click()
    expect(page.get_by_role("heading", name="Sources it touched")).to_be_visible()
    page.locator("#touched-fold > summary").click()
    page.get_by_role("link", name="Handbook, page-3").first.click()
    expect(page.get_by_role("link", name="All calls about this source")).to_be_visible()


def test_from_a_call_to_the_one_before_and_the_next(place: Place, visit):
    page = visit("admin")
    page.goto(place.at("audit/?q=route:register"))
    with page.expect_navigation():
        page.locator("#list td.title a").first.click()
    here = page.url
    page.get_by_role("link", name="Next call").click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("resources/notion")
    page.get_by_role("link", name="Call before").click()
    page.wait_for_url(here)
    is_whole(page)


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_may_not_search_for_people_or_see_bodies_is_offered_neither(role: str, place: Place, visit):
    page = visit(role)
    page.goto(place.at("audit/"))
    with page.expect_response(re.compile("part=suggest")) as answer:
        search(page).fill("per")
    assert "option" not in answer.value.text()
    counts = page.get_by_role("navigation", name="Narrow the search")
    expect(counts).to_be_visible()
    expect(counts.get_by_text(PEOPLE["admin"][0])).to_have_count(0)
    page.locator("#list td.title a").first.click()
    expect(page.get_by_text("Admins see the bodies")).to_be_visible()
    expect(page.get_by_role("link", name="All that happened")).to_have_count(0)
