"""Every page in both themes and at each width: nothing out of reach, nothing cut, nothing said on the console."""

import pytest
from django.urls import resolve
from playwright.sync_api import Page, expect

from fini_admin.web.urls import urlpatterns
from tests.browser import accessibility, layout, paths
from tests.browser.product import Place
from tests.browser.stops import ARTICLES, PAGES, Stop

SAMPLE = {
    "full": "/w/acme/",
    "empty": "/w/acme/",
    "usable": "1",
    "failed": "1",
    "run": "1",
    "call": "00000000-0000-0000-0000-000000000001",
    "key": "00000000-0000-0000-0000-000000000001",
    "preview": "token",
    "deletion": "token",
}


def test_no_page_of_a_workspace_is_left_out():
    # What acts when it is posted to, or answers with a text, is named for it: key_verify, call_body.
    names = {pattern.name for pattern in urlpatterns if str(pattern.pattern).startswith("w/")}
    pages = {name for name in names if name and "_" not in name}
    assert pages <= {resolve(stop.path.format(**SAMPLE).partition("?")[0]).url_name for stop in PAGES}


@pytest.mark.parametrize("stop", PAGES, ids=lambda stop: stop.name)
def test_a_page_is_whole(stop: Stop, addresses: dict[str, str], visit):
    page = visit(stop.role)
    answer = page.goto(stop.path.format(**addresses))
    assert answer is not None
    assert answer.status == 200
    expect(page.get_by_role("main").get_by_text(stop.sees).locator("visible=true").first).to_be_visible()
    expect(page.get_by_label("What happens here?")).to_be_visible(visible=stop.name != "password")
    is_whole(page)


def is_whole(page: Page) -> None:
    """No violation in either theme, nothing wider than the window, nothing cut."""
    faults = accessibility.in_both_themes(page) + layout.overflow(page) + layout.cut(page)
    assert not faults, "\n".join(faults)


def queue_preview(page: Page, place: Place) -> None:
    page.goto(place.at("queue/"))
    paths.button(page, "Send 1 to ingestion").first.click()


def discover_preview(page: Page, place: Place) -> None:
    page.goto(place.at("discover/zendesk/"))
    paths.button(page, "Select all").click()
    paths.button(page, "Register and ingest").click()


def register_preview(page: Page, place: Place) -> None:
    page.goto(place.at("register/"))
    page.get_by_label("Provider").select_option("zendesk")
    rows = [f"https://help.acme.example/hc/{number},Parcel {number},{number}" for number, *_ in ARTICLES]
    page.get_by_label("Paste CSV or JSON").fill(
        "\n".join(["originalUrl,title,externalId", *rows, "nowhere,,"])
    )
    paths.button(page, "Preview import").click()


def web_preview(page: Page, place: Place) -> None:
    page.goto(place.at("web/"))
    page.get_by_label("Addresses", exact=True).fill(
        "https://help.acme.example/a\nhttps://help.acme.example/a/\nnowhere"
    )
    page.get_by_role("button", name="Ingest", exact=True).click()


def nothing_to_send(page: Page, place: Place) -> None:
    page.goto("/w/nothing-yet/register/")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.locator(".wrong").first).to_be_visible()


def key_to_switch_off(page: Page, place: Place) -> None:
    page.goto(place.at("keys/"))
    paths.button(page, "Switch off").click()


def workspace_switch(page: Page, place: Place) -> None:
    page.goto(place.at())
    page.locator("summary").filter(has_text="Parcels").click()
    expect(page.get_by_role("link", name="Nothing yet")).to_be_visible()


def account_menu(page: Page, place: Place) -> None:
    page.goto(place.at("runs/"))
    page.locator(".account > summary").click()
    expect(page.get_by_role("button", name="Compact")).to_be_visible()


def explanation(page: Page, place: Place) -> None:
    page.goto(place.at("queue/"))
    page.get_by_label("What happens here?").click()
    expect(page.get_by_text("Registering puts a source here")).to_be_visible()


def narrow_menu(page: Page, place: Place) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(place.at())
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Sources", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    "opening",
    [
        queue_preview,
        discover_preview,
        register_preview,
        web_preview,
        nothing_to_send,
        key_to_switch_off,
        workspace_switch,
        account_menu,
        explanation,
        narrow_menu,
    ],
    ids=lambda opening: opening.__name__,
)
def test_what_opens_on_a_page_is_whole(opening, parcels: Place, visit):
    page = visit()
    opening(page, parcels)
    if opening.__name__.endswith("preview"):
        expect(page.get_by_role("dialog").get_by_text("Nothing has been sent yet")).to_be_visible()
    is_whole(page)


def test_the_header_of_a_long_table_stays_in_sight_and_off_the_row_that_a_link_names(parcels: Place, visit):
    page = visit(viewport={"width": 1440, "height": 900})
    page.goto(parcels.at("runs/1/#item-5"))
    header = page.get_by_role("columnheader", name="Title")
    page.wait_for_function("header => header.getBoundingClientRect().top === 0", arg=header.element_handle())
    assert page.locator("#item-5").bounding_box()["y"] >= header.bounding_box()["height"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "discover/zendesk/",
        "register/",
        "web/",
        "queue/",
        "sources/",
        "audit/",
        "activity/?show=all",
        "keys/",
        "members/",
    ],
)
def test_what_is_pressed_fits_a_finger(path: str, parcels: Place, visit):
    page = visit(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.goto(parcels.at(path))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    faults = layout.small(page)
    assert not faults, "\n".join(faults)
