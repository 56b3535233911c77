"""Crawl, pick, ingest by the pages alone; what they count is what Fini has."""

from playwright.sync_api import Page, expect

from tests.browser import accessibility, layout, paths
from tests.browser.product import Place, Product

DJANGO = "https://docs.djangoproject.com/"
SITE = "https://help.acme.example"


def web_jobs(place: Place) -> dict[str, int]:
    """How often each page of the web was processed, by the address that Fini keeps."""
    return {held["originalUrl"]: held["jobCount"] for held in place.documents() if held["source"] == "web"}


def is_whole(page: Page) -> None:
    faults = accessibility.in_both_themes(page) + layout.overflow(page) + layout.cut(page)
    assert not faults, "\n".join(faults)


def test_250_of_more_are_found_some_picked_previewed_and_ingested(visit, product: Product):
    place = product.place("web-crawl", "Web crawl")
    page = visit("editor")
    page.goto(place.at())
    page.get_by_role("navigation").get_by_role("link", name="Web", exact=True).click()
    page.get_by_label("Begin at").fill(DJANGO)
    page.locator("summary").filter(has_text="Patterns").click()
    page.get_by_label("Exclude").fill("/releases/")
    page.get_by_role("button", name="Crawl", exact=True).click()
    expect(page.get_by_text("found, and there are more: the limit of 250 was reached")).to_be_visible(
        timeout=paths.PATIENCE
    )
    is_whole(page)
    boxes = page.locator("[data-pick]")
    picked = [boxes.nth(at).locator("xpath=ancestor::tr").locator(".mono").inner_text() for at in (0, 2)]
    for at in (0, 2):
        boxes.nth(at).check()
    paths.button(page, "Ingest 2").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Nothing has been sent yet")).to_be_visible()
    is_whole(page)
    paths.confirm(page, "Ingest 2")
    paths.ended(page)
    assert set(web_jobs(place)) == set(picked)
    assert set(web_jobs(place).values()) == {1}

    page.goto(place.at("web/"))
    select = paths.button(page, "Select all")
    expect(select).to_be_visible()
    offered = paths.number(select.inner_text())
    select.click()
    expect(page.get_by_role("status").get_by_text(f"{offered} selected")).to_be_visible()
    paths.button(page, f"Ingest {offered}").click()
    paths.confirm(page, f"Ingest {offered}")
    paths.ended(page)
    assert len(web_jobs(place)) == offered + 2
    assert set(web_jobs(place).values()) == {1}
    assert len([call for call in place.calls("POST") if call["path"] == "/v2/documents/public"]) == 1 + -(
        -offered // 100
    )


def test_pasted_addresses_keep_what_was_typed_name_their_twins_and_go(visit, product: Product):
    place = product.place("web-paste", "Web paste")
    page = visit("editor")
    page.goto(place.at("web/"))
    field = page.get_by_label("Addresses", exact=True)
    field.fill("0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11")
    page.get_by_role("button", name="Ingest", exact=True).click()
    expect(page.get_by_text("is an ID: only addresses")).to_be_visible()
    expect(field).to_have_value("0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11")
    is_whole(page)
    field.fill(f"{SITE}/refunds\n{SITE}/refunds/?utm_source=mail\n{SITE}/invoices")
    page.get_by_role("button", name="Ingest", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The same page as line 1")).to_be_visible()
    is_whole(page)
    paths.confirm(page, "Ingest 2")
    paths.ended(page)
    assert web_jobs(place) == {f"{SITE}/refunds": 1, f"{SITE}/invoices": 1}
    expect(page.get_by_role("link", name=f"{SITE}/refunds", exact=True)).to_be_visible()
