"""Resources from a file: every bad line is named, nothing is guessed silently."""

import codecs
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.ingestion.decoding import Unreadable, decode
from fini_admin.ingestion.reading import read, read_text

GOOD = {"originalUrl": "https://a.example/1", "title": "One", "externalId": "1", "mimeType": "text/markdown"}
HEADER = "title,externalId,originalUrl\n"


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
    assert (resources[0].title, resources[0].mime_type) == ("One", "text/html")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_csv_is_read_whatever_separates_its_values_and_lines(between: str, end: str) -> None:
    header = between.join(["URL", "Title", "External ID", "MIME type", "extra"])
    line = between.join(["https://a.example/1", '"One, two; three"', "7", "", "x" * 200_000])
    resources, problems = read(end.join(["", header, "", line, between * 4, ""]).encode(), "notion")
    assert problems == {}
    assert [(item.title, item.external_id, item.mime_type) for item in resources] == [
        ("One, two; three", "7", "text/markdown")
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
        ({"title": " \u00a0\t"}, "title is missing"),
        ({"title": None, "externalId": ""}, "externalId is missing; title is missing"),
        ({"originalUrl": "ftp://a.example"}, "originalUrl is not an http(s) address"),
        ({"originalUrl": "javascript:alert(1)"}, "originalUrl is not an http(s) address"),
        ({"mimeType": "markdown"}, "mimeType is not a type like text/html"),
        ({"mimeType": "téxt/html"}, "mimeType is not a type like text/html"),
        ({"mimeType": "text/html; drop table"}, "mimeType is not a type like text/html"),
        ({"title": ["One"]}, "title is not a text"),
        ({"externalId": True}, "externalId is not a text"),
        ({"externalId": 1.5}, "externalId is not a text"),
        ({"title": "fini_abcdefghijklmnop1234"}, "title holds what looks like an API key"),
        ({"object": "fini_abcdefghijklmnop1234"}, "object holds what looks like an API key"),
        ({"title": "a\x00b"}, "title holds a NUL character"),
        (
            {"externalId": "2\ud800"},
            "externalId holds half of a character, which UTF-8 cannot write",
        ),
        ({"externalId": "x" * 301}, "externalId is longer than 300 characters"),
        (
            {"externalId": "3.60013E+11"},
            "externalId is a number that a spreadsheet shortened: make its column text and export it again",
        ),
        ({"externalId": "1"}, "externalId stands in line 1 already"),
        ({"source": "zendesk"}, "its source is zendesk, not notion"),
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
    assert (found.unit, found.lines, found.problems, found.duplicates) == (
        "line",
        [2],
        {5: "title is missing"},
        {6: 2},
    )
    assert found.resources[0].title == "Two\nlines"


def test_a_line_with_more_values_than_columns_is_named() -> None:
    found = read_text(as_csv("A,1,https://a.example/1,,", "B,2,https://a.example/2,more"), "notion")
    assert (found.lines, found.problems) == ([2], {3: "it has more values than the header has columns"})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"[{", "not JSON"),
        (b"[]", "names no resource"),
        (HEADER.encode(), "names no resource"),
        (b'{"items": []}', "neither a list"),
        (b'{"externalId": "1"}\n{"exter', "not JSON: line 2"),
        ((HEADER + "\nÄ,1").encode("latin-1"), "not UTF-8 text: line 3, byte 31. Save the file as UTF-8"),
        (b"title,externalId\nOne,1", "no column originalUrl. The first line must name the columns"),
        (b"title,Title,externalId,originalUrl\n", "names title twice"),
        (b'title,externalId,originalUrl\nA,1,"https://a.example', "not CSV: the line that begins in line 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"children": ' * 50 + b"1" + b"}]" * 50, "no object"),
        (b"9" * 6000, "no column"),
        (b"[" + b"9" * 6000 + b"]", "not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read(content, "notion")


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_what_a_spreadsheet_calls_unicode_text_is_read_exactly(mark: bytes) -> None:
    encoding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    text = HEADER.replace(",", "\t") + "Ärger\t1\thttps://a.example/1"
    resources, problems = read(mark + text.encode(encoding), "notion")
    assert (resources[0].title, problems) == ("Ärger", {})


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_windows_text_is_read_only_where_someone_looks_and_is_told(encoding: str) -> None:
    content = as_csv("Café für Grüße,1,https://a.example/1").encode(encoding)
    found = decode(content, guess=True)
    assert found.guessed == ("Café", "für", "Grüße")
    assert read_text(found.text, "notion").resources[0].title == "Café für Grüße"
    with pytest.raises(Unreadable, match="not UTF-8"):
        decode(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Ärger\nÖl".encode() + b"\xc4", "not UTF-8 text: line 2"),
        (b"A\n\xc4\x81\x20\xff", "not UTF-8 text: line 2"),
        (b"A\n\n\x81", "neither UTF-8 nor Windows-1252 text: the first such line is 3"),
        (codecs.BOM_UTF16_LE + b"a", "not UTF-8 text"),
    ],
)
def test_damaged_text_is_refused_rather_than_spoilt(content: bytes, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        decode(content, guess=True)


def test_no_key_stands_in_what_is_said_of_a_guessed_encoding() -> None:
    assert "abcdef" not in str(decode("fini_abcdefghijklmnopé".encode("cp1252"), guess=True).guessed)


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
    for start in (HEADER.encode(), b""):
        try:
            read_text(decode(start + content, guess=True).text, "zendesk")
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
            read_text(decode(bytes(spoilt), guess=True).text, "notion")
        except Unreadable:
            continue
