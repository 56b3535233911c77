"""Excel workbooks (.xlsx) row by row, bounded in size, columns, rows and time."""

import io
import re
import time
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from fini_admin.fini.external_ids import SPREADSHEET_DIGITS, SPREADSHEET_ERRORS
from fini_admin.ingestion.resource_rules import FIELDS
from fini_admin.ingestion.uploads.delimited import as_meant, columns_of
from fini_admin.ingestion.uploads.rows import FileRow, FileRows, Unreadable, excerpt

# A workbook is packed: a small file may hold very much.
MOST_UNPACKED = 64 * 1024 * 1024
_MOST_PARTS = 2_000
_MOST_COLUMNS = 100
# Of cells, of rows and of texts: what is read of them costs a thousand times what it takes in the file.
MOST_CELLS = 400_000
_MOST_ROWS = 110_000
_SECONDS = 20
_NAMED = 5
_COUNTED = re.compile(r"xl/(worksheets/[^/]*\.xml|sharedStrings\.xml)", re.IGNORECASE)
# What openpyxl reads besides, whole: formats above all, of which Excel itself takes 65,000.
_WHOLE = re.compile(r"(xl/(workbook|styles)\.xml|.*\.rels|\[Content_Types\]\.xml|docProps/.*)", re.IGNORECASE)
_MOST_ELEMENTS = 200_000
_COSTLY = [re.compile(rb"<(?:\w{1,20}:)?%s[\s/>]" % name) for name in (b"c", b"row", b"si")]
_OWN_BOOK = "copy the list into a workbook of its own"
_BROKEN = "it is an Excel workbook that cannot be opened: save it again as .xlsx, or as CSV"


def read_workbook(content: bytes) -> tuple[list[str], FileRows]:
    """Notes on what is left out, and the rows below the header of the first visible sheet. Raises Unreadable."""
    try:
        _check_size(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        # Python's sort keeps the order of equals: the first sheet that can be seen, a hidden one only for want of it.
        sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
        sheet = sheets[0]
        # Some programs state a range that is too small, and what stands outside of it would not be read.
        sheet.reset_dimensions()
    except Unreadable:
        raise
    except Exception as error:  # zipfile and openpyxl raise what its parsers do: there is no common class
        raise Unreadable(_BROKEN) from error
    return _left_out(sheets), _rows(sheet)


def _check_size(content: bytes) -> None:
    """Raise Unreadable, before any cell is read, for a workbook that would take too long."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        parts = packed.infolist()
        unpacked = sum(part.file_size for part in parts)
        if unpacked > MOST_UNPACKED or len(parts) > _MOST_PARTS:
            raise Unreadable(
                f"it is a workbook of {unpacked >> 20:,} MB once unpacked, and {MOST_UNPACKED >> 20} MB is the"
                f" most: {_OWN_BOOK}"
            )
        elements = sum(packed.read(part).count(b"<") for part in parts if _WHOLE.fullmatch(part.filename))
        read = [packed.read(part) for part in parts if _COUNTED.fullmatch(part.filename)]
    if elements > _MOST_ELEMENTS:
        raise Unreadable(
            f"it is a workbook with far too many formats or names: {_OWN_BOOK}, or save it as CSV"
        )
    if any(b"\x00" in part for part in read):
        raise Unreadable(_BROKEN)
    cells, rows, texts = (sum(len(pattern.findall(part)) for part in read) for pattern in _COSTLY)
    if max(cells, texts) > MOST_CELLS or rows > _MOST_ROWS:
        raise Unreadable(
            f"it is a workbook of {cells:,} cells in {rows:,} rows, and {MOST_CELLS:,} in {_MOST_ROWS:,} is the most:"
            f" {_OWN_BOOK}, or save it as CSV"
        )


def _left_out(sheets: list[Any]) -> list[str]:
    """A note on the other sheets."""
    others = [f"“{sheet.title[:40]}”" for sheet in sheets[1:]]
    if not others:
        return []
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return [
        f"Only the first sheet, “{sheets[0].title[:40]}”, was read. Left out: {', '.join(others[:_NAMED])}{more}."
    ]


def _rows(sheet: Worksheet) -> FileRows:
    """The rows with any value below the first of them, which names the columns. Raises Unreadable."""
    columns: list[str] = []
    for line, cells in _cells(sheet):
        shown = excerpt(" · ".join("" if value is None else str(value)[:200] for value in cells))
        if not columns:
            columns = columns_of(cells, shown)
            continue
        values = dict(zip(columns, map(_plain, cells), strict=False))
        surplus = any(value is not None for value in cells[len(columns) :])
        problem = "it has a value in a column that the header does not name" if surplus else ""
        wrong = next(
            (said for name, value in values.items() if name in FIELDS and (said := _fault(name, value))), ""
        )
        yield FileRow(line, values, shown, problem or wrong, from_workbook=True)


def _cells(sheet: Worksheet) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Each row with any value, and its number."""
    until = time.monotonic() + _SECONDS
    try:
        for line, cells in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True), 1):
            _check_time(line, until)
            if cells.count(None) == len(cells):
                continue
            width = max(
                (number for number, value in enumerate(cells, 1) if value not in (None, "")), default=0
            )
            if width:
                yield line, cells[:width]
    except Unreadable:
        raise
    except Exception as error:  # as above: a damaged part is found while it is read
        raise Unreadable("it is a damaged Excel workbook: save it again as .xlsx, or as CSV") from error


def _check_time(line: int, until: float) -> None:
    if time.monotonic() > until:
        raise Unreadable(
            f"its sheet takes longer than {_SECONDS} seconds to read, up to row {line:,}: save it as CSV"
        )


def _plain(value: Any) -> Any:
    """A cell's value as JSON would have it: whole numbers without .0, texts without an export's apostrophe."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**SPREADSHEET_DIGITS:
        return int(value)
    return as_meant(value, exported=False) if isinstance(value, str) else value


def _fault(name: str, value: Any) -> str:
    """What Excel made of a cell that should hold text; empty if it holds what was typed."""
    if isinstance(value, datetime | date | time_of_day | timedelta):
        return f"{name} is a date or time to Excel: make the column text and type it again"
    if isinstance(value, str) and value in SPREADSHEET_ERRORS:
        return f"{name} is Excel's error {value}: mend the formula"
    return ""
