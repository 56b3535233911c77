"""A workspace that was filled elsewhere is mirrored, and what changed at the provider is refreshed."""

from playwright.sync_api import Page, expect

from tests.browser import accessibility, layout, paths
from tests.browser.product import Product


def is_whole(page: Page) -> None:
    faults = accessibility.in_both_themes(page) + layout.overflow(page) + layout.cut(page)
    assert not faults, "\n".join(faults)


def test_what_was_filled_elsewhere_is_synced_and_what_changed_is_refreshed(visit, product: Product):
    place = product.place("elsewhere", "Elsewhere")
    there = len(place.documents())
    for source in ("files", "googledrive", "zendesk"):
        product.sandbox.seed(count=2, workspace=place.slug, source=source, state="usable")
    page = visit("editor")
    page.goto(place.at("sources/"))
    paths.button(page, "Sync").first.click()
    paths.run_shown(page)
    paths.ended(page)
    assert paths.segments(page) == {"done": there + 6, "all": there + 6}
    is_whole(page)
    page.goto(place.at("sources/?provider=files"))
    expect(page.locator("tbody tr")).to_have_count(2)

    changed = next(one for one in place.documents() if one["source"] == "zendesk" and one["linkedJobStatus"])
    product.sandbox.change(changed["id"], changed=True, linkedKnowledgeId="know-1")
    page.goto(place.at("sources/"))
    paths.button(page, "Sync").first.click()
    paths.run_shown(page)
    paths.ended(page)
    page.goto(place.at("sources/"))
    page.get_by_label("Original").select_option("yes")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("changed at the provider, seen")).to_be_visible()
    is_whole(page)
    page.locator("tbody [data-pick]").check()
    paths.button(page, "Refresh 1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("POST /v2/documents/public/refresh")).to_be_visible()
    paths.confirm(page, "Refresh 1")
    paths.ended(page)
    posts = [call["path"] for call in place.calls("POST")]
    assert posts == ["/v2/documents/public/refresh"]
