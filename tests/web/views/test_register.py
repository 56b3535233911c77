"""Register in the browser: the form, and the preview it leads to."""

import json
import re

import pytest
from django.test import Client
from django.utils.html import escape

from fini_admin.audit.models import Entry
from fini_admin.ingestion.models import Preview, Run
from fini_admin.sources.models import Source
from fini_admin.web.forms.base import KEY_HERE
from fini_admin.web.forms.register import TOO_MANY_ROWS
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.cpu import at_most
from tests.support.previews import contents
from tests.support.register import (
    HEADER,
    HTMX,
    KEY,
    PAGE,
    ROW,
    errors,
    imported,
    preview_of,
    rows_of,
    text_of,
)
from tests.support.sandbox import Sandbox
from tests.support.work import bodies, drive


def test_the_page_opens_with_one_row_and_the_providers_mime_type(editor: Client) -> None:
    page = editor.get(PAGE + "?provider=confluence")
    assert page.status_code == 200
    assert list(page.context["entry"].rows) == ["1"]
    assert '<option value="confluence" selected data-mime="text/html">' in page.content.decode()
    assert 'name="1-mime_type" value="text/html"' in page.content.decode()
    for words in ("Add another resource", "Register and ingest", "Preview import"):
        assert words in text_of(page)


def test_an_unknown_provider_in_the_address_opens_the_page_with_none(editor: Client) -> None:
    assert editor.get(PAGE + "?provider=<script>").context["entry"].provider_name == ""


@pytest.mark.parametrize("field", ["original_url", "title", "external_id", "mime_type"])
def test_a_field_that_held_a_key_says_so_and_keeps_the_rest(editor: Client, field: str) -> None:
    answer = editor.post(PAGE, ROW | {f"1-{field}": f"before {KEY} after"})
    assert (answer.status_code, errors(answer)) == (422, [escape(KEY_HERE)])
    assert 'value="before [key removed] after"' in answer.content.decode()
    assert KEY not in answer.content.decode()
    assert not Preview.objects.exists()


def test_a_filled_row_leads_to_its_preview_and_then_into_fini(
    sandbox: Sandbox, acme: Workspace, editor: Client
) -> None:
    people.key(acme, plain=sandbox.key)
    preview = preview_of(editor.post(PAGE, ROW))
    assert (preview.kind, preview.provider, preview.then_ingest) == ("register", "zendesk", False)
    assert not Run.objects.exists()
    page = editor.get(f"/w/acme/previews/{preview.token}/")
    assert [button.text for button in page.context["buttons"]] == ["Register 1"]
    editor.post(f"/w/acme/previews/{preview.token}/", {"do": "register"})
    drive(acme)
    assert bodies(acme, "register") == [
        {
            "resources": [
                {
                    "originalUrl": ROW["1-original_url"],
                    "title": "Parcel is late",
                    "externalId": "360012",
                    "mimeType": "text/html",
                }
            ]
        }
    ]
    assert Source.objects.get(external_id="360012").state == "queued"


def test_register_and_ingest_asks_for_what_is_sent_along(editor: Client) -> None:
    preview = preview_of(editor.post(PAGE, ROW | {"do": "ingest"}))
    assert preview.then_ingest
    page = editor.get(f"/w/acme/previews/{preview.token}/")
    assert [button.text for button in page.context["buttons"]] == ["Register and ingest 1"]
    assert {"english", "baser"} <= set(page.context["form"].fields)


def test_a_button_that_the_page_does_not_have_previews_nothing(editor: Client) -> None:
    for do in ("", "delete"):
        answer = editor.post(PAGE, ROW | {"do": do})
        assert (answer.status_code, Preview.objects.count()) == (400, 0)


def test_for_htmx_the_preview_comes_into_the_dialog(editor: Client) -> None:
    answer = editor.post(PAGE, ROW, headers=HTMX)
    assert (answer.status_code, "HX-Retarget" in answer.headers) == (200, False)
    assert '<h2 id="dialog-title">Preview</h2>' in answer.content.decode()
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize("field", ["original_url", "title", "external_id", "mime_type"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "is missing"),
        (" \t\u00a0 ", "is missing"),
        ("a\x00b", "holds a NUL character: take it out"),
        ("a\ufffdb", "holds � where a character was lost"),
    ],
)
def test_a_field_that_is_wrong_says_so_beside_it(editor: Client, field: str, value: str, said: str) -> None:
    answer = editor.post(PAGE, ROW | {f"1-{field}": value})
    if field == "mime_type" and not value.strip():
        assert contents(preview_of(answer))["resources"][0]["mimeType"] == "text/html"
        return
    label = {"original_url": "URL", "title": "Title", "external_id": "External ID", "mime_type": "MIME type"}
    assert answer.status_code == 422
    assert errors(answer) == [f"{label[field]} {said}."]
    assert KEY not in answer.content.decode()
    assert not Preview.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "original_url",
            "javascript:alert(1)",
            "URL is not an http(s) address: write it in full, starting with https://.",
        ),
        (
            "original_url",
            "help.acme.example",
            "URL is not an http(s) address: write it in full, starting with https://.",
        ),
        (
            "original_url",
            "https://",
            "URL is not an http(s) address: write it in full, starting with https://.",
        ),
        (
            "original_url",
            "https://[",
            "URL is not an http(s) address: write it in full, starting with https://.",
        ),
        ("external_id", "7" * 600, "External ID is longer than 512 characters: it has 600, shorten it."),
        (
            "external_id",
            "3.6E+11",
            "External ID is a number that a spreadsheet shortened: make its column text and export it again.",
        ),
        ("mime_type", "html", "MIME type is not a type like text/html."),
    ],
)
def test_what_was_typed_stays_beside_what_is_wrong_with_it(
    editor: Client, field: str, value: str, said: str
) -> None:
    answer = editor.post(PAGE, ROW | {f"1-{field}": value})
    assert (answer.status_code, errors(answer)) == (422, [said])
    for name, typed in (ROW | {f"1-{field}": value}).items():
        if name.startswith("1-"):
            assert f'name="{name}" value="{typed}"' in answer.content.decode()


def test_half_of_a_character_is_refused_however_it_comes(editor: Client) -> None:
    body = "&".join(f"{name}={value}" for name, value in ROW.items() if name != "1-title")
    answer = editor.generic(
        "POST", PAGE, f"{body}&1-title=%ED%A0%80", content_type="application/x-www-form-urlencoded"
    )
    assert errors(answer) == ["Title holds � where a character was lost."]
    resource = {"title": "a\ud800", "externalId": "1", "originalUrl": "https://a.example"}
    answer = imported(editor, json.dumps([resource]))
    assert errors(answer) == [
        "Nothing in it can be registered.",
        "Item 1: title holds a damaged character, which is no UTF-8: type it again. It reads: "
        + escape('{"title": "a?", "externalId": "1", "originalUrl": "https://a.example"}'),
    ]


def test_markup_is_text_and_is_shown_as_text(editor: Client) -> None:
    markup = '<script>alert("x")</script>'
    answer = editor.post(PAGE, ROW | {"1-title": markup, "1-external_id": markup, "1-mime_type": "x"})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.content.decode()
    preview = preview_of(editor.post(PAGE, ROW | {"1-title": markup, "1-external_id": markup}))
    page = editor.get(f"/w/acme/previews/{preview.token}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in page


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("", "Choose the provider."),
        ("web", "This is no provider that resources can be registered of: choose one of these."),
        (KEY, escape(KEY_HERE)),
    ],
)
def test_an_unknown_provider_is_refused_beside_it(editor: Client, provider: str, said: str) -> None:
    for answer in (
        editor.post(PAGE, ROW | {"provider": provider}),
        imported(editor, HEADER + "A,1,https://a.example/1", provider=provider),
    ):
        assert (answer.status_code, errors(answer)) == (422, [said])
        assert KEY not in answer.content.decode()
    assert not Preview.objects.exists()


def test_rows_come_and_go_and_keep_what_was_typed(editor: Client) -> None:
    typed = ROW | {"row": ["1", "4"], "4-title": "Second", "4-original_url": "", "do": "add"}
    page = editor.post(PAGE, typed)
    assert list(page.context["entry"].rows) == ["1", "4", "5"]
    assert 'name="4-title" value="Second"' in page.content.decode()
    assert errors(page) == []
    rows = editor.post(PAGE + "?do=remove-1", typed | {"row": ["1", "4", "5"], "do": ""}, headers=HTMX)
    assert rows_of(rows) == ["4", "5"]
    assert "<html" not in rows.content.decode()
    assert "HX-Retarget" not in rows.headers
    rows = editor.post(PAGE, {"row": "4", "do": "remove-4"}, headers=HTMX)
    assert rows_of(rows) == ["1"]


def test_fifty_rows_are_the_most_and_it_says_what_to_do(editor: Client) -> None:
    names = [str(number) for number in range(1, 50)]
    assert len(editor.post(PAGE, {"row": names, "do": "add"}).context["entry"].rows) == 50
    page = editor.post(PAGE, {"row": [*names, "50"], "do": "add"})
    assert len(page.context["entry"].rows) == 50
    assert "50 is the most here. Paste or upload more below." in text_of(page)


def test_more_rows_than_that_are_named_and_not_read(editor: Client) -> None:
    many = {"provider": "notion", "do": "register", "row": [str(number) for number in range(1, 10_001)]}
    with at_most(2):
        answer = editor.post(PAGE, many | {"1-title": "First", "51-title": "Late"})
    assert answer.status_code == 422
    assert TOO_MANY_ROWS in text_of(answer)
    assert list(answer.context["entry"].rows) == [str(number) for number in range(1, 51)]
    assert answer.context["entry"].rows["1"]["title"].value() == "First"
    assert not Preview.objects.exists()


def test_rows_left_blank_are_passed_over_and_the_others_keep_their_order(editor: Client) -> None:
    second = {"2-original_url": "https://a.example/2", "2-title": "Two", "2-external_id": "2"}
    answer = editor.post(PAGE, ROW | second | {"row": ["2", "3", "1"]})
    held = contents(preview_of(answer))["resources"]
    assert [(item["externalId"], item["mimeType"]) for item in held] == [
        ("2", "text/html"),
        ("360012", "text/html"),
    ]


def test_the_same_external_id_twice_is_said_at_the_second(editor: Client) -> None:
    second = {f"2-{name[2:]}": value for name, value in ROW.items() if name.startswith("1-")}
    answer = editor.post(PAGE, ROW | second | {"row": ["1", "2"]})
    assert (answer.status_code, errors(answer)) == (422, ["The same as in resource 1."])


def test_the_mime_type_follows_the_provider_while_nobody_typed_another(editor: Client) -> None:
    moved = ROW | {"mime_of": "notion", "1-mime_type": "text/markdown"}
    assert contents(preview_of(editor.post(PAGE, moved)))["resources"][0]["mimeType"] == "text/html"
    typed = moved | {"1-mime_type": "text/plain"}
    assert contents(preview_of(editor.post(PAGE, typed)))["resources"][0]["mimeType"] == "text/plain"


def test_a_field_is_checked_alone_as_one_types(editor: Client) -> None:
    answer = editor.post(
        PAGE + "?do=check-1-original_url", ROW | {"1-original_url": "ftp://a", "do": ""}, headers=HTMX
    )
    assert errors(answer) == ["URL is not an http(s) address: write it in full, starting with https://."]
    assert "<input" not in answer.content.decode()
    answer = editor.post(PAGE + "?do=check-1-title", ROW | {"1-external_id": "", "do": ""}, headers=HTMX)
    assert (errors(answer), "HX-Trigger" in answer.headers) == ([], False)


@pytest.mark.parametrize("name", ["1-nothing", "9-title", "title", "", "x-title", "1-title-x"])
def test_a_check_of_a_field_that_is_not_there_is_not_found(editor: Client, name: str) -> None:
    assert editor.post(f"{PAGE}?do=check-{name}", ROW | {"do": ""}, headers=HTMX).status_code == 404


def test_an_address_suggests_title_id_and_provider(editor: Client) -> None:
    address = "https://acme.zendesk.com/hc/de/articles/360012-%C3%84rger"
    typed = ROW | {"1-original_url": address, "do": "", "provider": ""}
    answer = editor.post(PAGE + "?do=check-1-original_url", typed, headers=HTMX)
    assert json.loads(answer.headers["HX-Trigger"])["suggested"] == {
        "row": "1",
        "title": "Ärger",
        "external_id": "360012",
        "provider": "zendesk",
    }
    assert text_of(answer) == ""
    answer = editor.post(PAGE + "?do=check-1-original_url", typed | {"provider": "notion"}, headers=HTMX)
    assert "This looks like an address of Zendesk, which is not the provider chosen above." in text_of(answer)


def suggested_by(editor: Client, address: str) -> tuple[dict[str, str], str]:
    """What the page is told when an address was typed: what it fills in, and what stands beside the field."""
    typed = ROW | {"1-original_url": address, "do": "", "provider": ""}
    answer = editor.post(PAGE + "?do=check-1-original_url", typed, headers=HTMX)
    return json.loads(answer.headers.get("HX-Trigger", "{}")).get("suggested", {}), text_of(answer)


@pytest.mark.parametrize(
    ("address", "external_id", "said"),
    [
        ("https://acme.atlassian.net/wiki/x/AQAB", "65537", ""),
        ("https://acme.zendesk.com/knowledge/articles/360012/en-us?brand_id=1", "360012", "is for agents"),
        (
            "https://acme.zendesk.com/hc/en-us/restricted?return_to=https%3A%2F%2Facme.zendesk.com%2Fhc%2Farticles%2F7",
            "7",
            "own is https://acme.zendesk.com/hc/articles/7",
        ),
        ("https://acme.zendesk.com/knowledge/editor/01HX4Z/en-us", "", "an ID of its own, not the article"),
        ("https://wiki.acme.example/display/HR/Travel+policy", "", "by its space and title"),
        ("https://www.notion.so/acme/Travel-policy", "", "holds no page"),
        ("https://help.example.com/anything", "", ""),
    ],
)
def test_an_address_gives_the_id_or_says_that_it_does_not_hold_it(
    editor: Client, address: str, external_id: str, said: str
) -> None:
    filled, told = suggested_by(editor, address)
    assert filled["external_id"] == external_id
    assert said in told
    assert bool(said) is bool(told)
    assert not errors(editor.post(PAGE + "?do=check-1-original_url", ROW | {"1-original_url": address}))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"1-external_id": "77"}, "The address holds another ID: 360012."),
        ({}, ""),
        ({"1-external_id": "77", "1-original_url": "https://acme.example/360012"}, ""),
        ({"1-external_id": "77", "provider": "confluence"}, ""),
    ],
)
def test_an_id_that_is_not_the_one_in_its_address_is_said_and_stops_nothing(
    editor: Client, typed: dict[str, str], said: str
) -> None:
    answer = editor.post(PAGE + "?do=check-1-external_id", ROW | typed | {"do": ""}, headers=HTMX)
    assert text_of(answer) == said
    preview = preview_of(editor.post(PAGE, ROW | typed))
    page = text_of(editor.get(f"/w/acme/previews/{preview.token}/"))
    assert ("Its address holds another external ID: 360012 ." in page) is bool(said)
    assert ("External IDs that are not the ones in their addresses: 1." in page) is bool(said)
    assert contents(preview)["resources"][0]["externalId"] == typed.get("1-external_id", "360012")


def test_an_address_that_is_none_suggests_nothing(editor: Client) -> None:
    assert suggested_by(editor, "javascript:alert(1)")[0] == {}
    for letter in ("%5F", "%255F"):
        inside = f"%2Fhc%2Farticles%2F7-fini{letter}live_abcdefghijklmnop1234"
        filled, told = suggested_by(editor, f"https://a.zendesk.com/hc/restricted?return_to={inside}")
        assert (filled, told) == ({}, escape(KEY_HERE))


def test_a_form_cannot_be_turned_into_an_ingest_when_it_is_confirmed(acme: Workspace, editor: Client) -> None:
    preview = preview_of(editor.post(PAGE, ROW))
    editor.post(f"/w/acme/previews/{preview.token}/", {"do": "ingest"})
    assert not Run.objects.get().then_ingest


def test_the_token_against_forgery_is_asked_for(acme: Workspace) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people.member(acme, "editor"))
    assert strict.post(PAGE, ROW).status_code == 403
    assert not Preview.objects.exists()
    page = strict.get(PAGE).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    assert strict.post(PAGE, ROW | {"csrfmiddlewaretoken": token[1]}).status_code == 303


def test_a_viewer_may_not_and_another_workspace_is_not_there(acme: Workspace, client: Client) -> None:
    client.force_login(people.member(acme, "viewer"))
    assert [client.get(PAGE).status_code, client.post(PAGE, ROW).status_code] == [403, 403]
    client.force_login(people.member(people.workspace("other", "Other"), "admin"))
    assert [client.get(PAGE).status_code, client.post(PAGE, ROW).status_code] == [404, 404]
    assert not Preview.objects.exists()


def test_no_call_is_made_and_nothing_is_written_to_the_trail(acme: Workspace, editor: Client) -> None:
    before = Entry.objects.count()
    preview_of(editor.post(PAGE, ROW))
    assert Entry.objects.count() == before
