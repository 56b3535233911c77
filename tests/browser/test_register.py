"""Register, as a person does it: what was typed stays, what an address suggests, limits before anything is sent."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.layout import OVERFLOW

ARTICLE = "https://acme.zendesk.com/hc/en-us/articles/{}"
HEADER = "title,externalId,originalUrl\n"
# Three sources that are in Fini already.
KNOWN = """
from django.utils import timezone
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
now = timezone.now()
for number in range(3):
    Source.objects.get_or_create(workspace=Workspace.objects.get(slug="acme"), fini_id=f"u{number}", provider="zendesk",
        external_id=f"u{number}", defaults=dict(title="Old", state_since=now, first_seen=now, last_seen=now))
"""


FILES = Path(__file__).parents[1] / "files"


@pytest.fixture
def page_of(visit, product) -> Page:
    page = visit("ada")
    page.goto(f"/w/{product.slug}/register/")
    return page


def import_of(page: Page, text: str) -> None:
    page.get_by_label("Provider").select_option("zendesk")
    page.get_by_label("Paste CSV or JSON").fill(text)
    page.get_by_role("button", name="Preview import").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_an_address_suggests_what_is_empty_and_leaves_what_was_typed(page_of: Page):
    page_of.get_by_label("URL").fill(ARTICLE.format("360012-Parcel-is-late"))
    expect(page_of.get_by_label("Title")).to_have_value("Parcel is late")
    expect(page_of.get_by_label("External ID")).to_have_value("360012")
    expect(page_of.get_by_label("Provider")).to_have_value("zendesk")
    expect(page_of.get_by_label("MIME type")).to_have_value("text/html")
    page_of.get_by_label("Title").fill("My words")
    page_of.get_by_label("URL").fill(ARTICLE.format("77-Refunds"))
    expect(page_of.get_by_label("External ID")).to_have_value("77")
    expect(page_of.get_by_label("Title")).to_have_value("My words")


def test_an_address_that_holds_no_id_says_so_and_takes_the_id_of_the_one_before_away(page_of: Page):
    url, external_id = page_of.get_by_label("URL"), page_of.get_by_label("External ID")
    url.fill("https://acme.atlassian.net/wiki/x/AQAB")
    expect(external_id).to_have_value("65537")
    expect(page_of.get_by_label("Provider")).to_have_value("confluence")
    url.fill("https://acme.atlassian.net/wiki/display/HR/Travel+policy")
    expect(page_of.get_by_text("names the page by its space and title")).to_be_visible()
    expect(page_of.get_by_label("Title")).to_have_value("Travel policy")
    expect(external_id).to_have_value("")
    expect(url).not_to_have_attribute("aria-invalid", "true")
    external_id.fill("4711")
    url.fill("https://acme.atlassian.net/wiki/spaces/HR/pages/12/Travel+policy")
    expect(page_of.get_by_text("names the page by its space and title")).to_be_hidden()
    expect(external_id).to_have_value("4711")
    expect(page_of.get_by_text("The address holds another ID: 12.")).to_be_visible()
    url.fill("https://acme.atlassian.net/wiki/spaces/HR/pages/4711/Travel+policy")
    expect(page_of.get_by_text("The address holds another ID")).to_be_hidden()


def test_the_mime_type_follows_the_provider_until_another_is_typed(page_of: Page):
    provider, mime = page_of.get_by_label("Provider"), page_of.get_by_label("MIME type")
    for name, expected in (("notion", "text/markdown"), ("confluence", "text/html")):
        provider.select_option(name)
        expect(mime).to_have_value(expected)
    mime.fill("text/plain")
    provider.select_option("notion")
    expect(mime).to_have_value("text/plain")


def test_an_error_comes_and_goes_beside_its_field_and_the_focus_stays(page_of: Page):
    url = page_of.get_by_label("URL")
    url.fill("javascript:alert(1)")
    expect(
        page_of.get_by_text("URL is not an http(s) address: write it in full, starting with https://.")
    ).to_be_visible()
    expect(url).to_have_attribute("aria-invalid", "true")
    page_of.get_by_label("Title").press_sequentially("Half", delay=20)
    page_of.wait_for_timeout(900)
    expect(page_of.get_by_label("Title")).to_be_focused()
    url.fill("https://a.example/1")
    expect(
        page_of.get_by_text("URL is not an http(s) address: write it in full, starting with https://.")
    ).to_be_hidden()
    expect(url).not_to_have_attribute("aria-invalid", "true")


def test_rows_come_and_go_while_someone_types(page_of: Page):
    title = page_of.get_by_label("Title")
    title.fill("First")

    def slowly(route: Route) -> None:
        page_of.get_by_label("Title").first.fill("First, and more")
        route.continue_()

    page_of.route(re.compile("do=add"), slowly)
    page_of.get_by_role("button", name="Add another resource").click()
    expect(page_of.get_by_role("group", name="Resource")).to_have_count(2)
    expect(title.first).to_have_value("First, and more")
    expect(page_of.get_by_label("URL").nth(1)).to_be_focused()
    title.nth(1).fill("Second")
    page_of.get_by_role("button", name="Remove resource 1").click()
    expect(page_of.get_by_role("group", name="Resource")).to_have_count(1)
    expect(title).to_have_value("Second")


def test_after_an_error_all_is_still_there_and_the_first_wrong_field_has_the_focus(
    page_of: Page, tmp_path: Path
):
    file = tmp_path / "some.csv"
    file.write_text("x")
    page_of.get_by_label("Title").fill("Half typed")
    page_of.get_by_label("Paste CSV or JSON").fill("title,externalId\nA,1")
    page_of.get_by_label("Or choose a file").set_input_files(file)
    page_of.get_by_role("button", name="Register", exact=True).click()
    expect(page_of.get_by_text("Choose the provider.")).to_be_visible()
    expect(page_of.get_by_label("Provider")).to_be_focused()
    expect(page_of.get_by_label("Title")).to_have_value("Half typed")
    expect(page_of.get_by_label("Paste CSV or JSON")).to_have_value("title,externalId\nA,1")
    assert page_of.get_by_label("Or choose a file").evaluate("input => input.files.length") == 1


def test_enter_in_a_field_leads_to_the_preview_and_cancel_back_to_the_form(page_of: Page):
    page_of.get_by_label("URL").fill(ARTICLE.format("1-One"))
    expect(page_of.get_by_label("Title")).to_have_value("One")
    page_of.get_by_label("Title").press("Enter")
    dialog = page_of.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Register 1")).to_be_visible()
    dialog.get_by_text("Cancel").click()
    expect(dialog).to_be_hidden()
    expect(page_of.get_by_label("Title")).to_have_value("One")


def test_what_is_unticked_is_counted_and_left_out(page_of: Page, product):
    product.manage("shell", "-c", KNOWN)
    rows = "".join(f"Renamed,u{number},{ARTICLE.format(number)}\n" for number in range(4))
    import_of(page_of, HEADER + rows)
    dialog = page_of.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Register 4", exact=True)).to_be_visible()
    fewer = dialog.get_by_text("The calls are shown as they were before")
    expect(fewer).to_be_hidden()
    dialog.get_by_role("checkbox", name="Renamed").nth(1).uncheck()
    expect(fewer).to_be_visible()
    expect(dialog.get_by_role("button", name="Register and ingest 3")).to_be_visible()
    dialog.get_by_role("checkbox", name="Leave all 3 out").check()
    expect(dialog.get_by_role("checkbox", name="Renamed").first).to_be_disabled()
    expect(dialog.get_by_role("button", name="Register 1", exact=True)).to_be_visible()
    dialog.get_by_role("checkbox", name="Leave all 3 out").uncheck()
    dialog.get_by_role("button", name="Register 3", exact=True).click()
    page_of.wait_for_url(re.compile(r"/runs/\d+/$"))
    expect(page_of.locator("tbody td.title small")).to_have_text(["u0", "u2", "u3"])


def test_a_count_that_is_brought_up_to_date_leaves_the_focus_where_it_is(page_of: Page, product):
    """Also while a title is still marked as wrong: only an answer to what was sent leads there."""
    product.manage("shell", "-c", KNOWN)
    import_of(page_of, HEADER + f"Renamed,u1,{ARTICLE.format(1)}\nNew,n1,{ARTICLE.format(9001)}\n")
    dialog = page_of.get_by_role("dialog")
    dialog.locator("[name=reason]").evaluate("field => { field.ariaInvalid = 'true' }")
    tick = dialog.get_by_role("checkbox", name="Renamed")
    tick.focus()
    with page_of.expect_response(re.compile("part=effort")):
        page_of.keyboard.press("Space")
    expect(page_of.locator(".htmx-request")).to_have_count(0)
    expect(dialog.get_by_text("Register: 1 call that writes")).to_be_visible()
    expect(tick).to_be_focused()


def test_calls_follow_what_is_unticked(page_of: Page, product):
    product.manage("shell", "-c", KNOWN)
    rows = "".join(f"Row {number},e{number},{ARTICLE.format(7000 + number)}\n" for number in range(100))
    import_of(page_of, HEADER + rows + f"Renamed,u1,{ARTICLE.format(1)}\n")
    dialog = page_of.get_by_role("dialog")
    expect(dialog.get_by_text("Register: 2 calls that write")).to_be_visible()
    expect(dialog.get_by_text("Register and ingest: 4 calls that write")).to_be_visible()
    dialog.get_by_role("checkbox", name="Renamed").uncheck()
    expect(dialog.get_by_text("Register: 1 call that writes")).to_be_visible()
    expect(dialog.get_by_text("Register and ingest: 2 calls that write")).to_be_visible()
    dialog.get_by_role("checkbox", name="Renamed").check()
    expect(dialog.get_by_text("Register: 2 calls that write")).to_be_visible()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "A,1,x\n" * 10_001, "This has 10,001 lines; 10,000 is the most. Cut it into parts."),
        ("x" * ((12 << 20) + 1), "This has 12.0 MB; 12 MB is the most. Cut it into parts."),
    ],
    ids=["lines", "size"],
)
def test_too_much_is_said_before_it_is_sent(page_of: Page, tmp_path: Path, text: str, said: str):
    sent: list[str] = []
    page_of.on("request", lambda request: sent.append(request.method))
    file = tmp_path / "many.csv"
    file.write_text(text)
    page_of.get_by_label("Or choose a file").set_input_files(file)
    expect(page_of.get_by_text(said)).to_be_visible()
    page_of.get_by_role("button", name="Preview import").click()
    expect(page_of.get_by_label("Or choose a file")).to_be_focused()
    assert "POST" not in sent


def test_of_a_file_that_is_no_text_no_lines_are_counted(page_of: Page, tmp_path: Path):
    page_of.get_by_label("Provider").select_option("zendesk")
    file = tmp_path / "list.xls"
    file.write_bytes(b"\xd0\xcf\x11\xe0\x00" + b"a\n" * 20_000)
    page_of.get_by_label("Or choose a file").set_input_files(file)
    page_of.get_by_role("button", name="Preview import").click()
    expect(page_of.get_by_text("This cannot be read: it is a file of an older Office")).to_be_visible()


def test_a_workbook_is_previewed_and_its_other_sheets_are_named(page_of: Page):
    page_of.get_by_label("Provider").select_option("zendesk")
    page_of.get_by_label("Or choose a file").set_input_files(FILES / "list.xlsx")
    page_of.get_by_role("button", name="Preview import").click()
    dialog = page_of.get_by_role("dialog")
    expect(
        dialog.get_by_text("Only the first sheet, “Articles”, was read. Left out: “Notes”.")
    ).to_be_visible()
    expect(dialog.get_by_role("button", name="Register 3", exact=True)).to_be_visible()


def test_what_has_anothers_address_is_let_in_by_its_tick(page_of: Page):
    lines = ["One,t1,https://a.example/t", "Two,t2,https://a.example/t/", "Three,t3,http://a.example/t"]
    import_of(page_of, HEADER + "\n".join(lines))
    dialog = page_of.get_by_role("dialog")
    expect(dialog.get_by_text("Its address is that of line 2 (external ID t1).")).to_have_count(2)
    expect(dialog.get_by_role("button", name="Register 1", exact=True)).to_be_visible()
    dialog.get_by_label("Two").check()
    expect(dialog.get_by_role("button", name="Register 2", exact=True)).to_be_visible()
    dialog.get_by_label("Register all 2 all the same").check()
    expect(dialog.get_by_role("button", name="Register 3", exact=True)).to_be_visible()
    for name in ("Two", "Three"):  # each row shows what its group says
        expect(dialog.get_by_label(name)).to_be_checked()
        expect(dialog.get_by_label(name)).to_be_disabled()
    dialog.get_by_label("Register all 2 all the same").uncheck()
    expect(dialog.get_by_label("Two")).to_be_checked()
    expect(dialog.get_by_label("Three")).not_to_be_checked()
    dialog.get_by_role("button", name="Register 2", exact=True).click()
    page_of.wait_for_url(re.compile("/runs/"))
    expect(page_of.get_by_text("t2").first).to_be_visible()
    expect(page_of.get_by_text("t3")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1280])
def test_long_bad_lines_wrap_beside_the_field(page_of: Page, width: int):
    page_of.set_viewport_size({"width": width, "height": 900})
    page_of.get_by_label("Provider").select_option("zendesk")
    lines = [f"{'t' * 90},{number},ftp://a.example{'/p' * 90}" for number in range(22)]
    page_of.get_by_label("Paste CSV or JSON").fill(HEADER + "\n".join(lines))
    page_of.get_by_role("button", name="Preview import").click()
    expect(page_of.get_by_text("And 2 more.")).to_be_visible()
    assert page_of.evaluate(OVERFLOW) == []
