"""Every page on a telephone: nothing scrolls sideways, and lists begin in the upper half of the screen."""

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser import accessibility, layout, paths
from tests.browser.product import Place, Product
from tests.browser.stops import PAGES, Stop

SCREENS = ((390, 844), (320, 640))
SIDEWAYS = """() => {
  const wide = [document.scrollingElement, ...document.querySelectorAll("main, main *, dialog[open] *")];
  return wide.filter((element) => {
    const own = element === document.scrollingElement ? "auto" : getComputedStyle(element).overflowX;
    const shown = element.checkVisibility?.({ visibilityProperty: true }) && !element.closest(".unseen");
    return shown && (own === "auto" || own === "scroll") && element.scrollWidth > element.clientWidth;
  }).map((element) => `${element.scrollWidth} px in ${element.clientWidth}: ${element.outerHTML.slice(0, 160)}`);
}"""
# What is folded within a fold as well: the outer one comes first.
FOLD_OUT = """() => {
  for (const fold of document.querySelectorAll("main details")) if (fold.checkVisibility()) fold.open = true;
}"""
LISTS = ("sources/", "queue/", "runs/", "audit/", "activity/")


def box(place: Locator) -> FloatRect:
    """Where an element is shown."""
    found = place.bounding_box()
    assert found is not None
    return found


def telephone(visit, role: str, width: int, height: int) -> Page:
    return visit(role, has_touch=True, is_mobile=True, viewport={"width": width, "height": height})


@pytest.mark.parametrize("screen", SCREENS, ids=str)
@pytest.mark.parametrize("stop", PAGES, ids=lambda stop: stop.name)
def test_nothing_scrolls_sideways(stop: Stop, screen: tuple[int, int], addresses: dict[str, str], visit):
    page = telephone(visit, stop.role, *screen)
    page.goto(stop.path.format(**addresses))
    expect(page.get_by_role("main").get_by_text(stop.sees).locator("visible=true").first).to_be_visible()
    faults = page.evaluate(SIDEWAYS)
    page.evaluate(FOLD_OUT)
    layout.settled(page)
    faults += page.evaluate(SIDEWAYS)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
@pytest.mark.parametrize("path", LISTS)
def test_the_first_row_is_in_the_upper_half(path: str, screen: tuple[int, int], parcels: Place, visit):
    page = telephone(visit, "admin", *screen)
    page.goto(parcels.at(path))
    row = page.locator("#list tbody tr").first
    expect(row).to_be_visible()
    expect(page.locator(".htmx-request")).to_have_count(0)
    assert box(row)["y"] < screen[1] / 2


def test_a_long_name_takes_one_line_and_an_empty_list_keeps_its_distance(visit, product: Product):
    product.place("short", with_key=False)  # the people
    product.manage(
        "add_workspace", "long-name", "--name", "A workspace with a name that goes on and on and on"
    )
    page = telephone(visit, "superuser", *SCREENS[0])
    page.goto("/w/long-name/members/")
    assert box(page.locator(".bar"))["height"] < 60
    empty, add = box(page.locator(".empty")), box(page.locator(".set").first)
    assert add["y"] - empty["y"] - empty["height"] >= 16
    page.goto("/workspaces/")
    row = (
        page.get_by_role("listitem")
        .filter(has=page.get_by_role("link", name="A workspace with", exact=False))
        .first
    )
    rename, archive = row.get_by_role("button", name="Rename").first, row.get_by_role("link", name="Archive")
    assert box(archive)["x"] - box(rename)["x"] - box(rename)["width"] < 20


def test_a_title_keeps_its_line_beside_several_buttons(visit, product: Product):
    place = product.place("title-and-buttons", with_key=False)
    page = telephone(visit, "admin", *SCREENS[0])
    page.goto(place.at("searches/?page=calls&query=q%3Droute%253Aingest"))
    page.get_by_label("Name").fill("Ingests")
    with page.expect_navigation():
        paths.button(page, "Save the search").click()
    expect(page.get_by_text("Saved searches", exact=True)).to_be_visible()
    assert box(page.get_by_role("heading", level=1))["height"] < 40
    chips, rows = page.locator("#chips"), page.locator(".empty")
    expect(chips).to_be_hidden()
    expect(rows).to_be_visible()


def test_a_row_tells_title_then_state_and_time_then_the_reason(parcels: Place, visit):
    page = telephone(visit, "admin", *SCREENS[0])
    page.goto(parcels.at("sources/?state=failed"))
    row = page.get_by_role("row").filter(has_text="A page behind a log-in").first
    expect(row).to_be_visible()
    title, state = box(row.locator(".title")), box(row.locator(".badge"))
    since, why = (
        box(row.locator(".state > .second time").first),
        box(row.locator(".reason")),
    )
    assert title["y"] + title["height"] <= state["y"]
    assert abs(state["y"] + state["height"] / 2 - since["y"] - since["height"] / 2) < 6
    assert why["y"] >= state["y"] + state["height"]


def test_filters_are_behind_one_button_that_counts_them(parcels: Place, visit):
    page = telephone(visit, "admin", *SCREENS[0])
    page.goto(parcels.at("sources/?provider=zendesk"))
    expect(page.get_by_label("Title, URL or ID")).to_be_hidden()
    page.locator("summary", has_text="Filter (1)").click()
    page.get_by_label("Title, URL or ID").fill("pictures")
    expect(page.locator("summary", has_text="Filter (2)")).to_be_visible()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    faults = layout.small(page) + accessibility.violations(page)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
# One row: which of many the bar covers in part, and axe complains of, depends on their order.
@pytest.mark.parametrize("path", ["sources/?q=waits", "queue/", "discover/zendesk/"])
def test_the_batch_bar_is_one_line(path: str, screen: tuple[int, int], parcels: Place, visit):
    page = telephone(visit, "admin", *screen)
    page.goto(parcels.at(path))
    page.get_by_role("checkbox", name="Select ").or_(page.get_by_label("All in")).first.check()
    bar = page.locator(".batch-bar")
    expect(bar).to_be_visible()
    assert box(bar)["height"] <= 62
    page.get_by_role("button", name="More actions").click()
    expect(paths.button(page, "Clear selection")).to_be_visible()
    faults = page.evaluate(SIDEWAYS) + accessibility.violations(page)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_every_filter_stays_inside_the_screen(screen: tuple[int, int], parcels: Place, visit):
    page = telephone(visit, "admin", *screen)
    page.goto(parcels.at("sources/"))
    page.locator("summary", has_text="Filter").click()
    right = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.filters :is(input, select)')]"
        ".map((field) => field.getBoundingClientRect().right))"
    )
    assert right <= page.evaluate("document.documentElement.clientWidth")
