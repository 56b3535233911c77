"""The main job on the whole real catalogue, by nothing but the pages; what they count is what Fini has."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from playwright.sync_api import Page, expect

from fini_admin.sandbox.providers import SHIPPED
from tests.browser import paths
from tests.browser.product import PEOPLE, Place, Product, Row


def leaves(tree: list[Row]) -> Iterator[Row]:
    """The resources in a provider's tree: what has an address."""
    for node in tree:
        inner = node.get("children", node.get("pages"))
        yield from leaves(inner) if inner is not None else [node]


def held(provider: str) -> int:
    """How many resources the sandbox's provider holds."""
    return len(list(leaves(json.loads((SHIPPED / f"{provider}.json").read_text()))))


def truth(place: Place) -> Counter[str]:
    """How the sandbox's own sources ended."""
    return Counter(end(document) for document in place.documents())


def end(document: Row) -> str:
    """Usable needs more than COMPLETED (T5)."""
    job = document["linkedJobStatus"]
    if job == "FAILED" or document["error"]:
        return "failed"
    usable = job == "COMPLETED" and document["success"] and document["paragraphCount"]
    return "usable" if usable else "empty" if job == "COMPLETED" else "open"


def test_the_whole_catalogue_becomes_usable_by_the_pages_alone(page: Page, product: Product, sign_in):
    place = product.place("catalogue", "Catalogue", with_key=False)
    sign_in(PEOPLE["admin"][0], product.password)
    page.wait_for_url(lambda url: "/accounts/" not in url)
    paths.add_key(page, place)

    total = 0
    for provider in ("notion", "zendesk", "confluence"):
        offered = paths.discover(page, place, provider)
        assert offered == held(provider)
        paths.button(page, "Select all").click()
        paths.button(page, "Register").first.click()
        paths.confirm(page, f"Register {offered}")
        paths.ended(page)
        assert paths.segments(page)["done"] == offered
        total += offered
    assert len(place.documents()) == total == 1432

    page.goto(place.at("queue/"))
    paths.button(page, "Send 1,432 to ingestion").click()
    run = paths.confirm(page, "Send 1,432 to ingestion")
    paths.ended(page)
    expect_the_truth(page, place, run)
    assert len([call for call in place.calls("POST") if call["path"] == "/v2/documents/public"]) == 15


def expect_the_truth(page: Page, place: Place, run: int) -> None:
    """The run's page, home, the queue and the sources' list say what the sandbox says."""
    fini = truth(place)
    assert fini["open"] == 0
    assert min(fini["usable"], fini["empty"], fini["failed"]) > 0
    counts = paths.segments(page)
    assert (counts["done"], counts["failed"]) == (fini["usable"], fini["failed"] + fini["empty"])
    assert counts["all"] == sum(fini.values())

    page.goto(place.at())
    totals = paths.totals(page)
    assert {state: totals[state] for state in ("usable", "empty", "failed")} == {
        state: fini[state] for state in ("usable", "empty", "failed")
    }
    page.goto(place.at("sources/"))
    for state in ("usable", "empty", "failed"):
        name = re.compile(rf"^{state}\s+{fini[state]:,}$")
        expect(page.get_by_role("navigation", name="States").get_by_role("link", name=name)).to_be_visible()
    page.goto(place.at("queue/"))
    expect(page.get_by_text("Nothing waits in this lane")).to_be_visible()
    page.goto(place.at(f"runs/{run}/?outcome=failed"))
    expect(page.get_by_role("row")).to_have_count(min(50, counts["failed"]) + 1)
