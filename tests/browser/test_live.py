"""Pages that change by themselves leave alone what a person is at; what is pressed twice happens once."""

import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser import paths
from tests.browser.product import PEOPLE, Place, Product, Row


def resources(*names: str) -> Row:
    """Resources to register in Notion, as furnish.py takes them."""
    made = [
        {
            "external_id": name.lower().replace(" ", "-"),
            "title": name,
            "original_url": f"https://docs.acme.example/{name.lower().replace(' ', '-')}",
            "mime_type": "text/markdown",
        }
        for name in names
    ]
    return {"provider": "notion", "resources": made, "then_ingest": False}


@pytest.fixture
def place(product: Product, request: pytest.FixtureRequest) -> Place:
    """A workspace of the test's own, with three IDs in its queue."""
    slug = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    return product.place(slug, register=[resources("First page", "Second page", "Third page")])


def ingests(place: Place) -> tuple[int, int]:
    """How many runs ingest, and how many calls asked Fini to."""
    calls = [call for call in place.calls("POST") if call["path"] == "/v2/documents/public"]
    return len([run for run in place.runs() if run["kind"] == "ingest"]), len(calls)


def test_selection_focus_and_dialog_stay_while_rows_come(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("queue/"))
    first, second = (page.get_by_label(f"Select {name} page") for name in ("First", "Second"))
    first.check()
    second.check()
    search = page.get_by_role("search").locator("[name=q]")
    search.focus()
    with page.expect_response(lambda answer: "q=pa" in answer.url):
        search.press_sequentially("pa")
    expect(page.locator(".htmx-request")).to_have_count(0)

    place.work(register=[resources("Fourth page")])
    # No row moves by itself: that one came is said, above the rows.
    fresh = page.get_by_role("button", name="1 new")
    expect(fresh).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Fourth page")).to_have_count(0)
    expect(first).to_be_checked()
    expect(second).to_be_checked()
    expect(search).to_be_focused()
    expect(search).to_have_value("pa")
    assert search.evaluate("field => field.selectionStart") == 2

    # The menu's number follows too, though nothing of the menu was loaded again.
    expect(page.get_by_role("navigation").get_by_role("link", name="Queue 4")).to_be_visible()


def test_new_rows_wait_behind_a_button_while_a_dialog_is_open(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("queue/"))
    first = page.get_by_label("Select First page")
    first.check()
    paths.button(page, "Send 1 to ingestion").click()
    reason = page.get_by_role("dialog").get_by_label("Reason")
    reason.press_sequentially("Because the part")
    place.work(register=[resources("Fifth page")])
    expect(page.locator("#show-fresh")).to_have_text("1 new")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(reason).to_be_focused()
    expect(reason).to_have_value("Because the part")

    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(first).to_be_checked()
    page.get_by_role("button", name="1 new").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Fifth page")
    expect(page.get_by_role("link", name="Fifth page")).to_be_focused()
    expect(page.get_by_label("Select Fifth page")).not_to_be_checked()
    expect(first).to_be_checked()
    expect(page.locator("#show-fresh")).to_have_count(0)
    assert ingests(place) == (0, 0)


def all_is_new(page: Page, place: Place) -> None:
    """The page, which did not ask while they came, has just learnt of more rows than it has room for."""
    paths.hide(page, hidden=True)
    place.work(register=[resources(*(f"Page {number}" for number in range(60)))])
    paths.hide(page, hidden=False)
    expect(page.locator("#show-fresh")).to_have_text("50+ new")


def test_where_all_is_new_the_list_is_asked_for_seldom(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("queue/"))
    all_is_new(page, place)
    asked: list[list[str]] = []

    def note(request: Request) -> None:
        if seen := request.headers.get("x-seen"):
            _, parts, *_ = [*seen.split(" "), ""]
            asked.append(parts.split(","))

    page.on("request", note)
    page.wait_for_timeout(9_000)
    assert len(asked) >= 2
    assert not [parts for parts in asked if "list" in parts]
    expect(page.get_by_role("link", name="First page")).to_be_visible()

    page.locator("#show-fresh").click()
    expect(page.get_by_role("link", name=re.compile("^Page "))).to_have_count(50)
    asked.clear()
    place.work(register=[resources("One more")])
    expect(page.locator("#show-fresh")).to_have_text("1 new")
    assert "list" in asked[-1]
    page.remove_listener("request", note)  # the tab goes on to the next test


# All of the queue but what was there first goes.
TAKE_OUT = """
from fini_admin.audit.names import By, Origin
from fini_admin.ingestion.models import QueueEntry
from fini_admin.ingestion.queue_moves import remove_entries
from fini_admin.workspaces.models import Workspace
workspace = Workspace.objects.get(slug=slug)
keys = QueueEntry.objects.filter(workspace=workspace, source__title__startswith="Page ").values_list("pk", flat=True)
remove_entries(by=By("ada@example.com", Origin.BROWSER), workspace=workspace, entries=list(keys))
result = None
"""


def test_what_came_and_went_while_the_list_was_held_back_is_no_longer_offered(visit, place: Place):
    """The news came on a tick that did not ask for the list; nothing happens afterwards."""
    page = visit("editor")
    page.goto(place.at("queue/"))
    all_is_new(page, place)
    page.wait_for_timeout(4_500)
    place.product.console.run(TAKE_OUT, slug=place.slug)
    expect(page.get_by_role("navigation").get_by_role("link", name="Queue 3")).to_be_visible()
    expect(page.locator("#show-fresh")).to_have_count(0, timeout=20_000)
    expect(page.get_by_role("link", name="First page")).to_be_visible()


def test_what_is_picked_and_open_in_the_tree_stays_while_states_change(visit, product: Product):
    place = product.place("tree", discover=["zendesk"])
    page = visit("editor")
    page.goto(place.at("discover/zendesk/"))
    for branch in ("NetBox", "Administration › Authentication"):
        page.locator("summary").filter(has_text=branch).click()
    page.get_by_label("Okta", exact=True).check()
    search = page.get_by_role("search").locator("[name=search]")
    search.press_sequentially("net")

    google = {
        "external_id": "360516833862",
        "title": "Google",
        "original_url": "https://netboxlabs.com/docs/g/",
    }
    work = {"provider": "zendesk", "resources": [google | {"mime_type": "text/html"}], "then_ingest": True}
    place.work(register=[work])
    leaf = page.get_by_role("listitem").filter(has=page.get_by_label("Google", exact=True)).last
    expect(leaf.get_by_text("usable")).to_be_visible()
    expect(page.get_by_label("Okta", exact=True)).to_be_checked()
    expect(page.get_by_label("Google", exact=True)).not_to_be_checked()
    expect(page.get_by_text("1 selected")).to_be_visible()
    expect(search).to_be_focused()
    expect(search).to_have_value("net")


def test_a_double_click_on_the_confirm_button_starts_one_run(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("queue/"))
    paths.button(page, "Send 3 to ingestion").first.click()
    dialog = page.get_by_role("dialog")
    paths.button(dialog, "Send 3 to ingestion").dblclick()
    paths.run_shown(page)
    place.wait()
    assert ingests(place) == (1, 1)
    page.go_back()
    expect(page.get_by_text("Nothing waits in this lane")).to_be_visible()


def test_two_tabs_with_a_preview_each_send_once(visit, place: Place):
    page = visit("editor")
    tabs = [page, page.context.new_page()]
    for tab in tabs:
        tab.goto(place.at("queue/"))
        paths.button(tab, "Send 3 to ingestion").first.click()
        expect(tab.get_by_role("dialog")).to_be_visible()
    paths.confirm(tabs[0], "Send 3 to ingestion")
    paths.button(tabs[1].get_by_role("dialog"), "Send 3 to ingestion").click()
    expect(tabs[1].get_by_role("alert")).to_be_visible()
    place.wait()
    assert ingests(place) == (1, 1)


def test_the_back_button_and_a_second_tab_lead_to_the_same_run(visit, product: Product, place: Place):
    preview = product.furnish(slug=place.slug, people={}, preview=PEOPLE["editor"][0])["preview"]
    page = visit("editor")
    page.goto(place.at(f"previews/{preview}/"))
    other = page.context.new_page()
    other.goto(page.url)

    numbers = [confirmed(page), confirmed(other)]
    page.go_back()
    if paths.button(page, "Send 3 to ingestion").count():
        numbers.append(confirmed(page))
    else:
        numbers.append(paths.run_shown(page))
    place.wait()
    assert len(set(numbers)) == 1
    assert ingests(place) == (1, 1)


def confirmed(page: Page) -> int:
    """Presses the button of a preview's page; the run it leads to."""
    paths.button(page, "Send 3 to ingestion").click()
    return paths.run_shown(page)


def test_a_double_click_on_discover_starts_one_run(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("discover/zendesk/"))
    paths.button(page, "Discover").dblclick()
    expect(paths.button(page, "Select all")).to_be_visible(timeout=paths.PATIENCE)
    place.wait()
    assert len([run for run in place.runs() if run["kind"] == "discover"]) == 1


def test_a_double_click_on_register_shows_one_preview_and_registers_once(visit, place: Place):
    page = visit("editor")
    page.goto(place.at("register/"))
    page.get_by_label("Provider").select_option("notion")
    page.get_by_label("URL").fill("https://docs.acme.example/travel-policy-1f0a2b3c4d5e6f708192a3b4c5d6e7f8")
    page.get_by_label("Title").fill("Travel policy")
    page.get_by_label("External ID").fill("travel-policy")
    before = len(place.runs())
    page.get_by_role("button", name="Register", exact=True).dblclick()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    paths.button(dialog, "Register 1").dblclick()
    paths.run_shown(page)
    place.wait()
    assert len(place.runs()) == before + 1
    assert [document["externalId"] for document in place.documents()].count("travel-policy") == 1


def test_a_runs_page_counts_up_by_itself(visit, place: Place, product: Product):
    page = visit("viewer")
    with product.pace(pending_seconds=[60, 60], running_seconds=[1, 3]):
        product.furnish(slug=place.slug, people={}, register=[resources("Slow page") | {"then_ingest": True}])
        page.goto(place.at(f"runs/{place.runs()[-1]['number']}/"))
        expect(page.get_by_role("status").get_by_text("running")).to_be_visible()
        expect(page.get_by_role("navigation").get_by_role("link", name="Runs 1 under way")).to_be_visible()
        place.end_jobs(1)
        paths.ended(page)
    counts = paths.segments(page)
    assert counts["all"] == counts["done"] + counts["failed"] == 1
    # Nothing runs: the menu says so too, beside a page that has stopped to ask.
    expect(page.get_by_role("navigation").get_by_role("link", name="Runs", exact=True)).to_be_visible()


def test_the_start_tells_by_itself_what_goes_on_in_each_workspace(visit, product: Product, place: Place):
    product.place("the-start-second")  # who is in one alone is led there
    page = visit("viewer")
    page.goto("/")
    waiting = page.locator(f"#workspace-{place.slug} td[data-label='In the queue']")
    expect(waiting).to_have_text("3")
    product.furnish(slug=place.slug, people={}, register=[resources("Fourth page")])
    expect(waiting).to_have_text("4")


def test_what_needs_attention_has_its_whole_height_when_the_run_has_ended(visit, product: Product):
    place = product.place("attention", "Attention")
    names = [f"Page {number}" for number in range(6)]
    with product.pace(pending_seconds=[60, 60], running_seconds=[1, 3], weights={"failed": 1}):
        product.furnish(slug=place.slug, people={}, register=[resources(*names) | {"then_ingest": True}])
        page = visit("editor")
        page.goto(place.at("runs/1/"))
        room = page.locator("[data-room]")
        expect(room).to_have_attribute("data-room", "")
        place.end_jobs(len(names))
        expect(room).to_have_attribute("data-room", "over")
    expect(room.locator(".reasons li").nth(1)).to_be_visible()
    hidden = room.evaluate("(section) => section.scrollHeight - section.clientHeight")
    assert hidden <= 1
    below = "(section) => getComputedStyle(section, '::after').content"
    assert room.evaluate(below) == "none"
    page.evaluate("document.documentElement.style.setProperty('--room', '60px')")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('[data-room]'), '::after').content === '\"\"'"
    )
