"""Excel workbooks: what a person typed comes in, what Excel made of it is named, and none of them costs too much."""

import io
import re
import zipfile
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest

from fini_admin.ingestion.uploads import workbook
from fini_admin.ingestion.uploads.reading import Reading, read_bytes
from fini_admin.ingestion.uploads.rows import Unreadable
from tests.support.cpu import at_most

HEADER = ["externalId", "Title", "URL"]


def book(*rows: list[Any], sheets: tuple[str, ...] = ("List",)) -> bytes:
    """A workbook whose first sheet has these rows."""
    made = openpyxl.Workbook()
    made.worksheets[0].title = sheets[0]
    for row in rows:
        made.worksheets[0].append(row)
    for name in sheets[1:]:
        made.create_sheet(name).append(["not for import"])
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


def read(*rows: list[Any], **options: Any) -> Reading:
    return read_bytes(book(HEADER, *rows), "zendesk", **options)


def address(number: int) -> str:
    return f"https://a.example/{number}"


def test_what_was_typed_comes_in_whatever_kind_excel_gave_the_cell() -> None:
    found = read([360012345671, 404, address(1)], [7.0, "Seven", address(7)], ["n-1", 4.5, address(3)])
    assert [(one.external_id, one.title) for one in found.resources] == [
        ("360012345671", "404"),
        ("7", "Seven"),
        ("n-1", "4.5"),
    ]
    assert (found.unit, found.lines, found.problems) == ("row", [2, 3, 4], [])


def test_empty_rows_and_columns_are_passed_over_and_the_header_may_come_late() -> None:
    content = book(
        [None],
        [None, *HEADER],
        [],
        [None, "1", "One", address(1)],
        [None, None, ""],
        [None, "2", "T", address(2)],
    )
    found = read_bytes(content, "zendesk")
    assert ([one.external_id for one in found.resources], found.lines) == (["1", "2"], [4, 6])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([3.60012345678901e17, "T", address(1)], "externalId is a number too long to be exact"),
        ([360012345678901000, "T", address(1)], "externalId is a number too long to be exact"),
        ([1.5, "T", address(1)], "externalId is a number with a fraction"),
        (
            ["1", date(2026, 1, 2), address(1)],
            "title is a date or time to Excel: make the column text and type it again",
        ),
        (["1", timedelta(hours=30), address(1)], "title is a date or time to Excel: make the column text"),
        (["1", "#SPILL!", address(1)], "title is Excel's error #SPILL!: mend the formula"),
        (["1", "#N/A", address(1)], "title is Excel's error #N/A: mend the formula"),
        (["1", True, address(1)], "title is true, not a text"),
        (["1", None, address(1)], "title is missing"),
        (["1", "T", address(1), "more"], "it has a value in a column that the header does not name"),
    ],
)
def test_what_excel_spoilt_is_a_bad_row_and_the_others_come_in(row: list[Any], said: str) -> None:
    found = read(row, ["9", "Good", address(9)])
    assert [one.external_id for one in found.resources] == ["9"]
    ((line, words, text),) = found.problems
    assert (line, words[: len(said)]) == (2, said)
    assert address(1) in text


def test_a_formula_counts_as_what_it_came_to_and_one_without_a_value_is_missing() -> None:
    found = read(["1", '=UPPER("x")', address(1)], ["2", "Good", address(2)])
    assert (len(found.resources), found.problems[0][:2]) == (1, (2, "title is missing"))


def test_the_other_sheets_are_named() -> None:
    content = book(HEADER, ["1", "One", address(1)], sheets=("List", "Old", *(f"S{n}" for n in range(9))))
    assert read_bytes(content, "zendesk").notes == [
        "Only the first sheet, “List”, was read. Left out: “Old”, “S0”, “S1”, “S2”, “S3” and 5 more."
    ]


def test_a_key_in_a_sheets_name_or_a_cell_is_not_shown() -> None:
    key = "fini_abcdefghijklmnopqrstuvwxyz"
    notes = read_bytes(book(HEADER, ["1", "One", address(1)], sheets=("List", key)), "zendesk").notes
    assert notes == ["Only the first sheet, “List”, was read. Left out: “[key removed]”."]
    (problem,) = read([f"{'x' * 180} {key}", "", ""]).problems
    assert "fini_" not in problem.text


def test_a_header_without_a_column_is_shown() -> None:
    with pytest.raises(Unreadable, match="the header has no column externalId: it is “Title · URL”"):
        read_bytes(book(["Title", "URL"], ["One", address(1)]), "zendesk")


def test_no_more_rows_than_may_be_read_at_once() -> None:
    rows = [[str(n), "T", address(n)] for n in range(4)]
    assert len(read(*rows, most=4).resources) == 4
    with pytest.raises(Unreadable, match="more than 3 rows: cut it into parts"):
        read(*rows, most=3)


def changed(content: bytes, name: str, replaced: bytes) -> bytes:
    """A workbook with another text in one of its parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, replaced if part == name else old.read(part))
    return made.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
OPEN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
CLOSE = b"</sheetData></worksheet>"


def test_a_small_file_that_unpacks_to_very_much_is_refused_unread() -> None:
    content = changed(book(HEADER), SHEET, OPEN + b" " * (workbook.MOST_UNPACKED + 1) + CLOSE)
    assert len(content) < 200_000
    with pytest.raises(Unreadable, match="a workbook of 64 MB once unpacked, and 64 MB is the most"):
        read_bytes(content, "zendesk")


@pytest.mark.parametrize(
    ("part", "cells", "rows"),
    [
        (b"<row>" + b"<c/>" * (workbook.MOST_CELLS + 1) + b"</row>", "400,001", "1"),
        (b'<x:row xmlns:x="x"/>' * 110_001, "0", "110,001"),
    ],
)
def test_more_cells_than_can_be_read_in_time_are_refused_unread(part: bytes, cells: str, rows: str) -> None:
    content = changed(book(HEADER), SHEET, OPEN + part + CLOSE)
    with pytest.raises(Unreadable, match=f"a workbook of {cells} cells in {rows} rows, and 400,000"):
        read_bytes(content, "zendesk")


def renamed(content: bytes, old: str, new: str, *, known_by: str = "xl/workbook.xml") -> bytes:
    """The same workbook with another name for a part: programs find parts by relations, not by names."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as packed,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as to,
    ):
        for name in packed.namelist():
            to.writestr(name.replace(old, new), packed.read(name).replace(old.encode(), new.encode()))
        if known_by not in to.namelist():
            to.writestr(known_by, "<workbook/>")
    return made.getvalue()


def with_texts(content: bytes, texts: str) -> bytes:
    """A workbook whose texts stand in a part of their own."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    named = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    made = io.BytesIO(rewritten(content, "[Content_Types].xml", "</Types>", named))
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as to:
        to.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{texts}</sst>')
    return made.getvalue()


@pytest.mark.parametrize(
    ("part", "name", "end", "more", "said"),
    [
        (
            SHEET,
            "rows/one.xml",
            "</sheetData>",
            "<row>" + "<c/>" * 400_001 + "</row>",
            "of 400,0.. cells in 3 r",
        ),
        (SHEET, "rows/one.xml", "</sheetData>", "<row/>" * 110_001, "in 110,003 rows"),
        (
            SHEET,
            "rows/one.xml",
            "</sheetData>",
            "<row>" + "<x/>" * 2_000_001 + "</row>",
            "too much in its cells",
        ),
        ("xl/sharedStrings.xml", "texts.xml", "</sst>", "<si/>" * 400_001, "is the most"),
        ("xl/sharedStrings.xml", "texts.xml", "</sst>", f"<si>{'<r/>' * 400_001}</si>", "is the most"),
        ("xl/workbook.xml", "book.xml", "</workbook>", "<x/>" * 200_001, "too many formats or names"),
    ],
)
def test_a_part_is_bounded_whatever_its_name_is(part: str, name: str, end: str, more: str, said: str) -> None:
    content = with_texts(book(HEADER, ["1", "One", address(1)]), "<si><t>x</t></si>")
    old = part.removeprefix("xl/")
    assert [one.external_id for one in read_bytes(renamed(content, old, name), "zendesk").resources] == ["1"]
    grown = renamed(rewritten(content, part, end, more + end), old, name)
    assert len(grown) < 100_000
    with pytest.raises(Unreadable, match=said):
        read_bytes(grown, "zendesk")


def test_a_workbook_is_known_by_its_part_also_where_that_is_numbered() -> None:
    numbered = "xl/workbook22.xml"
    content = renamed(
        book(HEADER, ["1", "One", address(1)]), "workbook.xml", "workbook22.xml", known_by=numbered
    )
    assert "xl/workbook.xml" not in zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert [one.external_id for one in read_bytes(content, "zendesk").resources] == ["1"]


def test_a_sheet_that_is_a_chart_is_not_read() -> None:
    made = openpyxl.Workbook()
    for row in (HEADER, ["1", "One", address(1)]):
        made.worksheets[0].append(row)
    made.create_chartsheet("Chart")
    content = io.BytesIO()
    made.save(content)
    chart = rewritten(content.getvalue(), "xl/chartsheets/sheet1.xml", "</chartsheet>", "<not XML")
    assert [one.external_id for one in read_bytes(chart, "zendesk").resources] == ["1"]


def test_a_sheet_that_stands_for_many_is_read_twice_at_most() -> None:
    sheets = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="rId1"/>' for n in range(2, 9))
    content = rewritten(
        book(HEADER, ["1", "One", address(1)]), "xl/workbook.xml", "</sheets>", f"{sheets}</sheets>"
    )
    with pytest.raises(Unreadable, match="cannot be opened"):
        read_bytes(content, "zendesk")


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"])
def test_a_part_that_stands_for_more_than_it_holds_is_refused(part: str) -> None:
    content = with_texts(book(HEADER, ["1", "One", address(1)]), "<si><t>x</t></si>")
    content = rewritten(content, part, r"\A(<\?.*\?>)?", '<!DOCTYPE a [<!ENTITY b "c">]>')
    with pytest.raises(Unreadable, match="cannot be opened"):
        read_bytes(content, "zendesk")


@pytest.mark.parametrize("start", [b"<row", b"<!--", b'<row a="'])
def test_a_tag_without_an_end_is_refused_soon(start: bytes) -> None:
    content = changed(book(HEADER), SHEET, OPEN + start + b" " * 40_000_000)
    assert len(content) < 50_000
    # In small pieces it took 80 seconds.
    with at_most(10), pytest.raises(Unreadable, match="cannot be opened"):
        read_bytes(content, "zendesk")


def test_a_cell_at_the_far_end_of_a_sheet_costs_no_room_for_those_before_it() -> None:
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    with pytest.raises(Unreadable, match=r"names no resource|no column"):
        read_bytes(changed(book(HEADER), SHEET, OPEN + far + CLOSE), "zendesk")


def test_a_sheet_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_SECONDS", -1)
    with pytest.raises(Unreadable, match="takes longer than -1 seconds to read, up to row 1: save it as CSV"):
        read(["1", "One", address(1)])


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
@pytest.mark.parametrize(
    "text", [b"", b"<worksheet", b"<a/>", b"\xff\xfe", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>']
)
def test_a_damaged_workbook_is_refused_in_words(part: str, text: bytes) -> None:
    try:
        found = read_bytes(changed(book(HEADER, ["1", "One", address(1)]), part, text), "zendesk")
    except Unreadable as refused:
        assert "Excel workbook" in str(refused) or "names no resource" in str(refused)  # noqa: PT017 - either is right
    else:
        assert [one.external_id for one in found.resources] == ["1"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("xl/workbook.bin", r"a binary Excel workbook \(\.xlsb\)\. Save it as an Excel workbook"),
        ("word/document.xml", "a Word document"),
        ("content.xml", "an OpenDocument file"),
        ("list.csv", "a compressed file .zip.. Unpack it and choose the file inside"),
    ],
)
def test_what_is_packed_but_no_workbook_is_named(name: str, said: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr(name, "x")
    with pytest.raises(Unreadable, match=said):
        read_bytes(content.getvalue(), "zendesk")


def rewritten(content: bytes, part: str, old: str, new: str) -> bytes:
    """A workbook with other words in one of its parts."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as packed,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as to,
    ):
        for name in packed.namelist():
            text = packed.read(name)
            to.writestr(name, re.sub(old.encode(), new.encode(), text) if name == part else text)
    return made.getvalue()


@pytest.mark.parametrize("stated", ["A1", "A1:C1", "A1:A2"])
def test_a_range_that_is_stated_too_small_keeps_no_row_away(stated: str) -> None:
    content = book(HEADER, ["1", "One", address(1)], ["2", "Two", address(2)])
    content = rewritten(
        content, "xl/worksheets/sheet1.xml", '<dimension ref="[^"]*"', f'<dimension ref="{stated}"'
    )
    assert [one.external_id for one in read_bytes(content, "zendesk").resources] == ["1", "2"]


def test_the_first_sheet_is_the_first_that_can_be_seen() -> None:
    made = openpyxl.Workbook()
    made.worksheets[0].title, made.worksheets[0].sheet_state = "Lookup", "hidden"
    sheet = made.create_sheet("List")
    sheet.append(HEADER)
    sheet.append(["1", "One", address(1)])
    content = io.BytesIO()
    made.save(content)
    found = read_bytes(content.getvalue(), "zendesk")
    assert [one.external_id for one in found.resources] == ["1"]
    assert found.notes == ["Only the first sheet, “List”, was read. Left out: “Lookup”."]


def test_the_apostrophe_of_an_export_that_was_saved_as_a_workbook_goes() -> None:
    assert read(["1", "'=SUM explained", address(1)]).resources[0].title == "=SUM explained"


def test_every_apostrophe_of_an_export_that_was_saved_as_a_workbook_goes() -> None:
    rows: list[list[Any]] = [
        [*HEADER, "first_seen", "last_seen"],
        ["1", "'- a;'=b and 'c'", address(1), None, None],
    ]
    assert [one.title for one in read_bytes(book(*rows), "zendesk").resources] == ["- a;=b and 'c'"]


def test_a_workbook_with_endless_formats_is_refused_before_they_are_read() -> None:
    content = rewritten(book(HEADER), "xl/styles.xml", "</cellXfs>", "<xf/>" * 300_000 + "</cellXfs>")
    with pytest.raises(Unreadable, match="far too many formats or names"):
        read_bytes(content, "zendesk")


def test_what_stands_in_other_columns_is_passed_over() -> None:
    content = book([*HEADER, "Updated", "Owner"], ["1", "One", address(1), date(2026, 11, 24), "#N/A"])
    found = read_bytes(content, "zendesk")
    assert ([one.external_id for one in found.resources], found.problems) == (["1"], [])


def test_a_line_end_that_excel_spells_out_is_one() -> None:
    found = read(
        ["36_x000D_", "One_x000D_\nTwo_x000d_", f"{address(1)}_x000D_"], ["_x000D_", "T", address(2)]
    )
    assert [(one.external_id, one.title, one.original_url) for one in found.resources] == [
        ("36", "One\r\nTwo", address(1))
    ]
    assert [problem[:2] for problem in found.problems] == [(3, "externalId is missing")]


def test_a_text_that_only_looks_like_a_spelled_out_character_stays() -> None:
    found = read(["36", "What _x005F_x000D_ means", address(1)])
    assert [one.title for one in found.resources] == ["What _x000D_ means"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [([], "it names no resource"), ([["How to fill in this list"]], "the header has no column")],
)
def test_a_first_sheet_that_is_no_list_is_refused_with_the_others_named(rows: list[Any], said: str) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        read_bytes(book(*rows, sheets=("Read me", "List")), "zendesk")
    assert str(refused.value).endswith(". Only the first sheet, “Read me”, was read. Left out: “List”")


def test_rows_that_a_filter_hides_are_read_and_said() -> None:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for row in (HEADER, *([str(n), "T", address(n)] for n in (1, 2, 3))):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = sheet.row_dimensions[9].hidden = True
    content = io.BytesIO()
    made.save(content)
    found = read_bytes(content.getvalue(), "zendesk")
    assert [one.external_id for one in found.resources] == ["1", "2", "3"]
    assert found.notes == [
        "Rows that are hidden in the sheet, by a filter for instance, were read like the others: 1."
    ]
