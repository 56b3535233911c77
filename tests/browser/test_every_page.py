"""Every page in both themes and at each width: nothing out of reach, nothing cut, nothing said on the console."""

from dataclasses import dataclass

import pytest
from django.urls import resolve
from playwright.sync_api import Page, expect

from fini_admin.web.urls import urlpatterns
from tests.browser import accessibility, layout, paths
from tests.browser.product import PEOPLE, Place, Product

ARTICLES = [
    ("en-us-360912", "Parcel is late <b>or lost</b>", "usable"),
    ("en-us-360913", "طرد متأخر 📦", "usable"),
    (
        "en-us-360914",
        "Refunds, exchanges and returns: what a customer may ask for, until when, and " * 3,
        "usable",
    ),
    ("en-us-360915", "Nothing but pictures", "empty"),
    ("en-us-360916", "A page behind a log-in", "failed"),
]

# As long as an address may reasonably be: it stands in most lists.
WHO = "anna-katharina.von-und-zu-hohenlohe@knowledge.international.example.com"


@dataclass(frozen=True)
class Stop:
    """A page: its address, `{…}` filled in from the workspace, and a text that must be visible."""

    name: str
    path: str
    sees: str
    role: str = "admin"


PAGES = [
    Stop("home", "{full}", "From listed to usable"),
    Stop("discover-notion", "{full}discover/notion/", "Discover"),
    Stop("discover-zendesk", "{full}discover/zendesk/", "OWASP Cheat Sheets"),
    Stop("discover-confluence", "{full}discover/confluence/", "Discover"),
    Stop("register", "{full}register/", "External ID"),
    Stop("queue", "{full}queue/", "Waits in the queue"),
    Stop("preview", "{full}previews/{preview}/", "Nothing has been sent yet"),
    Stop("deletion", "{full}previews/{deletion}/delete/", "Type 1 to delete 1 source"),
    Stop("sources", "{full}sources/", "Nothing but pictures"),
    Stop("source", "{full}sources/{usable}/", "en-us-360912"),
    Stop("source-failed", "{full}sources/{failed}/", "A page behind a log-in"),
    Stop("runs", "{full}runs/", "zendesk"),
    Stop("run", "{full}runs/{run}/", "Nothing but pictures"),
    Stop("audit", "{full}audit/", "POST"),
    Stop("call", "{full}audit/{call}/", "Who, why"),
    Stop("activity", "{full}activity/", "grace@fini.example"),
    Stop("keys", "{full}keys/", "Verify"),
    Stop("key-edit", "{full}keys/{key}/edit/", "Save key"),
    Stop("members", "{full}members/", "Vera Molnár"),
    Stop("settings", "{full}settings/", "Settings"),
    Stop("people", "/people/", "Grace Hopper", role="superuser"),
    Stop("workspaces", "/workspaces/", "Parcels", role="superuser"),
    Stop("styleguide", "/styleguide/", "Filter bar", role="superuser"),
    Stop("password", "/accounts/password/change/", "Change password"),
    Stop("choice", "/", "Parcels"),
    Stop("viewer-call", "{full}audit/{call}/", "Admins see the bodies", role="viewer"),
    Stop("empty-home", "{empty}", "First steps"),
    Stop("empty-discover", "{empty}discover/notion/", "Discover"),
    Stop("empty-queue", "{empty}queue/", "Queue"),
    Stop("empty-sources", "{empty}sources/", "Sources"),
    Stop("empty-runs", "{empty}runs/", "Runs"),
    Stop("empty-audit", "{empty}audit/", "No call was made yet"),
    Stop("empty-keys", "{empty}keys/", "API key"),
]


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
    assert pages <= {resolve(stop.path.format(**SAMPLE)).url_name for stop in PAGES}


@pytest.fixture(scope="module")
def parcels(product: Product) -> Place:
    """A workspace in which everything was done once: usable, empty, failed, waiting, and something discovered."""
    place = product.place("parcels", "Parcels")
    known = [article(number, title) for number, title, _ in ARTICLES]
    waits = article("waits", "Waits in the queue")
    with product.pace(outcomes={number: outcome for number, _, outcome in ARTICLES}):
        place.work(
            actor=WHO,
            discover=["notion", "confluence", "zendesk"],
            register=[
                {"provider": "zendesk", "resources": known, "then_ingest": True},
                {"provider": "notion", "resources": [waits], "then_ingest": False},
            ],
        )
    product.place("nothing-yet", "Nothing yet", with_key=False)
    return place


def article(number: str, title: str) -> dict[str, str]:
    """A resource, as the product's functions take it."""
    return {
        "external_id": number,
        "title": title,
        "original_url": f"https://help.acme.example/hc/articles/{number}",
        "mime_type": "text/html",
        "object": "article",
    }


@pytest.fixture(scope="module")
def addresses(parcels: Place, product: Product) -> dict[str, str]:
    """What stands for `{…}` in the addresses."""
    ids = {document["externalId"]: document["id"] for document in parcels.documents()}
    last = parcels.calls("POST")[-1]["request_id"]
    made = product.furnish(slug=parcels.slug, people={}, preview=PEOPLE["admin"][0])
    return {
        "full": parcels.at(),
        "empty": "/w/nothing-yet/",
        "usable": ids["en-us-360912"],
        "failed": ids["en-us-360916"],
        "run": "4",
        "call": last,
        "preview": made["preview"],
        "deletion": made["deletion"],
        "key": made["key"],
    }


@pytest.mark.parametrize("stop", PAGES, ids=lambda stop: stop.name)
def test_a_page_is_whole(stop: Stop, addresses: dict[str, str], visit):
    page = visit(stop.role)
    answer = page.goto(stop.path.format(**addresses))
    assert answer is not None
    assert answer.status == 200
    expect(page.get_by_role("main").get_by_text(stop.sees).locator("visible=true").first).to_be_visible()
    is_whole(page)


def is_whole(page: Page) -> None:
    """No violation in either theme, nothing wider than the window, nothing cut."""
    expect(page.locator(".htmx-request")).to_have_count(0)  # what waits for its answer is pale
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
        nothing_to_send,
        key_to_switch_off,
        workspace_switch,
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
    "path", ["", "discover/zendesk/", "register/", "queue/", "sources/", "keys/", "members/"]
)
def test_what_is_pressed_fits_a_finger(path: str, parcels: Place, visit):
    page = visit(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.goto(parcels.at(path))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    faults = layout.small(page)
    assert not faults, "\n".join(faults)
