"""Register in the browser: the form, the paste and the file, and the preview they lead to."""

import io
import json
import re
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.audit.models import Entry
from fini_admin.ingestion.models import Preview, Run
from fini_admin.sources.models import Resource, Source
from fini_admin.workspaces.models import Workspace
from tests.ingestion.conftest import bodies, drive
from tests.support import people
from tests.support.sandbox import Sandbox

PAGE = "/w/acme/register/"
HTMX = {"HX-Request": "true"}
KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"
HEADER = "title,externalId,originalUrl\n"
ROW = {
    "provider": "zendesk",
    "row": "1",
    "1-original_url": "https://acme.zendesk.com/hc/en-us/articles/360012-Parcel-is-late",
    "1-title": "Parcel is late",
    "1-external_id": "360012",
    "1-mime_type": "text/html",
    "do": "register",
}


@pytest.fixture
def acme(db: None) -> Workspace:
    return people.workspace()


@pytest.fixture
def editor(acme: Workspace, client: Client) -> Client:
    client.force_login(people.member(acme, "editor"))
    return client


def text_of(answer: HttpResponse) -> str:
    """What the answer says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def errors(answer: HttpResponse) -> list[str]:
    """What stands beside the fields."""
    found = re.findall(r'<p class="wrong"[^>]*>(.*?)</p>', answer.content.decode(), re.DOTALL)
    return [" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", text, flags=re.DOTALL).split()) for text in found]


def rows_of(answer: HttpResponse) -> list[str]:
    """The names of the rows that it shows."""
    return re.findall(r'name="row"\s+value="([^"]*)"', answer.content.decode())


def imported(client: Client, text: str = "", file: bytes | None = None, **fields: str) -> Any:
    """Send a text or a file, as the page's button does."""
    held = {"provider": "zendesk", "row": "1", "text": text, "do": "preview"} | fields
    if file is not None:
        held["file"] = SimpleUploadedFile("resources.csv", file)  # type: ignore[assignment]
    return client.post(PAGE, held)


def preview_of(answer: Any) -> Preview:
    assert answer.status_code == 303, errors(answer)
    return Preview.objects.get(token=answer.headers["Location"].split("/")[-2])


def groups(client: Client, preview: Preview) -> dict[str, int]:
    """How many resources the preview tells of each group."""
    page = client.get(f"/w/acme/previews/{preview.token}/")
    return {group.name: group.total for group in page.context["groups"]}


def known(acme: Workspace, number: int, title: str) -> Source:
    now = datetime.now(UTC)
    return Source.objects.create(
        workspace=acme,
        fini_id=f"fini-{number}",
        provider="zendesk",
        external_id=str(number),
        title=title,
        original_url=f"https://a.example/{number}",
        mime_type="text/html",
        state_since=now,
        first_seen=now,
        last_seen=now,
    )


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
        (f"x {KEY}", "holds what looks like an API key"),
        ("a\x00b", "holds a NUL character"),
        ("a\ufffdb", "holds � where a character was lost"),
    ],
)
def test_a_field_that_is_wrong_says_so_beside_it(editor: Client, field: str, value: str, said: str) -> None:
    answer = editor.post(PAGE, ROW | {f"1-{field}": value})
    if field == "mime_type" and not value.strip():
        assert preview_of(answer).content["resources"][0]["mime_type"] == "text/html"
        return
    label = {"original_url": "URL", "title": "Title", "external_id": "External ID", "mime_type": "MIME type"}
    assert answer.status_code == 422
    assert errors(answer) == [f"{label[field]} {said}."]
    assert KEY not in answer.content.decode()
    assert not Preview.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("original_url", "javascript:alert(1)", "URL is not an http(s) address."),
        ("original_url", "help.acme.example", "URL is not an http(s) address."),
        ("original_url", "https://", "URL is not an http(s) address."),
        ("original_url", "https://[", "URL is not an http(s) address."),
        ("external_id", "7" * 600, "External ID is longer than 300 characters."),
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
        "Nothing in it can be registered: item 1: title holds half of a character, which UTF-8 cannot write."
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
        (KEY, "This is no provider that resources can be registered of: choose one of these."),
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


def test_rows_left_blank_are_passed_over_and_the_others_keep_their_order(editor: Client) -> None:
    second = {"2-original_url": "https://a.example/2", "2-title": "Two", "2-external_id": "2"}
    answer = editor.post(PAGE, ROW | second | {"row": ["2", "3", "1"]})
    held = preview_of(answer).content["resources"]
    assert [(item["external_id"], item["mime_type"]) for item in held] == [
        ("2", "text/html"),
        ("360012", "text/html"),
    ]


def test_the_same_external_id_twice_is_said_at_the_second(editor: Client) -> None:
    second = {f"2-{name[2:]}": value for name, value in ROW.items() if name.startswith("1-")}
    answer = editor.post(PAGE, ROW | second | {"row": ["1", "2"]})
    assert (answer.status_code, errors(answer)) == (422, ["The same as in resource 1."])


def test_the_mime_type_follows_the_provider_while_nobody_typed_another(editor: Client) -> None:
    moved = ROW | {"mime_of": "notion", "1-mime_type": "text/markdown"}
    assert preview_of(editor.post(PAGE, moved)).content["resources"][0]["mime_type"] == "text/html"
    typed = moved | {"1-mime_type": "text/plain"}
    assert preview_of(editor.post(PAGE, typed)).content["resources"][0]["mime_type"] == "text/plain"


def test_a_field_is_checked_alone_as_one_types(editor: Client) -> None:
    answer = editor.post(
        PAGE + "?do=check-1-original_url", ROW | {"1-original_url": "ftp://a", "do": ""}, headers=HTMX
    )
    assert errors(answer) == ["URL is not an http(s) address."]
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


def test_a_csv_tells_new_updated_unchanged_twice_and_invalid(acme: Workspace, editor: Client) -> None:
    for number, title in ((1, "Old title"), (2, "Same")):
        known(acme, number, title)
    lines = [
        "New title,1,https://a.example/1",
        "Same,2,https://a.example/2",
        "Three,3,https://a.example/3",
        "Three again,3,https://a.example/3",
        ",4,https://a.example/4",
    ]
    preview = preview_of(imported(editor, HEADER + "\n".join(lines)))
    page = editor.get(f"/w/acme/previews/{preview.token}/")
    assert {group.name: group.total for group in page.context["groups"]} == {
        "update": 1,
        "same": 1,
        "duplicate": 1,
        "invalid": 1,
        "new": 1,
    }
    told = text_of(page)
    assert "title Old title → New title" in told
    assert "line 5 the same external ID as in line 4" in told
    assert "line 6 title is missing" in told
    assert [button.text for button in page.context["buttons"]] == ["Register 3", "Register and ingest 3"]


def test_in_the_preview_updates_can_be_left_out_one_by_one_or_all(
    sandbox: Sandbox, acme: Workspace, editor: Client
) -> None:
    for number in (1, 2, 3):
        known(acme, number, "Old" if number < 3 else "New")
    text = HEADER + "\n".join(f"New,{number},https://a.example/{number}" for number in range(1, 6))
    told = {"offered": "0,1", "keep": "1"}
    for said, left in (
        ({}, ["1", "2", "3", "4", "5"]),
        (told, ["2", "3", "4", "5"]),
        ({"left": "0,2"}, ["2", "4", "5"]),
        (told | {"without": "same"}, ["2", "4", "5"]),
        ({"without": ["same", "update", "new", "nothing"]}, ["4", "5"]),
        ({"left": "x,-1,99999999999", "without": "new"}, ["1", "2", "3", "4", "5"]),
    ):
        preview = preview_of(imported(editor, text))
        editor.post(f"/w/acme/previews/{preview.token}/", {"do": "register"} | said)
        run = Run.objects.latest("pk")
        assert [item.external_id for item in run.items.order_by("position")] == left
        assert not run.then_ingest


def test_whether_an_import_is_ingested_is_decided_in_the_preview(acme: Workspace, editor: Client) -> None:
    preview = preview_of(imported(editor, HEADER + "A,1,https://a.example/1"))
    page = editor.get(f"/w/acme/previews/{preview.token}/")
    assert {"english", "baser"} <= set(page.context["form"].fields)
    editor.post(f"/w/acme/previews/{preview.token}/", {"do": "ingest", "english": "no"})
    run = Run.objects.get()
    assert (run.then_ingest, run.english, run.baser) == (True, False, None)


def test_a_form_cannot_be_turned_into_an_ingest_when_it_is_confirmed(acme: Workspace, editor: Client) -> None:
    preview = preview_of(editor.post(PAGE, ROW))
    editor.post(f"/w/acme/previews/{preview.token}/", {"do": "ingest"})
    assert not Run.objects.get().then_ingest


def test_a_long_group_goes_on_in_pieces(acme: Workspace, editor: Client) -> None:
    text = HEADER + "\n".join(f"T{number},{number},https://a.example/{number}" for number in range(120))
    preview = preview_of(imported(editor, text))
    address = f"/w/acme/previews/{preview.token}/"
    assert "Show more of 120" in text_of(editor.get(address))
    rows = editor.get(f"{address}?part=rows&group=new&from=100", headers=HTMX)
    assert re.findall(r"T\d+", text_of(rows)) == [f"T{number}" for number in range(100, 120)]
    assert "Show more" not in text_of(rows)
    for query in ("?group=new&from=50", "?group=new&from=-1", "?group=none&from=x", "?from=" + "9" * 30):
        assert editor.get(address + query).status_code == 200
    assert editor.get(f"{address}?part=rows&group=none", headers=HTMX).status_code == 200


def test_what_discovery_did_not_list_is_marked(acme: Workspace, editor: Client) -> None:
    Resource.objects.create(
        workspace=acme,
        provider="zendesk",
        external_id="1",
        position=0,
        leaf=True,
        listed_at=datetime.now(UTC),
        listed_run=1,
    )
    preview = preview_of(imported(editor, HEADER + "A,1,https://a.example/1\nB,2,https://a.example/2"))
    page = text_of(editor.get(f"/w/acme/previews/{preview.token}/"))
    assert page.count("Discovery did not list this external ID.") == 1


def test_addresses_of_another_provider_are_pointed_out(editor: Client) -> None:
    address = "https://acme.atlassian.net/wiki/spaces/HR/pages/1/A"
    preview = preview_of(imported(editor, HEADER + f"A,1,{address}\nB,2,https://a.example/2"))
    assert preview.content["notes"] == ["Addresses that look like Confluence, not Zendesk: 1 of 2."]


def test_a_file_with_a_bom_and_one_from_a_spreadsheet_are_read(editor: Client) -> None:
    text = HEADER + "Ärger,1,https://a.example/1"
    for content in (text.encode("utf-8-sig"), text.replace(",", ";").encode(), text.encode("utf-16")):
        preview = preview_of(imported(editor, file=content))
        assert preview.content["resources"][0]["title"] == "Ärger"
        assert preview.content["notes"] == []


def test_a_latin_1_file_is_read_and_the_preview_says_so_with_a_sample(editor: Client) -> None:
    preview = preview_of(
        imported(editor, file=(HEADER + "Für Ärger,1,https://a.example/1").encode("latin-1"))
    )
    page = text_of(editor.get(f"/w/acme/previews/{preview.token}/"))
    assert "Read as Windows-1252, for it is not UTF-8: check the accents. It holds “Für”, “Ärger”." in page


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This cannot be read: it is empty."),
        (
            b"title,externalId\nA,1",
            "This cannot be read: the header has no column originalUrl. The first line",
        ),
        (HEADER.encode(), "This cannot be read: it names no resource."),
        (b"[" * 100_000, "This cannot be read: it is not JSON that can be read: nested too deeply."),
        (b"[1]", "Nothing in it can be registered: item 1: it is not an object."),
        (
            ("Ä\n".encode() + b"\xff"),
            "This cannot be read: it is not UTF-8 text: line 2, byte 4. Save the file",
        ),
        (
            (HEADER + "A,1,x\n" * 30).encode(),
            "Nothing in it can be registered: line 2: originalUrl is not an",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why_beside_it(editor: Client, content: bytes, said: str) -> None:
    answer = imported(editor, file=content)
    assert answer.status_code == 422
    assert [error[: len(said)] for error in errors(answer)] == [said]
    assert "Choose the file again" in text_of(answer)
    assert not Preview.objects.exists()


def test_after_an_error_the_text_is_still_there_less_any_key(editor: Client) -> None:
    text = f"title,externalId\nA & <b>,1\n{KEY},2"
    answer = imported(editor, text, **{"1-title": "half typed"})
    assert answer.status_code == 422
    assert "A &amp; &lt;b&gt;,1\n[key removed],2</textarea>" in answer.content.decode()
    assert 'value="half typed"' in answer.content.decode()
    assert KEY not in answer.content.decode()
    assert [error.partition(":")[0] for error in errors(answer)] == ["This cannot be read"]


def test_for_htmx_an_error_leaves_the_text_and_the_file_alone(editor: Client) -> None:
    answer = editor.post(
        PAGE, {"provider": "zendesk", "row": "1", "text": "x" * 9, "do": "preview"}, headers=HTMX
    )
    page = answer.content.decode()
    assert (answer.status_code, answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == (
        422,
        "#entry",
        "innerMorph",
    )
    assert "xxxxxxxxx" not in page
    assert page.count("hx-morph-skip") == 2
    assert "<html" not in page


def test_neither_or_both_of_text_and_file_is_an_error(editor: Client) -> None:
    assert errors(imported(editor)) == ["Paste a text, or choose a file."]
    both = imported(editor, HEADER + "A,1,https://a.example/1", file=b"x")
    assert errors(both) == ["Choose a file or paste a text, not both: one of them would be lost."]


@pytest.mark.parametrize("as_file", [True, False])
def test_ten_thousand_lines_work_and_one_more_is_refused(editor: Client, as_file: bool) -> None:
    lines = [f"Page {number},{number},https://a.example/{number}" for number in range(10_001)]
    for count, status in ((10_000, 303), (10_001, 422)):
        text = HEADER + "\r\n".join(lines[:count])
        answer = imported(editor, file=text.encode()) if as_file else imported(editor, text)
        assert answer.status_code == status
    assert errors(answer) == ["This cannot be read: it has more than 10,000 lines: cut it into parts."]
    assert as_file or "Page 10000,10000" in answer.content.decode()
    assert len(Preview.objects.get().content["resources"]) == 10_000


@pytest.mark.parametrize("as_file", [True, False])
def test_twelve_megabytes_work_and_more_is_refused(editor: Client, as_file: bool) -> None:
    long = HEADER.strip() + ",body\n" + f"A,1,https://a.example/1,{'x' * 1000}\n"
    for size, status in ((12 << 20, 303), ((12 << 20) + 1, 422)):
        text = long.ljust(size, " ")
        answer = imported(editor, file=text.encode()) if as_file else imported(editor, text)
        assert answer.status_code == status
    assert errors(answer) == ["This cannot be read: it is larger than 12 MB: cut it into parts."]


@pytest.mark.parametrize("htmx", [True, False])
def test_fifty_megabytes_are_refused_without_being_read_into_memory(editor: Client, htmx: bool) -> None:
    content = SimpleUploadedFile("resources.csv", b"x" * 50_000_000)
    tracemalloc.start()
    request = editor._base_environ(
        PATH_INFO=PAGE,
        REQUEST_METHOD="POST",
        CONTENT_TYPE="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(content.size),
        **({"HTTP_HX_REQUEST": "true"} if htmx else {}),
    )
    request["wsgi.input"] = content
    answer = editor.request(**request)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (
        "What was sent is larger than 12 MB, the most that is taken at once: cut it into parts."
        in text_of(answer)
    )
    assert answer.status_code == (422 if htmx else 413)
    assert answer.headers.get("HX-Retarget") == ("#id_file_said" if htmx else None)
    assert peak < 8_000_000
    assert content.tell() == content.size
    assert not Preview.objects.exists()


def test_a_body_that_breaks_off_is_no_server_error(editor: Client) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: int | None) -> bytes:
            raise OSError

    environ = editor._base_environ(PATH_INFO=PAGE, REQUEST_METHOD="POST", CONTENT_LENGTH="99000000")
    environ["wsgi.input"] = Broken()
    assert editor.request(**environ).status_code == 413


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


def test_another_workspaces_sources_are_not_told_of(acme: Workspace, editor: Client) -> None:
    known(people.workspace("other", "Other"), 1, "Secret")
    preview = preview_of(imported(editor, HEADER + "A,1,https://a.example/1"))
    assert groups(editor, preview) == {"new": 1}
    assert "Secret" not in str(preview.content)


def test_no_call_is_made_and_nothing_is_written_to_the_trail(acme: Workspace, editor: Client) -> None:
    before = Entry.objects.count()
    preview_of(editor.post(PAGE, ROW))
    assert Entry.objects.count() == before


def test_the_number_of_queries_does_not_grow_with_what_is_sent(acme: Workspace, editor: Client) -> None:
    def cost(count: int) -> tuple[int, int]:
        text = HEADER + "\n".join(f"A,{number},https://a.example/{number}" for number in range(count))
        with CaptureQueriesContext(connection) as sent:
            preview = preview_of(imported(editor, text))
        with CaptureQueriesContext(connection) as shown:
            editor.get(f"/w/acme/previews/{preview.token}/")
        return len(sent), len(shown)

    assert cost(1) == cost(3) == cost(200)


def test_a_key_never_reaches_the_preview_or_a_page(acme: Workspace, editor: Client) -> None:
    text = HEADER + f"A,1,https://a.example/1\n{KEY},2,https://a.example/2\nC,{KEY},https://a.example/3"
    preview = preview_of(imported(editor, text))
    assert KEY not in str(preview.content)
    assert KEY not in editor.get(f"/w/acme/previews/{preview.token}/").content.decode()
    assert groups(editor, preview) == {"invalid": 2, "new": 1}
