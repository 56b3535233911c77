"""What is sent is what was shown: selections in Discover and in the queue, at a desk's width and a telephone's."""

import re

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser import paths
from tests.browser.product import Place, Product, Row

WIDTHS: dict[str, ViewportSize] = {
    "desk": {"width": 1280, "height": 800},
    "telephone": {"width": 390, "height": 844},
}
ALL, GRAPHQL, AUTHENTICATION = 380, 4, 4
BRANCH, INNER = "NetBox", "Administration › Authentication"


@pytest.fixture(params=WIDTHS)
def window(request: pytest.FixtureRequest) -> ViewportSize:
    """The size of the window."""
    return WIDTHS[request.param]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A workspace's name, of the test's own."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))
    return words[-40:].strip("-")


@pytest.fixture
def tree(visit, product: Product, name: str, window: ViewportSize) -> tuple[Page, Place]:
    """Zendesk's tree, just discovered."""
    place = product.place(name, discover=["zendesk"])
    page = visit("editor", viewport=window)
    page.goto(place.at("discover/zendesk/"))
    return page, place


def resources(number: int, word: str = "page") -> Row:
    """So many resources to register in Notion, as furnish.py takes them."""
    made = [
        {
            "external_id": f"{word}-{n}",
            "title": f"{word.title()} {n}",
            "original_url": f"https://docs.acme.example/{word}/{n}",
            "mime_type": "text/markdown",
        }
        for n in range(number)
    ]
    return {"provider": "notion", "resources": made, "then_ingest": False}


@pytest.fixture
def place(product: Product, name: str) -> Place:
    """A workspace with 120 IDs in its queue, six of which are about parcels."""
    made = product.place(name, register=[resources(114)])
    made.work(register=[resources(6, "parcel")])  # the newest: on the first page
    return made


@pytest.fixture
def queue(visit, place: Place, window: ViewportSize) -> Page:
    """Its queue."""
    page = visit("editor", viewport=window)
    page.goto(place.at("queue/"))
    return page


def look_for(page: Page, field: str, words: str) -> None:
    """Types into the search, and waits for what it finds. On a telephone a button opens it first."""
    field_of = page.get_by_role("search").locator(f"[name={field}]")
    if not field_of.is_visible():
        page.locator(".filters-fold > summary").click()
    with page.expect_response(lambda answer: f"{field}=" in answer.url and answer.request.method == "GET"):
        field_of.fill(words)
    page.wait_for_function(
        "([field, words]) => new URL(location.href).searchParams.get(field) === (words || null)",
        arg=[field, words],
    )


def clear_selection(page: Page) -> None:
    """By its button, which is behind another one on a telephone."""
    more = page.get_by_role("button", name="More actions")
    if more.is_visible():
        more.click()
    page.get_by_role("button", name="Clear selection").click()


def selected(page: Page, text: str) -> None:
    """The bar says so."""
    expect(page.locator("[data-selected]")).to_have_text(text)


def box(page: Page, name: str) -> Locator:
    """The box of a leaf, by its title."""
    return page.get_by_role("checkbox", name=name, exact=True)


def branch(page: Page, name: str) -> Locator:
    """The box of a branch."""
    return page.get_by_role("checkbox", name=f"All in {name}", exact=True)


def half(found: Locator) -> None:
    """The box stands for something of which a part is selected."""
    expect(found).to_have_js_property("indeterminate", value=True)


def opened(page: Page, *names: str) -> None:
    """Opens these branches, one in the other."""
    for name in names:
        page.locator("summary").filter(has_text=name).first.click()


def registered(page: Page, place: Place, number: int) -> set[str]:
    """Registers the selection through its preview; the titles that Fini has afterwards."""
    page.get_by_role("button", name="Register", exact=True).click()
    paths.confirm(page, f"Register {number}")
    paths.ended(page)
    return {document["title"] for document in place.documents()}


def sent(place: Place) -> list[str]:
    """The titles of what Fini was asked to ingest."""
    return sorted(document["title"] for document in place.documents() if document["linkedJobStatus"])


PARCELS = [f"Parcel {n}" for n in range(6)]


def test_select_all_under_a_search_means_those_and_keeps_what_was_ticked_before(tree):
    page, place = tree
    opened(page, BRANCH, INNER)
    box(page, "Okta").check()
    look_for(page, "search", "graphql")
    selected(page, "1 selected, 1 not shown")
    paths.button(page, f"Select all {GRAPHQL}").click()
    selected(page, "5 selected, 1 not shown")
    look_for(page, "search", "")
    selected(page, "5 selected")
    expect(paths.button(page, f"Select all {ALL}")).to_be_visible()
    half(branch(page, BRANCH))
    titles = registered(page, place, 5)
    assert titles == {
        "Okta",
        "GraphQL API",
        "GraphQL API Overview",
        "GraphQL API Parameters",
        "GraphQL Cheat Sheet",
    }
    # What was sent is selected no more, on the page one goes back to neither.
    page.go_back()
    selected(page, "0 selected")


def test_a_ticked_branch_means_the_leaves_shown_at_that_moment(tree):
    page, place = tree
    look_for(page, "search", "graphql")
    branch(page, BRANCH).check()
    selected(page, "3 selected")
    look_for(page, "search", "")
    selected(page, "3 selected")
    half(branch(page, BRANCH))
    opened(page, BRANCH)
    half(branch(page, "Configuration"))
    expect(branch(page, "Installation")).not_to_be_checked()
    # A whole branch that was never opened, and some of it taken out again under a search.
    branch(page, INNER).check()
    selected(page, "7 selected")
    look_for(page, "search", "okta")
    expect(branch(page, INNER)).to_be_checked()
    branch(page, INNER).uncheck()
    selected(page, "6 selected, 6 not shown")
    look_for(page, "search", "")
    selected(page, "6 selected")
    opened(page, INNER)
    expect(box(page, "Okta")).not_to_be_checked()
    expect(box(page, "Google")).to_be_checked()
    assert "Okta" not in registered(page, place, 6)


def test_what_is_selected_lasts_over_back_and_a_new_load(tree):
    page, _ = tree
    paths.button(page, f"Select all {ALL}").click()
    selected(page, f"{ALL} selected")
    look_for(page, "search", "okta")
    page.get_by_role("link", name="Notion").click()
    selected(page, "0 selected")
    page.go_back()
    selected(page, f"{ALL} selected, {ALL - 1} not shown")
    look_for(page, "search", "")
    selected(page, f"{ALL} selected")
    # Also of branches that were not loaded it is known whether all of it is selected.
    expect(branch(page, BRANCH)).to_be_checked()
    expect(branch(page, "OWASP Cheat Sheets")).to_be_checked()
    other = page.context.new_page()
    other.goto(page.url)
    selected(other, "0 selected")
    clear_selection(page)
    selected(page, "0 selected")
    page.reload()
    selected(page, "0 selected")


def test_shift_takes_a_range_of_the_tree(tree):
    page, _ = tree
    opened(page, BRANCH, INNER)
    box(page, "Google").check()
    box(page, "Okta").click(modifiers=["Shift"])
    first, last = (page.locator("li.leaf").filter(has=box(page, name)) for name in ("Google", "Okta"))
    between = page.evaluate(
        """([a, b]) => { const all = [...document.querySelectorAll("li.leaf")];
          return Math.abs(all.indexOf(a) - all.indexOf(b)) + 1; }""",
        [first.element_handle(), last.element_handle()],
    )
    assert between > 1
    selected(page, f"{between} selected")
    box(page, "Google").click(modifiers=["Shift"])
    selected(page, "0 selected")
    # Over branches that are closed: what they hold. By the keyboard too.
    opened(page, BRANCH)
    branch(page, BRANCH).check()
    branch(page, "OWASP Cheat Sheets").focus()
    page.keyboard.press("Shift+Space")
    selected(page, f"{ALL} selected")


def test_what_the_latest_discovery_leaves_out_is_in_no_branch_and_not_in_all(tree, product: Product):
    page, place = tree
    opened(page, BRANCH, INNER)
    inner = branch(page, INNER)
    inner.check()
    paths.button(page, "Register and ingest").click()
    paths.confirm(page, f"Register and ingest {AUTHENTICATION}")
    paths.ended(page)
    place.work(discover=["zendesk"])
    page.goto(place.at("discover/zendesk/"))
    paths.button(page, f"Select all {ALL - AUTHENTICATION}").click()
    selected(page, f"{ALL - AUTHENTICATION} selected")
    clear_selection(page)
    opened(page, BRANCH, INNER)
    expect(inner).to_be_disabled()
    leaf = page.locator("li.leaf").filter(has=box(page, "Okta"))
    expect(leaf.get_by_text("not listed now")).to_be_visible()
    box(page, "Okta").check()
    selected(page, "1 selected")
    half(inner)
    page.get_by_role("button", name="Register", exact=True).click()
    # Fini has it as it is.
    expect(page.get_by_role("dialog").get_by_text("unchanged").first).to_be_visible()


def test_a_discovery_that_ends_meanwhile_leaves_the_selection_as_it_is(tree, product: Product):
    page, place = tree
    look_for(page, "search", "okta")
    paths.button(page, "Select all 1").click()
    look_for(page, "search", "")
    run = place.runs()[-1]["number"]
    place.work(discover=["zendesk"])
    expect(page.locator(f"#tree[data-run='{run + 1}']")).to_be_attached()
    selected(page, "1 selected")
    # The tree that is shown is of the list before: nothing is selected that was not shown.
    page.locator("#tree").evaluate("(tree, run) => { tree.dataset.run = run }", str(run))
    branch(page, BRANCH).click()
    expect(page.get_by_text("The list has changed meanwhile")).to_be_visible()
    selected(page, "1 selected")
    assert registered(page, place, 1) == {"Okta"}


def test_the_queues_button_sends_what_is_shown_and_names_its_number(queue: Page, place: Place):
    page = queue
    expect(paths.button(page, "Send 120 to ingestion")).to_be_visible()
    look_for(page, "q", "parcel")
    paths.button(page, "Send 6 to ingestion").click()
    paths.confirm(page, "Send 6 to ingestion")
    paths.ended(page)
    assert sent(place) == PARCELS


def test_with_a_selection_only_its_own_button_is_there(queue: Page, place: Place):
    page = queue
    sending = page.get_by_role("button", name=re.compile("^Send .* to ingestion$"))
    expect(sending).to_have_text("Send 120 to ingestion")
    box(page, "Select Parcel 0").check()
    expect(sending).to_have_text("Send 1 to ingestion")
    paths.news(page)  # the clock brings the numbers once more
    expect(sending).to_have_text("Send 1 to ingestion")
    page.keyboard.press("Escape")
    expect(sending).to_have_text("Send 120 to ingestion")


def test_a_selection_lasts_over_filters_older_and_back(queue: Page, place: Place):
    page = queue
    look_for(page, "q", "parcel")
    paths.button(page, "Select all 6").click()
    selected(page, "6 selected")
    look_for(page, "q", "")
    selected(page, "6 selected")
    page.get_by_role("link", name="Older →").click()
    selected(page, "6 selected, 6 not on this page")
    page.get_by_role("checkbox", name="Select Page", exact=False).first.check()
    selected(page, "7 selected, 6 not on this page")
    title = page.locator("td.title a").first.inner_text()
    with page.expect_navigation():
        page.locator("td.title a").first.click()
    page.go_back()
    selected(page, "7 selected, 6 not on this page")
    page.go_back()
    selected(page, "7 selected, 1 not on this page")
    paths.button(page, "Send 7 to ingestion").click()
    paths.confirm(page, "Send 7 to ingestion")
    paths.ended(page)
    assert sent(place) == sorted([title, *PARCELS])
    page.goto(place.at("queue/"))
    expect(page.locator("[data-selected]")).to_be_hidden()
    expect(paths.button(page, "Send 113 to ingestion")).to_be_visible()


def test_shift_takes_a_range_of_the_queue(queue: Page, place: Place):
    page = queue
    boxes = page.locator("[data-pick]")
    boxes.nth(1).check()
    boxes.nth(4).click(modifiers=["Shift"])
    selected(page, "4 selected")
    boxes.nth(2).click(modifiers=["Shift"])
    selected(page, "1 selected")
    boxes.nth(0).focus()
    page.keyboard.press("Shift+Space")
    selected(page, "3 selected")


def test_the_queue_opens_on_a_lane_that_has_something(
    visit, product: Product, name: str, window: ViewportSize
):
    once = resources(2, "again") | {"then_ingest": True}
    place = product.place(name, register=[once])
    place.work(register=[resources(2, "again")])
    page = visit("editor", viewport=window)
    page.goto(place.at("queue/"))
    expect(page.get_by_role("navigation", name="Lanes").locator("[aria-current=page]")).to_contain_text(
        "Refresh"
    )
    expect(page.get_by_role("checkbox", name="Select Again", exact=False)).to_have_count(2)
    expect(paths.button(page, "Send 2 to ingestion")).to_be_visible()


def test_what_somebody_else_sends_meanwhile_leaves_the_selection(queue: Page, place: Place, visit):
    page = queue
    look_for(page, "q", "parcel")
    box(page, "Select Parcel 1").check()
    box(page, "Select Parcel 2").check()
    look_for(page, "q", "parcel-1")
    selected(page, "2 selected, 1 not on this page")
    other = visit("admin")
    other.goto(place.at("queue/?q=parcel-1"))
    paths.button(other, "Send 1 to ingestion").click()
    paths.confirm(other, "Send 1 to ingestion")
    paths.ended(other)
    expect(box(page, "Select Parcel 1")).to_have_count(0)
    selected(page, "1 selected, 1 not on this page")
    # What it was not shown to lose is left out by the preview, which says so.
    other.goto(place.at("queue/?q=parcel-2"))
    paths.button(other, "Send 1 to ingestion").click()
    paths.confirm(other, "Send 1 to ingestion")
    paths.ended(other)
    paths.button(page, "Send 1 to ingestion").click()
    expect(page.get_by_role("dialog").get_by_text("None of these can be sent")).to_be_visible()


def test_a_double_click_selects_and_sends_once(queue: Page, place: Place):
    page = queue
    look_for(page, "q", "parcel")
    paths.button(page, "Select all 6").dblclick()
    selected(page, "6 selected")
    paths.button(page, "Send 6 to ingestion").click()
    paths.button(page.get_by_role("dialog"), "Send 6 to ingestion").dblclick()
    paths.run_shown(page)
    paths.ended(page)
    assert sent(place) == PARCELS
    assert [run["kind"] for run in place.runs()] == ["register", "register", "ingest"]
