"""What a click took out of the queue, a click puts back."""

from playwright.sync_api import expect

from tests.browser import accessibility, layout, paths
from tests.browser.product import Product


def test_a_removal_from_the_queue_is_undone_from_its_message(visit, product: Product):
    place = product.place("undo", "Undo")
    pages = [
        {
            "external_id": f"page-{number}",
            "title": f"Page {number}",
            "original_url": f"https://docs.acme.example/{number}",
            "mime_type": "text/markdown",
        }
        for number in range(2)
    ]
    place.work(
        actor="ada@example.com", register=[{"provider": "notion", "resources": pages, "then_ingest": False}]
    )
    page = visit("editor")
    page.goto(place.at("queue/"))
    page.get_by_role("checkbox", name="Page 0").check()
    paths.button(page, "Remove 1 from the queue").click()
    toast = page.get_by_role("status").filter(has_text="1 ID removed from the queue.")
    expect(toast).to_be_visible()
    expect(page.get_by_role("checkbox", name="Page 0")).to_have_count(0)
    page.wait_for_timeout(9000)  # what offers something does not go by itself
    faults = accessibility.in_both_themes(page) + layout.overflow(page) + layout.cut(page)
    assert not faults, "\n".join(faults)
    toast.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").filter(has_text="1 ID put back into the queue.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Page 0")).to_be_visible()
