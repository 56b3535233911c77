"""The main paths by keyboard alone, the shortcuts, and the search across pages as a screen reader hears it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import paths
from tests.browser.product import Place, Product
from tests.browser.test_live import ingests, resources

MOST_STOPS = 8


@pytest.fixture
def place(product: Product, request: pytest.FixtureRequest) -> Place:
    """A workspace of the test's own, with three IDs in its queue."""
    slug = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    return product.place(slug, register=[resources("First page", "Second page", "Third page")])


def press_until(page: Page, key: str, reached: str, most: int = 40) -> int:
    """Presses a key until the focus is on what the selector names; how often."""
    for number in range(most):
        if page.evaluate("selector => document.activeElement.matches(selector)", reached):
            return number
        page.keyboard.press(key)
    raise AssertionError(f"{reached} is not reached by {key}")


def test_a_row_is_ticked_sent_and_confirmed_without_a_mouse(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("queue/"))
    row = page.locator("#list tbody tr")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(row.nth(1).locator("td.title a")).to_be_focused()
    page.keyboard.press("x")
    expect(row.nth(1).get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.keyboard.press("k")
    expect(row.nth(0).locator("td.title a")).to_be_focused()
    press_until(page, "Tab", ".batch-bar button[value=send]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press_until(page, "Tab", "dialog .button-primary")
    page.keyboard.press("Enter")
    paths.run_shown(page)
    place.wait()
    assert ingests(place) == (1, 1)


def test_enter_opens_the_row_and_escape_clears_the_selection(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("sources/"))
    name = page.locator("#list td.title a").first.inner_text()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("1 selected")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def test_the_first_row_is_few_stops_away(visit, place: Place):
    page = visit("editor")
    for path in ("sources/", "queue/", "runs/", "audit/", "runs/1/"):
        page.goto(place.at(path))
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the list")).to_be_focused()
        page.keyboard.press("Enter")
        assert 1 + press_until(page, "Tab", "tbody tr :is(a, input)") <= MOST_STOPS, path


def test_shortcuts_do_nothing_while_one_types_or_when_they_are_off(visit, place: Place):
    page = visit("viewer")
    page.goto(place.at("sources/"))
    page.keyboard.press("/")
    search = page.get_by_role("search").locator("[name=q]")
    expect(search).to_be_focused()
    page.keyboard.type("jkx?/")
    expect(search).to_have_value("jkx?/")
    expect(page.get_by_role("dialog")).to_have_count(0)
    search.fill("")
    search.blur()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Next and previous row")
    page.keyboard.press("j")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("checkbox", name="Use single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.goto(place.at("sources/"))
    page.keyboard.press("/")
    expect(search).not_to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Search")).to_be_visible()
    page.goto("/accounts/shortcuts/")
    page.get_by_role("checkbox", name="Use single-key shortcuts").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_escape_closes_the_search_whatever_was_typed_and_keeps_it(visit, place: Place):
    page = visit("viewer")
    page.goto(place.at("runs/"))
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search")
    page.keyboard.type("second")
    expect(palette.get_by_role("option", name="Second page")).to_be_visible()
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("combobox")).to_have_value("second")


def test_what_is_typed_before_the_first_timer_of_a_busy_browser_is_searched_for(visit, place: Place):
    page = visit("viewer")
    page.goto(place.at("runs/"))
    late = "const plain = setTimeout; setTimeout = (work, wait = 0) => plain(work, wait || 60_000)"
    page.add_init_script(late)
    page.reload()
    page.keyboard.press("Control+k")
    page.keyboard.type("second")
    expect(page.get_by_role("option", name="Second page")).to_be_visible()
    page.close()  # no other test is to have such a tab


def test_the_search_across_pages_leads_to_a_source_and_gives_the_focus_back(visit, place: Place):
    page = visit("viewer")
    page.goto(place.at("runs/"))
    page.get_by_role("link", name="Run 1").or_(page.locator("tbody a").first).first.focus()
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search")
    field = palette.get_by_role("combobox")
    expect(field).to_be_focused()
    expect(palette.get_by_role("option", name="Sources")).to_be_visible()
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(page.locator("tbody a").first).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("second")
    first = palette.get_by_role("option", name="Second page")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(palette.get_by_role("status")).to_have_text("3 found")
    page.keyboard.press("ArrowUp")
    expect(palette.get_by_role("option", name="Search Queue for")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-activedescendant", str(first.get_attribute("id")))
    expect(palette).to_match_aria_snapshot(
        """
        - dialog "Search":
          - combobox "Pages, sources, runs, calls by ID, actions": second
          - listbox "Found":
            - group "Sources":
              - option /Second page/ [selected]
            - group "Do":
              - option /Search Sources for/
              - option /Search Queue for/
          - status: 3 found
        """
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Second page")).to_be_visible()


def test_a_live_list_says_that_rows_came(visit, place: Place):
    page = visit("viewer")
    page.goto(place.at("queue/"))
    place.work(register=[resources("Fourth page")])
    expect(page.locator("#fresh")).to_match_aria_snapshot(
        """
        - status:
          - button "1 new"
        """
    )


def test_arrow_keys_move_through_a_tree(visit, product: Product):
    place = product.place("tree-by-keys", discover=["zendesk"])
    page = visit("editor")
    page.goto(place.at("discover/zendesk/"))
    branch = page.locator("#tree summary").first
    branch.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tree details").first).to_have_attribute("open", "")
    expect(page.locator("#tree details .level[data-unloaded]").first).not_to_be_visible()
    page.keyboard.press("ArrowRight")
    inner = page.locator("#tree details").first.locator("summary, .leaf > input").nth(1)
    expect(inner).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(branch).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#tree details").first).not_to_have_attribute("open", "")
    page.keyboard.press("ArrowDown")
    below = page.locator("#tree > .level > ul > li.branch + li").first
    expect(below.locator(":is(summary, input):focus")).to_have_count(1)
