"""The second day: 37 of 400 fail and are tried again from three places; five are deleted and registered again."""

from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from fini_admin.sandbox import jobs
from fini_admin.sandbox.chance import pick
from tests.browser import accessibility, layout, paths
from tests.browser.conftest import DESK
from tests.browser.console import log_in_was_long_ago
from tests.browser.product import PASSWORD, PEOPLE, Place, Product, Row

WIDTHS = (1280, 390, 320)
ALL = [f"page-{number}" for number in range(400)]
# How many fail for each of three reasons.
FROM_RUN, FROM_SOURCES, FROM_HOME = 14, 12, 11
# The last of 400 has its end when a walk through Fini's whole list has passed it.
LONG = 300
BAD = FROM_RUN + FROM_SOURCES + FROM_HOME


def failing() -> dict[str, str]:
    """The IDs that are to fail, each with what the sandbox will say."""
    said = {name: pick(jobs._ERRORS, name, "error") for name in ALL}
    chosen: dict[str, str] = {}
    for error, number in zip(jobs._ERRORS, (FROM_RUN, FROM_SOURCES, FROM_HOME), strict=False):
        chosen |= dict.fromkeys([name for name in ALL if said[name] == error][:number], error)
    return chosen


def resources() -> list[Row]:
    """All 400, as furnish.py takes them."""
    return [
        {
            "external_id": name,
            "title": f"Handbook, {name}",
            "original_url": f"https://docs.acme.example/{name}",
            "mime_type": "text/markdown",
        }
        for name in ALL
    ]


@pytest.fixture(scope="module")
def place(product: Product) -> Place:
    """A workspace of 400 sources, 37 of which failed."""
    made = product.place("second-chance", "Second chance")
    outcomes = dict.fromkeys(ALL, "usable") | dict.fromkeys(failing(), "failed")
    with product.pace(outcomes=outcomes):
        all_of_them = {"provider": "notion", "resources": resources(), "then_ingest": True}
        product.furnish(slug=made.slug, people={}, register=[all_of_them])
        made.wait(LONG)
    return made


def is_whole(page: Page) -> None:
    """No violation in either theme at any width, nothing wider than the window, nothing cut."""
    faults: list[str] = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": DESK["height"]})
        faults += [f"at {width} px: {fault}" for fault in accessibility.in_both_themes(page)]
    page.set_viewport_size(DESK)
    faults += layout.overflow(page) + layout.cut(page)
    assert not faults, "\n".join(faults)


def tried_again(page: Page, number: int) -> None:
    """Confirms the open preview, and follows its run to its good end."""
    paths.confirm(page, f"Retry {number}")
    paths.ended(page, LONG * 1000)
    assert paths.segments(page)["done"] == number


def numbers(page: Page, place: Place) -> dict[str, int]:
    """What Home counts."""
    page.goto(place.at())
    return paths.totals(page)


def said_by_fini(place: Place) -> Counter[str]:
    """What went wrong, as the sandbox has it."""
    return Counter(document["error"] for document in place.documents() if document["error"])


def test_what_failed_is_tried_again_from_the_run_from_sources_and_from_home(place, product, visit):
    why = Counter(failing().values())
    assert said_by_fini(place) == why
    first, second, _ = (reason for reason, _ in why.most_common())
    page = visit("editor")
    found = numbers(page, place)
    assert (found["usable"], found["failed"]) == (400 - BAD, BAD)
    is_whole(page)
    with product.pace(outcomes=dict.fromkeys(ALL, "usable")):
        from_the_run(page, place, first)
        from_sources(page, place, second)
        assert numbers(page, place)["failed"] == FROM_HOME
        paths.button(page.get_by_role("main"), f"Retry {FROM_HOME}").click()
        tried_again(page, FROM_HOME)
    assert said_by_fini(place) == {}
    found = numbers(page, place)
    assert found == {"usable": 400, "in all": 400}
    refreshes = [call for call in place.calls("POST") if call["path"] == "/v2/documents/public/refresh"]
    assert len(refreshes) == 3


def from_the_run(page: Page, place: Place, reason: str) -> None:
    """One reason alone, from the run in which it failed."""
    page.goto(place.at("runs/1/"))
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
    expect(page.get_by_role("button", name=f"Retry {BAD}", exact=True)).to_be_visible()
    is_whole(page)
    row = page.locator(".reasons li").filter(has_text=reason)
    paths.button(row, f"Retry {FROM_RUN}").click()
    expect(page.get_by_role("dialog").get_by_text(f"{FROM_RUN} will be refreshed")).to_be_visible()
    is_whole(page)
    tried_again(page, FROM_RUN)
    expect(page.get_by_text("It retries what needed attention in run 1")).to_be_visible()
    page.get_by_role("link", name="run 1", exact=True).click()
    expect(page.get_by_text("Retried by run 2")).to_be_visible()
    expect(page.get_by_role("button", name=f"Retry {BAD - FROM_RUN}", exact=True)).to_be_visible()


def from_sources(page: Page, place: Place, reason: str) -> None:
    """All that failed for a reason, selected in the list."""
    page.goto(place.at("sources/"))
    page.get_by_label("Failed because").select_option(reason)
    paths.button(page, f"Select all {FROM_SOURCES}").click()
    expect(page.locator("[data-selected]")).to_have_text(f"{FROM_SOURCES} selected")
    is_whole(page)
    paths.button(page, f"Retry {FROM_SOURCES}").click()
    tried_again(page, FROM_SOURCES)


def test_five_are_deleted_with_the_number_typed_and_registered_again(place, product, visit):
    page = visit("admin")
    page.goto(place.at("sources/"))
    boxes = page.locator("[data-pick]")
    boxes.nth(0).check()
    boxes.nth(4).click(modifiers=["Shift"])
    paths.button(page, "Delete 5").click()
    dialog = page.get_by_role("dialog")
    typed = dialog.get_by_label("Type 5 to delete 5 sources")
    typed.fill("4")
    paths.button(dialog, "Delete 5").click()
    expect(dialog.get_by_text("Nothing was deleted: type 5 to confirm.")).to_be_visible()
    assert len(place.documents()) == 400
    is_whole(page)
    typed.fill("5")
    dialog.get_by_label("Reason").fill("They are outdated")
    log_in_was_long_ago(product.console, PEOPLE["admin"][0])
    paths.button(dialog, "Delete 5").click()
    again = page.get_by_role("dialog", name="Is it you?")
    again.get_by_label("Password").fill("not mine")
    paths.button(again, "Confirm").click()
    expect(again.get_by_text("Incorrect password")).to_be_visible()
    is_whole(page)
    again.get_by_label("Password").fill(PASSWORD)
    paths.button(again, "Confirm").click()
    paths.run_shown(page)
    expect(page.get_by_text("They are outdated")).to_be_visible()
    paths.ended(page, LONG * 1000)
    assert len(place.documents()) == 395
    expect(page.get_by_text("Fini reports 5 sources")).to_be_visible()
    is_whole(page)
    assert numbers(page, place)["usable"] == 395

    page.goto(place.at("runs/5/"))
    paths.button(page, "Register 5 again").click()
    paths.confirm(page, "Register 5 again")
    paths.ended(page, LONG * 1000)
    assert len(place.documents()) == 400
    deletions = place.calls("DELETE")
    assert len(deletions) == 1


def test_a_sources_page_offers_what_can_be_done_with_it(place, visit):
    page = visit("editor")
    page.goto(place.at("sources/"))
    page.locator("td.title a").first.click()
    expect(page.get_by_role("heading", name="What can be done")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_be_disabled()
    expect(page.get_by_text("Your role does not allow this. Ask an admin.")).to_be_visible()
    is_whole(page)
