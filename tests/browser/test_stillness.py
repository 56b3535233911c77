"""Pages stand still while they load and while numbers arrive, and what is largest is there soon."""

import sys
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from fini_admin.ingestion.queue import WAITING
from tests.browser import paths
from tests.browser.product import Place, Product
from tests.browser.stops import PAGES, Stop, article

MOST = 0.02
WINDOWS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 800}},
    "telephone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
# What moved without anybody's doing, and when the largest part of the page was painted.
WATCH = r"""
if (!window.moved) {
  window.moved = [];
  window.painted = 0;
  const nameOf = ({ node, previousRect: old, currentRect: now }) =>
    `${Math.round(old.y)}+${Math.round(old.height)} to ${Math.round(now.y)}+${Math.round(now.height)}: ` +
    `${node?.outerHTML ?? node?.data}`.replace(/\s+/g, " ").slice(0, 100);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!entry.hadRecentInput) window.moved.push({ value: entry.value, what: entry.sources.map(nameOf) });
    }
  }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.painted = entry.startTime;
  }).observe({ type: "largest-contentful-paint", buffered: true });
}
"""


# Two frames on, what moved in the last one is told.
SHOWN = (
    "new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(shown, 50))))"
)


def watched(page: Page, path: str) -> None:
    """Open a page and wait until what loads after it, and what its clock asks for, has come."""
    page.add_init_script(WATCH)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    if page.locator("#clock").count():
        paths.news(page)


def moves(page: Page) -> list[str]:
    """What moved, by how much, the worst first, if it adds up to too much."""
    page.evaluate(SHOWN)
    found: list[dict[str, Any]] = page.evaluate("window.moved")
    told = sorted(found, key=lambda move: -move["value"])[:8]
    said = [f"{move['value']:.4f} {move['what']}" for move in told]
    return said if sum(move["value"] for move in found) >= MOST else []


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("stop", PAGES, ids=lambda stop: stop.name)
def test_a_page_stands_still_while_it_loads(stop: Stop, window: str, addresses: dict[str, str], visit):
    page = visit(stop.role, **WINDOWS[window])
    watched(page, stop.path.format(**addresses))
    found = moves(page)
    moved = sum(move["value"] for move in page.evaluate("window.moved"))
    sys.stdout.write(
        f"{stop.name}: largest paint after {page.evaluate('window.painted'):.0f} ms, moved {moved:.3f}\n"
    )
    assert found == []


@pytest.mark.parametrize("path", ["sources/?state=failed", "queue/"])
def test_a_list_stays_under_the_finger_while_its_counts_load(path: str, parcels: Place, visit):
    page = visit(**WINDOWS["telephone"])
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/*part=counts*", hold)
    with page.expect_request("**/*part=counts*"):
        page.goto(parcels.at(path))
    row = page.locator("#list tbody tr").first
    before = row.bounding_box()
    with page.expect_response("**/*part=counts*"):
        held.pop(0).continue_()
    expect(page.get_by_role("button", name="Select all")).to_be_visible()
    assert row.bounding_box() == before


# The page of a run is looked at while it goes on: at its end what needs attention takes its whole height (test_live).
@pytest.mark.parametrize(
    ("path", "lasts"), [("", 4), ("runs/", 4), ("sources/", 4), ("queue/", 4), ("runs/1/", 40)]
)
def test_a_page_stands_still_while_numbers_arrive(path: str, lasts: int, product: Product, visit):
    place: Place = product.place(f"still-{path.strip('/').replace('/', '-') or 'home'}")
    with product.pace(pending_seconds=[0.5, 2], running_seconds=[0.5, lasts]):
        register = {
            "provider": "zendesk",
            "resources": [article(f"a-{n}", f"Article {n}") for n in range(120)],
        }
        product.furnish(slug=place.slug, people={}, register=[register | {"then_ingest": True}])
        page = visit(**WINDOWS["desk"])
        watched(page, place.at(path))
        page.wait_for_timeout(6000)
    if lasts > 4:
        expect(page.locator("[data-room]")).to_have_attribute("data-room", "")
    assert moves(page) == []


def test_each_lane_of_the_queue_begins_at_the_same_height(parcels: Place, visit):
    """The lane that is shown changes by itself: from what is not read yet to where it is put."""
    page = visit(**WINDOWS["desk"])
    begins = set()
    for lane in WAITING:
        page.goto(parcels.at(f"queue/?lane={lane}"))
        box = page.locator("#list > .hint").bounding_box()
        begins.add((box["y"], box["height"]))
    assert len(begins) == 1, begins


def test_the_queue_stays_where_it_is_while_rows_are_ticked(product: Product, visit):
    waiting = {
        "provider": "zendesk",
        "resources": [article("parcel", "Parcel is late")],
        "then_ingest": False,
    }
    place: Place = product.place("ticked", register=[waiting])
    page = visit(**WINDOWS["desk"])
    page.goto(place.at("queue/"))
    whole = page.locator("#send-all-button")
    expect(whole).to_have_text("Send 1 to ingestion")
    box = page.locator("[data-pick]")
    before = box.bounding_box()
    box.check()
    expect(whole).to_be_hidden()
    assert box.bounding_box() == before


def test_home_keeps_its_room_when_trouble_comes(product: Product, visit):
    place: Place = product.place("room")
    named = {"failed": "failed", "empty": "empty"}
    with product.pace(outcomes={"good": "usable"} | named):
        good = {"provider": "zendesk", "resources": [article("good", "Good")], "then_ingest": True}
        place.work(register=[good])
        page = visit(**WINDOWS["desk"])
        page.goto(place.at(""))
        board = page.locator(".board").first
        before = board.bounding_box()
        bad = [article(name, name.title()) for name in named]
        place.work(register=[good | {"resources": bad}])
        expect(page.locator(".need")).to_have_count(2, timeout=paths.PATIENCE)
        assert board.bounding_box() == before


UNREAD = """
from fini_admin.sources.models import Source
result = Source.objects.filter(workspace__slug={slug!r}).update(title="", external_id="", fini_id="{fini_id}")
"""


@pytest.mark.parametrize("path", ["sources/", "queue/"])
def test_a_row_is_as_high_before_its_title_is_known(path: str, product: Product, visit):
    known = {"provider": "zendesk", "resources": [article("known", "Known")], "then_ingest": False}
    place: Place = product.place(f"unread-{path.strip('/')}", register=[known])
    place.wait()
    page = visit(**WINDOWS["desk"])
    page.goto(place.at(path))
    row = page.locator("#list tbody tr")
    before = row.bounding_box()
    fini_id = f"{'w' * 8}-wwww-wwww-wwww-{'w' * 12}"  # as wide as an ID of this form can be
    product.console.run(UNREAD.format(slug=place.slug, fini_id=fini_id))
    page.reload()
    expect(row).to_contain_text(fini_id)
    assert row.bounding_box() == before
