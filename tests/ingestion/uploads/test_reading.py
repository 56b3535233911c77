"""Resources from a file: every bad line is named, nothing is guessed silently."""

import codecs
import csv
import io
import json
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.fini.routes import Resource
from fini_admin.ingestion.uploads.decoding import decode
from fini_admin.ingestion.uploads.reading import read_bytes, read_text
from fini_admin.ingestion.uploads.rows import Unreadable
from tests.support.spellings import NUMBERS, spellings

GOOD = {"originalUrl": "https://a.example/1", "title": "One", "externalId": "1", "mimeType": "text/markdown"}
HEADER = "title,externalId,originalUrl\n"


def read(content: bytes, provider: str) -> tuple[list[Resource], dict[int, str]]:
    """The resources, and what is said of each line that is left out."""
    found = read_bytes(content, provider)
    return found.resources, {line: said for line, said, _ in [*found.problems, *found.said_of_duplicates()]}


def as_json(*rows: object) -> bytes:
    return json.dumps(list(rows)).encode()


def as_csv(*lines: str) -> str:
    return HEADER + "\n".join(lines)


def test_a_list_the_register_calls_body_and_an_object_a_line_read_the_same() -> None:
    one, two = GOOD, GOOD | {"externalId": 2}
    expected = read(as_json(one, two), "notion")
    assert [resource.external_id for resource in expected[0]] == ["1", "2"]
    assert read(json.dumps({"resources": [one, two]}).encode(), "notion") == expected
    assert read(f"{json.dumps(one)}\n\n{json.dumps(two)}\n".encode(), "notion") == expected
    assert read(json.dumps(one).encode(), "notion")[0] == expected[0][:1]


def test_a_csv_with_bom_and_semicolons_is_read() -> None:
    text = "\ufefftitle;externalId;originalUrl\nOne;1;https://a.example/1\n"
    resources, problems = read(text.encode(), "zendesk")
    assert problems == {}
    assert (resources[0].title, resources[0].mime_type) == ("One", "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("between", [",", ";", "\t", "|"])
def test_a_csv_is_read_whatever_separates_its_values_and_lines(between: str, end: str) -> None:
    header = between.join(["URL", "Title", "External ID", "MIME type", "extra"])
    line = between.join(["https://a.example/1", '"One, two; three"', "7", "", "x" * 200_000])
    resources, problems = read(end.join(["", header, "", line, between * 4, ""]).encode(), "notion")
    assert problems == {}
    assert [(item.title, item.external_id, item.mime_type) for item in resources] == [
        ("One, two; three", "7", "")
    ]


def test_discoverys_tree_is_flattened() -> None:
    page = {"externalId": "7", "title": "Leave", "originalUrl": "https://a.example/7"}
    tree = as_json({"externalId": "HR", "title": "People", "pages": [page]})
    resources, problems = read(tree, "confluence")
    assert ([resource.external_id for resource in resources], problems) == (["7"], {})


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"title": ""}, "title is missing"),
        ({"title": " \u00a0\t\u200b"}, "title is missing"),
        ({"title": None, "externalId": ""}, "externalId is missing; title is missing"),
        (
            {"originalUrl": "ftp://a.example"},
            "originalUrl is not an http(s) address: write it in full, starting with https://",
        ),
        (
            {"originalUrl": "javascript:alert(1)"},
            "originalUrl is not an http(s) address: write it in full, starting with https://",
        ),
        ({"originalUrl": "https://a.example/a b"}, "originalUrl holds white space: write it as %20"),
        (
            {"originalUrl": "https://a.example/a\u200bb"},
            "originalUrl holds a character that cannot be seen: type or copy the address again",
        ),
        (
            {"originalUrl": "https://a.example/" + "x" * 8000},
            "originalUrl is longer than 8,000 characters: it has 8,018, shorten it",
        ),
        ({"mimeType": "markdown"}, "mimeType is not a type like text/html"),
        ({"mimeType": "téxt/html"}, "mimeType is not a type like text/html"),
        ({"mimeType": "text/html; drop table"}, "mimeType is not a type like text/html"),
        ({"title": ["One"]}, "title is a list, not a text"),
        ({"title": 404}, "title is a number (404), not a text: write it in quotes"),
        ({"title": "x" * 2501}, "title is longer than 2,500 characters: it has 2,501, shorten it"),
        ({"externalId": True}, "externalId is true, not a text"),
        (
            {"externalId": 1.5},
            "externalId is a number with a fraction, and an ID has none: write the ID in quotes",
        ),
        ({"externalId": 2**60}, "externalId is a number too long to be exact: write the ID in quotes"),
        (
            {"title": "fini_abcdefghijklmnop1234"},
            "title holds what looks like an API key: take it out, and revoke that key in Fini",
        ),
        (
            {"object": "fini_abcdefghijklmnop1234"},
            "object holds what looks like an API key: take it out, and revoke that key in Fini",
        ),
        ({"title": "a\x00b"}, "title holds a NUL character: take it out"),
        (
            {"title": "About [key removed]"},
            "title holds “[key removed]”, which stands where a key was taken out: write something else in its place",
        ),
        (
            {"externalId": "2\ud800"},
            "externalId holds a damaged character, which is no UTF-8: type it again",
        ),
        ({"externalId": "x" * 513}, "externalId is longer than 512 characters: it has 513, shorten it"),
        (
            {"externalId": "3.60013E+11"},
            "externalId is a number that a spreadsheet shortened: make its column text and export it again",
        ),
        ({"externalId": "1"}, "its externalId stands in item 1 already: take one of them out"),
        ({"source": "zendesk"}, "its source is zendesk, not notion: register it there"),
    ],
)
def test_a_bad_line_is_named_with_its_number(changed: dict[str, object], problem: str) -> None:
    resources, problems = read(as_json(GOOD, GOOD | {"externalId": "2"} | changed), "notion")
    assert len(resources) == 1
    assert problems == {2: problem}


def test_markup_and_quotes_are_text_like_any_other() -> None:
    title = '<b>A & "B"</b> \'); DROP TABLE'
    resources, problems = read(as_json(GOOD | {"title": title, "externalId": "<script>"}), "notion")
    assert (resources[0].title, resources[0].external_id, problems) == (title, "<script>", {})


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = as_csv(
        '"Two\nlines",1,https://a.example/1', "", ",2,https://a.example/2", "A,1,https://a.example/3"
    )
    found = read_text(text, "notion")
    assert (found.unit, found.lines) == ("line", [2])
    assert found.problems == [(5, "title is missing", ",2,https://a.example/2")]
    assert found.duplicates == [(6, 2, "A,1,https://a.example/3")]
    assert found.resources[0].title == "Two\nlines"


def test_a_line_with_more_values_than_columns_is_named() -> None:
    found = read_text(as_csv("A,1,https://a.example/1,,", "B,2,https://a.example/2,more"), "notion")
    assert found.lines == [2]
    assert found.problems == [
        (
            3,
            "it has 4 values and the header 3 columns: put a value that holds a , in quotes",
            "B,2,https://a.example/2,more",
        )
    ]


def test_a_bad_line_of_any_format_leaves_the_others_alone() -> None:
    line = json.dumps(GOOD)
    for text in (
        as_csv("A,1,https://a.example/1", '"B" or C,2,https://a.example/2', "D,3,https://a.example/3"),
        as_csv("A,1,https://a.example/1", '"B,2,https://a.example/2', "D,3,https://a.example/3"),
    ):
        found = read_text(text, "notion")
        assert ([one.title for one in found.resources], [bad.line for bad in found.problems]) == (
            ["A", "D"],
            [3],
        )
    found = read_text(f'{line}\n{{"exter\n{line.replace(chr(34) + "1" + chr(34), "2")}', "notion")
    assert ([one.external_id for one in found.resources], [bad.line for bad in found.problems]) == (
        ["1", "2"],
        [2],
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"[{", "not JSON: line 1, character 3: it ends in the middle"),
        (b"[]", "names no resource"),
        (HEADER.encode(), "names no resource"),
        (b"sep=;", "names a separator and nothing else"),
        (b'{"items": []}', "names no resource"),
        (b'{"items": 5}', "holds no resources"),
        (b"[1, 2]", "holds no resources, but 1"),
        (
            b"title,externalId\nOne,1",
            "no column originalUrl: it is “title,externalId”. The first line must name",
        ),
        (b"title,Title,externalId,originalUrl\n", "names title twice: it is “title,Title"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 6000, "no column"),
        (b"[" + b"9" * 6000 + b"]", "number that is too long"),
        (b"[{'title': 1}]", "single quotes"),
        ("[{“title”: 1}]".encode(), "typographic quotes"),
        (b'[{"a": 1} {"b": 2}]', "a comma or a closing bracket is missing"),
        (b'[{"a": "1\n"}]', "a line break or tab stands inside a text"),
        (b'[{"a": True}]', "a value is missing or is none that JSON has"),
        (b"%PDF-1.7 x", "it is a PDF. What can be read is CSV, JSON, JSON Lines and Excel workbooks"),
        (b"\x1f\x8b\x08", "it is a compressed file .gzip.. Unpack it"),
        (b"PK\x03\x04 broken", "it is a compressed file .zip."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "older Office .*Save it as an Excel workbook"),
        (b"\x89PNG\r\n", "it is a picture"),
        (b"<!DOCTYPE html><title>Log in", "it is a web page"),
        (b"\n  <html>", "it is a web page"),
        (b'<?xml version="1.0"?><rss>', "it is XML"),
        ("\ufeff<html>".encode("utf-16-le"), "it is a web page"),
        (codecs.BOM_UTF32_LE + "a".encode("utf-32-le"), "UTF-32"),
        (bytes(range(200, 256)) + b"\x00", "neither text nor an Excel workbook"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read(content, "notion")


def test_a_tree_that_is_too_deep_is_a_bad_item() -> None:
    problems = read(b'[{"children": ' * 50 + b"1" + b"}]" * 50, "notion")[1]
    assert "it stands in more than 32 levels: give a list of records" in problems.values()


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_what_a_spreadsheet_calls_unicode_text_is_read_exactly(mark: bytes) -> None:
    encoding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    text = HEADER.replace(",", "\t") + "Ärger\t1\thttps://a.example/1"
    resources, problems = read(mark + text.encode(encoding), "notion")
    assert (resources[0].title, problems) == ("Ärger", {})


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_known_by_its_first_line(encoding: str) -> None:
    resources, problems = read(as_csv("Ärger дом,1,https://a.example/1").encode(encoding), "notion")
    assert (resources[0].title, problems) == ("Ärger дом", {})


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_windows_text_is_read_and_said_with_words_to_check(encoding: str) -> None:
    content = as_csv("Café für Grüße éé,1,https://a.example/1").encode(encoding)
    assert decode(content).guessed == ("Café", "für", "Grüße", "éé")
    found = read_bytes(content, "notion")
    assert found.resources[0].title == "Café für Grüße éé"
    assert found.notes == [
        "Read as Windows-1252, for it is not UTF-8: check the accents. It holds “Café”, “für”, “Grüße”, “éé”."
    ]


@pytest.mark.parametrize("title", ["„Viel Spaß“", "“CAFÉ”", "«\u00a0SÉCURITÉ\u00a0»", "MENÜ–KARTE"])
def test_windows_text_with_a_quote_behind_a_capital_letter_is_no_damaged_utf_8(title: str) -> None:
    found = read_bytes(
        as_csv(f"{title},1,https://a.example/1", "Für,2,https://a.example/2").encode("cp1252"), "notion"
    )
    assert [one.title for one in found.resources] == [title, "Für"]
    assert found.notes[0].startswith("Read as Windows-1252")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"A\n\n\x81", "neither UTF-8 nor Windows-1252 text: the first such line is 3"),
        (codecs.BOM_UTF16_LE + b"a", "not UTF-16 text"),
    ],
)
def test_damaged_text_is_refused_rather_than_spoilt(content: bytes, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        decode(content)


def test_a_damaged_line_of_utf_8_is_a_bad_line_and_the_others_come_in() -> None:
    lines = as_csv("Rückgabe,1,https://a.example/1", "R?ck,2,https://a.example/2", "T,3,https://a.example/3")
    found = read_bytes(lines.encode().replace(b"?", b"\xfc"), "notion")
    assert [one.external_id for one in found.resources] == ["1", "3"]
    ((line, said, _),) = found.problems
    assert (line, said) == (3, "title holds a damaged character, which is no UTF-8: type it again")


def test_ten_thousand_lines_are_taken_and_one_more_is_not() -> None:
    lines = [f"Page {n},{n},https://a.example/{n}" for n in range(10_001)]
    assert len(read_text(as_csv(*lines[:-1]), "notion", most=10_000).resources) == 10_000
    with pytest.raises(Unreadable, match="more than 10,000 lines: cut it into parts"):
        read_text(as_csv(*lines), "notion", most=10_000)
    items = [GOOD | {"externalId": n} for n in range(10_001)]
    assert len(read_text(json.dumps(items[:-1]), "notion", most=10_000).resources) == 10_000
    with pytest.raises(Unreadable, match="more than 10,000 items"):
        read_text(json.dumps(items), "notion", most=10_000)


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    for start in (HEADER, "", "[", "{"):
        try:
            found = read_text(start + text, "zendesk")
        except Unreadable:
            continue
        assert len(found.lines) == len(found.resources)


@given(st.binary())
def test_no_bytes_are_too_strange(content: bytes) -> None:
    for start in (HEADER.encode(), b"", b"PK\x03\x04"):
        try:
            read_bytes(start + content, "zendesk")
        except Unreadable:
            continue


def test_a_spoilt_json_file_never_raises_anything_else() -> None:
    dice = random.Random(7)
    whole = as_json(*[GOOD | {"externalId": n, "pages": []} for n in range(5)])
    for _ in range(500):
        spoilt = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        try:
            read_bytes(bytes(spoilt), "notion")
        except Unreadable:
            continue


@given(st.sampled_from(NUMBERS), st.data())
def test_two_lines_of_one_article_are_one_source_or_one_of_them_is_named(
    digits: str, data: st.DataObject
) -> None:
    pair = [data.draw(st.sampled_from(spellings(digits))) for _ in range(2)]
    rows = [
        GOOD | {"externalId": written, "originalUrl": f"https://a.example/x{n}"}
        for n, written in enumerate(pair)
    ]
    for text in (json.dumps(rows), "\n".join(map(json.dumps, rows)), as_lines(rows)):
        found = read_text(text, "zendesk")
        assert {one.external_id for one in found.resources} <= {digits}
        assert len(found.resources) + len(found.problems) + len(found.duplicates) == 2


def as_lines(rows: list[dict[str, str]]) -> str:
    """The same as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(GOOD))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "\n" * 100_000,
        "\n" * 100_000 + HEADER,
        json.dumps(GOOD) + "\r\n" * 100_000,
        HEADER + ",,\n" * 50_000,
    ],
)
def test_empty_lines_are_passed_over_together(text: str) -> None:
    """Work is counted in calls of Python functions, which do not grow with the empty lines."""
    calls = 0

    def count(frame: object, event: str, held: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        found = read_text(
            text + json.dumps(GOOD) if text.startswith("{") else text + "A,1,https://a.example/1", "notion"
        )
    finally:
        sys.setprofile(None)
    assert found.resources
    assert calls < 2_000


def test_the_id_in_an_articles_address_decides_between_two_readings_of_a_line() -> None:
    found = read_text(as_csv('T,"74,000",https://acme.zendesk.com/hc/en-us/articles/74000-T'), "zendesk")
    assert [one.external_id for one in found.resources] == ["74000"]
    found = read_text(as_csv('T,"74,000",https://acme.example/v74/74000'), "zendesk")
    assert found.problems[0].said.startswith("externalId may be 74 or 74000")
