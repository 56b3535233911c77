"""What is wrong is said where it is, for as long as it is wrong: beside a field, and in a dialog."""

from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, Route, ViewportSize, expect

from tests.browser import accessibility, paths
from tests.browser.conftest import DESK
from tests.browser.product import Place, Product, Row

PHONE: ViewportSize = {"width": 390, "height": 844}
WIDTHS = {"1280": DESK, "390": PHONE}
KEY = "fini_Never4711SeenAgainXyz"


class Mended(NamedTuple):
    """A field: page, button, label; what is refused, what is still wrong, what is right; what else to fill in."""

    path: str
    button: str
    label: str
    refused: str
    wrong: str
    right: str
    beside: str = ""


FIELDS = [
    Mended("members/", "Add member", "E-mail", "ada@nowhere", "ada@", "ada.new@acme.example"),
    Mended("settings/", "Save settings", "Calls a minute", "many", "0", "20"),
    Mended("settings/", "Save settings", "Zendesk", "html", "text html", "text/html"),
    Mended("settings/", "Save settings", "Hours between discoveries of Zendesk", "721", "1000", "24"),
    Mended("keys/", "Add key", "Expires on", "2020-01-31", "2020-02-01", "2099-01-31"),
    Mended("keys/", "Add key", "Purpose", KEY, "[key removed] nightly", "nightly"),
    Mended("/workspaces/", "Add workspace", "Slug", "Not a slug", "-no", "a-slug", beside="Name"),
]


@pytest.fixture(params=WIDTHS)
def size(request: pytest.FixtureRequest) -> ViewportSize:
    """A desk's window, a telephone's."""
    return WIDTHS[request.param]


def queued(name: str) -> Row:
    """A resource to register, which waits in the queue then."""
    url = f"https://docs.acme.example/{name}"
    row = {"external_id": name, "title": name.title(), "original_url": url, "mime_type": "text/markdown"}
    return {"provider": "notion", "resources": [row], "then_ingest": False}


@pytest.fixture(scope="module")
def place(product: Product) -> Place:
    """A workspace with an ID in its queue."""
    return product.place("errors", register=[queued("one")])


def send(page: Page, button: str) -> None:
    """Press the button and wait for the page that follows; the server says what is wrong, not the browser."""
    page.evaluate("for (const form of document.forms) form.noValidate = true")
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


def said(field: Locator) -> Locator:
    """What is wrong with a field, beside it."""
    return field.page.locator(".field", has=field).locator(".wrong")


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: case.label)
def test_an_error_beside_a_field_goes_when_the_field_is_right(visit, place, size, case: Mended):
    page = visit("superuser", viewport=size)
    page.goto(case.path if case.path.startswith("/") else place.at(case.path))
    field = page.get_by_label(case.label, exact=True)
    if case.beside:
        page.get_by_label(case.beside, exact=True).fill("Beside")
    field.fill(case.refused)
    send(page, case.button)
    expect(said(field)).to_be_visible()
    back = field.input_value()
    field.fill(case.wrong)
    expect(said(field)).to_be_visible()
    field.fill(case.right)
    expect(said(field)).to_have_count(0)
    expect(field).not_to_have_attribute("aria-invalid", "true")
    assert "_error" not in (field.get_attribute("aria-describedby") or "")
    # What was refused brings it back.
    field.fill(back)
    expect(said(field)).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert accessibility.violations(page) == []


def test_a_new_password_and_its_repetition_say_when_they_are_right(visit, size):
    page = visit("editor", viewport=size)
    page.goto("/accounts/password/change/")
    new, again = page.get_by_label("New password", exact=True), page.get_by_label("New password again")
    page.get_by_label("Current password").fill("wrong")
    new.fill("another long phrase")
    again.fill("another")
    send(page, "Change password")
    expect(said(again)).to_be_visible()
    new.fill("another long phrase")
    again.fill("another")
    expect(said(again)).to_be_visible()
    again.fill("another long phrase")
    expect(said(again)).to_have_count(0)
    new.fill("another longer phrase")
    expect(said(again)).to_be_visible()


def opened(page: Page, place: Place) -> None:
    """A preview in its dialog."""
    page.goto(place.at("queue/"))
    paths.button(page, "Send 1 to ingestion").first.click()
    expect(page.get_by_role("dialog").get_by_text("Nothing has been sent yet")).to_be_visible()


PAGE = "<!DOCTYPE html><html><body><h1>A whole page</h1></body></html>"
REFUSALS = {
    "403": "no longer there for you",
    "404": "no longer there for you",
    "413": "What was sent is too large",
    "429": "Too many requests",
    "500": "The server answered 500",
    "lost": "try again. What was sent already is not sent twice",
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_request_in_a_dialog_is_said_in_it(browser, product, session_of, place, size, refusal):
    with browser.new_context(
        base_url=product.url, storage_state=session_of("editor"), viewport=size
    ) as context:
        page = context.new_page()
        opened(page, place)

        def refuse(route: Route) -> None:
            if refusal == "lost":
                route.abort()
            else:
                route.fulfill(status=int(refusal), body=PAGE, content_type="text/html")

        page.route("**/previews/**", refuse)
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("Because")
        paths.button(dialog, "Send 1 to ingestion").click()
        expect(dialog.get_by_role("alert")).to_contain_text(REFUSALS[refusal])
        expect(dialog.get_by_role("alert")).to_be_in_viewport()
        expect(page.get_by_text("A whole page")).to_have_count(0)
        expect(dialog.get_by_label("Reason")).to_have_value("Because")
        assert accessibility.violations(page) == []
        assert [run["kind"] for run in place.runs()] == ["register"]


def test_a_preview_that_another_tab_confirmed_is_refused_in_its_dialog(visit, product, size):
    own = product.place(f"refused-{size['width']}", register=[queued("two")])
    page = visit("editor", viewport=size)
    tabs = [page, page.context.new_page()]
    for tab in tabs:
        opened(tab, own)
    paths.confirm(tabs[0], "Send 1 to ingestion")
    dialog = tabs[1].get_by_role("dialog")
    paths.button(dialog, "Send 1 to ingestion").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(tabs[1]).to_have_url(f"{product.url}{own.at('queue/')}")
    assert [run["kind"] for run in own.runs()] == ["register", "ingest"]
