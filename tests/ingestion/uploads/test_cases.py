"""Files as people bring them (tests/files), by upload, by paste and by command: what each comes to."""

import csv
import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion.models import Run
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.ingestion.uploads.bringing import WAYS, bring
from tests.support import people
from tests.support.previews import contents
from tests.support.register import PAGE, ROW, errors, imported, known, preview_of, text_of

FILES = Path(__file__).parents[2] / "files"
ARTICLE = "https://acme.zendesk.com/hc/en-us/articles/74001"


@pytest.fixture
def acme(db: None) -> Workspace:
    return people.workspace()


# File, provider, the external IDs that come in, and what is said.
CASES: list[tuple[str, str, list[str], list[str]]] = [
    ("nested_confluence.json", "confluence", ["1", "2", "3"], []),
    ("nested_phantom_notion.json", "notion", ["a" * 32, "b" * 32], []),
    ("nested_one_of_three_noobject.json", "zendesk", ["36001", "36002", "36003"], []),
    ("nested_jsonl.jsonl", "notion", ["a" * 32, "b" * 32], []),
    ("e2e_plain.csv", "zendesk", ["74001"], []),
    ("e2e_zwsp.csv", "zendesk", ["74001"], []),
    ("e2e_bidi.csv", "zendesk", ["74001"], []),
    ("e2e_eq.csv", "zendesk", ["74001"], ['External IDs were read: “="74001"” in line 2 as 74001.']),
    ("e2e_float.csv", "zendesk", ["74001"], ["“74001.0” in line 2 as 74001"]),
    ("e2e_thousands.csv", "zendesk", ["74001"], ["“74,001” in line 2 as 74001"]),
    ("e2e_apos.csv", "zendesk", ["74001"], ["“'74001” in line 2 as 74001"]),
    ("zwsp_urlfront.csv", "zendesk", ["36001"], []),
    ("sep.csv", "zendesk", ["36001"], []),
    ("pipe.csv", "zendesk", ["36001"], []),
    ("utf16bom.csv", "zendesk", ["36001"], []),
    ("semicolon_cp1252.csv", "zendesk", ["76001"], ["Read as Windows-1252", "“Rückgabe”"]),
    (
        "list.xlsx",
        "zendesk",
        ["360012345671", "360012345672", "360012345673"],
        ["Only the first sheet, “Articles”, was read. Left out: “Notes”."],
    ),
    (
        "one_bad_quote_of_three.csv",
        "zendesk",
        ["74101", "74103"],
        ["line 3: a value in quotes goes on behind its closing", '"Who is" the owner?,74102'],
    ),
    (
        "json_comment.json",
        "zendesk",
        [],
        ["not JSON: line 1, character 1: a comment stands there", "take it out", "// made by tool"],
    ),
    (
        "json_trailing.json",
        "zendesk",
        [],
        ["not JSON: line 1, character 102: the comma before ] is one too many: take it out"],
    ),
    ("json_numeric_title.json", "zendesk", [], ["title is a number (404), not a text: write it in quotes"]),
    ("excel_sci.csv", "zendesk", [], ["externalId is a number that a spreadsheet shortened", "3.60012E+11"]),
    ("odd_title.json", "zendesk", ["79001"], []),
    ("formula_titles.json", "zendesk", [f"7100{n}" for n in range(1, 7)], []),
    ("pdf_resource.json", "confluence", ["555"], []),
    ("notion_dash_dup.csv", "notion", ["0123456789abcdef0123456789abcdef"], []),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "provider", "ids", "words"), CASES, ids=[case[0] for case in CASES])
def test_each_file_comes_to_what_it_means(
    way: str, name: str, provider: str, ids: list[str], words: list[str], editor: Client, tmp_path: Any
) -> None:
    content = (FILES / name).read_bytes()
    if way == "paste" and name in ("list.xlsx", "utf16bom.csv", "semicolon_cp1252.csv"):
        content = as_pasted(name, content)
        words = []
    found = bring(way, editor, content, provider, tmp_path)
    assert found.ids == ids
    said = " ".join(found.said.split()).replace("&quot;", '"')
    assert [word for word in words if word not in said] == []
    if ids and not words:
        assert (said == "") == (name != "notion_dash_dup.csv")


def as_pasted(name: str, content: bytes) -> bytes:
    """What stands in the clipboard: text, and of a sheet its cells between tabs."""
    if name == "list.xlsx":
        rows = [f"T\thttps://acme.zendesk.com/{n}\t36001234567{n}" for n in (1, 2, 3)]
        return "\n".join(["Title\toriginalUrl\texternalId", *rows]).encode()
    return content.decode("utf-16" if name.startswith("utf16") else "cp1252").encode()


def test_every_file_is_a_case() -> None:
    elsewhere = {  # of discovery, and those that need a source
        "discover_one_without_id.json",
        "discover_zd_float_ids.json",
        "discover_zd_same_id_two_locales.json",
        "own_export_pdf.jsonl",
    }
    assert {path.name for path in FILES.iterdir()} == {case[0] for case in CASES} | elsewhere


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spelling", ["zwsp", "bidi", "eq", "float", "thousands", "apos"])
def test_one_article_is_one_source_however_its_id_is_written(
    way: str, spelling: str, acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    source = known(acme, 74001, "Returns")
    Source.objects.filter(pk=source.pk).update(original_url=ARTICLE)
    found = bring(way, editor, (FILES / f"e2e_{spelling}.csv").read_bytes(), "zendesk", tmp_path)
    assert found.ids == [source.external_id]


HEADER = "originalUrl,title,externalId\n"


@pytest.mark.parametrize("way", WAYS)
def test_the_address_of_another_source_makes_a_bad_line_with_the_twin_named(
    way: str, acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    known(acme, 1, "Returns")
    text = HEADER + "http://A.example/1/?utm_source=x#top,Returns,other-1\nhttps://a.example/2,Two,2"
    found = bring(way, editor, text.encode(), "zendesk", tmp_path)
    assert found.ids == ["2"]
    assert "its address is that of the source “Returns” (Zendesk, 1, Registered)" in found.said


@pytest.mark.parametrize("way", WAYS)
def test_the_address_of_another_line_makes_a_bad_line(way: str, editor: Client, tmp_path: Any) -> None:
    text = HEADER + "https://a.example/2,Two,2\nhttps://a.example/2,Two,two"
    found = bring(way, editor, text.encode(), "zendesk", tmp_path)
    assert found.ids == ["2"]
    assert "its address is that of line 2 (external ID 2)" in found.said


def test_the_command_stops_at_a_twin_and_names_its_line(
    acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    known(acme, 1, "Returns")
    text = (HEADER + "https://a.example/1,Returns,9").encode()
    found = bring("command", editor, text, "zendesk", tmp_path, skip_invalid=False)
    assert found.resources == []
    assert found.said == (
        "line 2: its address is that of the source “Returns” (Zendesk, 1, Registered): take it out, or let it in with"
        " --allow-same-address (it reads: https://a.example/1,Returns,9)"
    )
    found = bring("command", editor, text, "zendesk", tmp_path, skip_invalid=False, allow_same_address=True)
    assert found.ids == ["9"]


def test_a_known_source_keeps_its_address_although_another_has_it_too(
    acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    known(acme, 1, "Returns")
    twin = known(acme, 2, "Returns")
    Source.objects.filter(pk=twin.pk).update(original_url="https://a.example/1")
    twin.refresh_from_db()
    twin.save()
    text = HEADER + "https://a.example/1,New title,1\nhttps://a.example/1,New title,2"
    assert bring("command", editor, text.encode(), "zendesk", tmp_path, skip_invalid=False).ids == ["1", "2"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["0123456789abcdef0123456789abcdef", "01234567-89AB-CDEF-0123-456789ABCDEF"])
def test_a_notion_page_is_sent_by_the_id_that_is_known_of_it(
    way: str, form: str, acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    source = known(acme, 1, "T")
    source.provider, source.external_id = "notion", form
    source.save()
    found = bring(way, editor, (FILES / "notion_dash_dup.csv").read_bytes(), "notion", tmp_path)
    assert found.ids == [form]


@pytest.mark.parametrize("way", WAYS)
def test_a_line_without_a_type_leaves_that_of_a_known_source_alone(
    way: str, acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    source = known(acme, 555, "Price list")
    source.provider, source.mime_type, source.kind = "confluence", "application/pdf", "attachment"
    source.original_url = "https://acme.atlassian.net/wiki/spaces/E/pages/555/Price+list"
    source.save()
    found = bring(way, editor, (FILES / "own_export_pdf.jsonl").read_bytes(), "confluence", tmp_path)
    assert [(one["mimeType"], one.get("object", "")) for one in found.resources] == [
        ("application/pdf", "attachment")
    ]
    new = HEADER + "https://acme.atlassian.net/wiki/spaces/E/pages/6/New,New,6"
    found = bring(way, editor, new.encode(), "confluence", tmp_path)
    assert [(one["mimeType"], one.get("object", "")) for one in found.resources] == [("text/html", "")]


@pytest.mark.parametrize("way", WAYS)
def test_an_id_that_a_source_has_just_so_is_left_as_it_is(
    way: str, acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    for number, written in enumerate(["74,001", "74000.0", "3.6E+11", "=x"]):
        source = known(acme, number, "T")
        source.external_id = written
        source.save()
    rows = [
        {"originalUrl": f"https://a.example/{n}", "title": "T", "externalId": written}
        for n, written in enumerate(["74,001", "74000.0", "3.6E+11", "=x"])
    ]
    found = bring(way, editor, json.dumps(rows).encode(), "zendesk", tmp_path)
    assert (found.ids, found.said) == (["74,001", "74000.0", "3.6E+11", "=x"], "")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_to_be_checked_is_said_whichever_way_a_list_comes_in(
    way: str, editor: Client, tmp_path: Any
) -> None:
    text = (
        HEADER + "https://acme.atlassian.net/wiki/spaces/HR/pages/1,R\ufffdckgabe,1\nhttps://a.example/2,T,2"
    )
    found = bring(way, editor, text.encode(), "zendesk", tmp_path)
    assert found.ids == ["1", "2"]
    assert " ".join(found.said.split()) == (
        "Titles that hold \ufffd in place of a character that was lost: 1."
        " Addresses that look like Confluence, not Zendesk: 1 of 2."
    )


def test_a_space_of_confluence_is_no_page_and_is_said(editor: Client, tmp_path: Any) -> None:
    page = {"externalId": "7", "title": "Leave", "originalUrl": "https://a.example/7"}
    space = {"externalId": "HR", "title": "People", "originalUrl": "https://a.example/HR", "pages": [page]}
    found = bring("command", editor, json.dumps([space]).encode(), "confluence", tmp_path)
    assert (found.ids, found.said) == (["7"], "Left out because they only hold others (space): 1.\n")


def test_the_sources_page_csv_comes_back_without_an_apostrophe_more(
    acme: Workspace, editor: Client, tmp_path: Any
) -> None:
    titles = [one["title"] for one in json.loads((FILES / "formula_titles.json").read_text())]
    for number, title in enumerate([*titles, "'=1", "''-2", " =3", "\u200bx\u00a0"]):
        known(acme, number, title)
    answer: Any = editor.get("/w/acme/sources/?export=csv")
    content = b"".join(answer.streaming_content)
    assert b"'=SUM explained" in content
    for way in WAYS:
        found = bring(way, editor, content, "zendesk", tmp_path)
        assert {one["externalId"]: one["title"] for one in found.resources} == {
            str(number): title
            for number, title in enumerate([*titles, "'=1", "''-2", " =3", "\u200bx\u00a0"])
        }


@pytest.mark.parametrize("spelling", ["plain", "zwsp", "bidi", "eq", "float", "thousands", "apos"])
def test_what_is_typed_into_the_form_is_read_like_a_line(
    spelling: str, acme: Workspace, editor: Client
) -> None:
    (line,) = csv.DictReader((FILES / f"e2e_{spelling}.csv").read_text().splitlines())
    typed = {
        "1-original_url": f"\u200b{line['originalUrl']}",
        "1-title": f"{line['title']}\u200b",
        "1-external_id": line["externalId"],
    }
    preview = preview_of(editor.post(PAGE, ROW | typed))
    assert contents(preview)["resources"] == [
        {
            "externalId": "74001",
            "title": "Returns",
            "originalUrl": ARTICLE,
            "mimeType": "text/html",
        }
    ]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("3.60012E+11", "External ID is a number that a spreadsheet shortened"),
        ("74,000", "External ID may be 74 or 74000"),
        ("=A1", "External ID is a spreadsheet's formula"),
    ],
)
def test_an_id_in_the_form_that_cannot_be_told_is_named_beside_it(
    typed: str, said: str, editor: Client
) -> None:
    answer = editor.post(PAGE, ROW | {"1-original_url": "https://a.example/x", "1-external_id": typed})
    assert answer.status_code == 422
    assert [error[: len(said)] for error in map(unescape, errors(answer))] == [said]
    assert f'value="{typed}"' in answer.content.decode()


def test_a_twin_in_the_form_is_left_out_until_it_is_ticked(acme: Workspace, editor: Client) -> None:
    known(acme, 1, "Returns")
    typed = {"1-original_url": "https://a.example/1", "1-title": "Again", "1-external_id": "9"}
    address = editor.post(PAGE, ROW | typed).headers["Location"]
    page = editor.get(address)
    assert "Its address is that of the source “Returns” (Zendesk, 1, Registered)." in text_of(page)
    assert [button.text for button in page.context["buttons"]] == ["Register 0"]
    refused = editor.post(address, {"do": "register"})
    assert (refused.status_code, "There is nothing to register" in text_of(refused)) == (422, True)
    editor.post(address, {"do": "register", "let": "0"})
    assert [item.external_id for item in Run.objects.get().items.all()] == ["9"]


def test_all_twins_are_let_in_at_once_and_what_is_no_twin_stays_out_of_it(
    acme: Workspace, editor: Client
) -> None:
    known(acme, 1, "Returns")
    lines = ["https://a.example/1,T,8", "https://a.example/1/,T,9", "https://a.example/5,T,5"]
    preview = preview_of(imported(editor, HEADER + "\n".join(lines)))
    editor.post(
        f"/w/acme/previews/{preview.token}/",
        {"do": "register", "let_all": "twin", "left": "2", "let": "2,99"},
    )
    assert [item.external_id for item in Run.objects.get().items.order_by("position")] == ["8", "9"]
