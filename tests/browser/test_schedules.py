"""A schedule, as a person sets it and takes it over; the worker of a real installation starts it."""

from playwright.sync_api import expect

from tests.browser import accessibility, layout
from tests.browser.conftest import Visit
from tests.browser.product import PEOPLE, Product
from tests.support.product import until

HOURS = "Hours between discoveries of Notion"
# The time has come, and whoever set it is gone.
MOVE_ON = """
from datetime import UTC, datetime
from fini_admin.ingestion.models import Schedule
mine = Schedule.objects.filter(workspace__slug=slug)
mine.update(next_at=datetime.now(UTC), set_by="left@fini.example")
"""


def test_it_is_set_started_by_the_worker_and_taken_over_without_losing_what_was_typed(
    product: Product, visit: Visit
) -> None:
    place = product.place("schedules")
    page = visit("admin")
    page.goto(place.at("settings/"))
    page.get_by_label(HOURS).fill("24")
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator("#schedule-notion")).to_contain_text(f"Set by {PEOPLE['admin'][0]}. Next")

    product.console.run(MOVE_ON, slug=place.slug)
    until(lambda: [run["origin"] for run in place.runs()] == ["schedule"], 20, lambda: str(place.runs()))
    place.wait()
    page.goto(place.at())
    page.get_by_role("link", name="The discovery of Notion every 24 hours was set by").click()
    expect(page.get_by_role("link", name="run 1")).to_be_visible()

    assert layout.overflow(page) + layout.cut(page) + accessibility.in_both_themes(page) == []

    page.get_by_label(HOURS).fill("12")
    page.get_by_label("IDs in a call").fill("7")
    page.get_by_role("button", name="Take over").click()
    expect(page.locator("#schedule-notion")).to_contain_text(f"Set by {PEOPLE['admin'][0]}. Next")
    expect(page.get_by_role("button", name="Take over")).to_have_count(0)
    expect(page.get_by_label(HOURS)).to_have_value("12")
    page.get_by_label("IDs in a call").press("Enter")
    expect(page.get_by_text("The settings are saved.")).to_be_visible()
    (schedule,) = place.read("ingestion_schedule")
    assert (schedule["every_hours"], schedule["set_by"]) == (12, PEOPLE["admin"][0])


def test_without_a_script_it_is_set_and_taken_over_as_well(product: Product, visit: Visit) -> None:
    place = product.place("schedules-plain")
    page = visit("admin", java_script_enabled=False)
    page.goto(place.at("settings/"))
    page.get_by_label(HOURS).fill("24")
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator("#schedule-notion")).to_contain_text(f"Set by {PEOPLE['admin'][0]}. Next")
    product.console.run(MOVE_ON, slug=place.slug)
    page.goto(place.at("settings/"))
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_text("The schedule now runs in your name.")).to_be_visible()
    assert [row["set_by"] for row in place.read("ingestion_schedule")] == [PEOPLE["admin"][0]]
