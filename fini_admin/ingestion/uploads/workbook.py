"""Excel workbooks (.xlsx) row by row, bounded in size, columns, rows and time."""

import io
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from typing import IO, Any, Literal

from openpyxl.reader.excel import ExcelReader
from openpyxl.worksheet.worksheet import Worksheet

from fini_admin.fini.external_ids import SPREADSHEET_DIGITS, SPREADSHEET_ERRORS
from fini_admin.ingestion.resource_rules import FIELDS
from fini_admin.ingestion.uploads.delimited import as_meant, columns_of, is_export
from fini_admin.ingestion.uploads.rows import FileRow, FileRows, Unreadable, beginning, excerpt

# A workbook is packed: a small file may hold very much.
MOST_UNPACKED = 64 * 1024 * 1024
_MOST_PARTS = 2_000
_MOST_COLUMNS = 100
# Of cells, of rows and of texts: what is read of them costs a thousand times what it takes in the file.
MOST_CELLS = 400_000
_MOST_ROWS = 110_000
_SECONDS = 20
_NAMED = 5
# In parts that are read bit by bit, where a cell with its text takes four. Any element in a row costs as a cell does.
_MOST_STREAMED = 5 * MOST_CELLS
# In parts that are read whole: formats above all, of which Excel itself takes 65,000.
_MOST_ELEMENTS = 200_000
# A sheet is opened for its size, and the first one for its rows; a part that belongs to many sheets is made up.
_MOST_OPENED = 2
_COSTLY = [re.compile(rb"<(?:[^\s<>/:]*:)?(?:%s)[\s/>]" % name) for name in (b"c", b"row", b"si|r|rPh")]
# The parser begins a tag anew with each piece of it, so that small pieces of an endless one take very long.
_PIECE = 1 << 20
# How a workbook writes a control character, such as the carriage return of a text from Windows, and the underscore
# of a text that only looks like one.
_SPELLED_OUT = re.compile(r"_x00([01][0-9A-Fa-f]|5F)_")
_ROW = re.compile(rb"<(?:[^\s<>/:]*:)?row\s[^<>]*>")
_HIDDEN = re.compile(rb"""\shidden=["'](?:1|true)["']""")
_OWN_BOOK = "copy the list into a workbook of its own"
_BROKEN = "it is an Excel workbook that cannot be opened: save it again as .xlsx, or as CSV"


class _TooMuch(Exception):
    """A workbook would take too long; its text says why. openpyxl turns a ValueError into another one."""


class _Part(io.BytesIO):
    """A part that is handed out in large pieces, whatever is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(max(size, _PIECE) if size and size > 0 else size)


class _Parts(zipfile.ZipFile):
    """A workbook's parts, counted when they are opened: openpyxl finds them by relations, whatever their names."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._elements = self._streamed = 0
        self._costs = [0] * len(_COSTLY)
        self._opened: Counter[str] = Counter()

    def read(self, name: str | zipfile.ZipInfo, pwd: bytes | None = None) -> bytes:
        """A part that is parsed as a whole."""
        part = self._part(name)
        self._elements += part.count(b"<")
        if self._elements > _MOST_ELEMENTS:
            raise _TooMuch(
                f"it is a workbook with far too many formats or names: {_OWN_BOOK}, or save it as CSV"
            )
        return part

    def open(
        self,
        name: str | zipfile.ZipInfo,
        mode: Literal["r", "w"] = "r",
        pwd: bytes | None = None,
        *,
        force_zip64: bool = False,
    ) -> IO[bytes]:
        """A part that is parsed bit by bit: a sheet, or the texts."""
        part = self._part(name)
        self._opened[str(name)] += 1
        if self._opened[str(name)] == 1:
            self._count(part)
        if self._opened[str(name)] > _MOST_OPENED:
            raise _TooMuch(_BROKEN)
        return _Part(part)

    def hidden_rows(self, name: str) -> int:
        """How many rows with cells are hidden in a sheet's part, by a filter for instance."""
        part = self._part(name)
        hidden = (found for found in _ROW.finditer(part) if _HIDDEN.search(found[0]))
        return sum(
            not found[0].endswith(b"/>") and not part.startswith(b"</", found.end()) for found in hidden
        )

    def _part(self, name: str | zipfile.ZipInfo) -> bytes:
        with super().open(name) as part:
            content = part.read()
        # In UTF-16, or with entities, a part would hold more than can be counted; Excel writes neither.
        if b"\x00" in content or b"<!DOCTYPE" in content:
            raise _TooMuch(_BROKEN)
        return content

    def _count(self, part: bytes) -> None:
        self._streamed += part.count(b"<") - part.count(b"</")
        self._costs = [
            held + len(pattern.findall(part)) for held, pattern in zip(self._costs, _COSTLY, strict=True)
        ]
        cells, rows, texts = self._costs
        if max(cells, texts) > MOST_CELLS or rows > _MOST_ROWS:
            raise _TooMuch(
                f"it is a workbook of {cells:,} cells in {rows:,} rows, and {MOST_CELLS:,} in {_MOST_ROWS:,} is the"
                f" most: {_OWN_BOOK}, or save it as CSV"
            )
        if self._streamed > _MOST_STREAMED:
            raise _TooMuch(f"it is a workbook with far too much in its cells: {_OWN_BOOK}, or save it as CSV")


class _Reader(ExcelReader):
    """openpyxl's reader, without what has no rows."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        self.archive: _Parts = _Parts(content)

    def read_chartsheet(self, sheet: object, rel: object) -> None:
        """Pass over a sheet that is a chart, with its drawings and pictures."""


def read_workbook(content: bytes) -> tuple[list[str], FileRows]:
    """Notes on other sheets and hidden rows, and the rows below the header of the first visible sheet.

    Raises Unreadable.
    """
    try:
        _check_size(content)
        reader = _Reader(content)
        reader.read()
        # Python's sort keeps the order of equals: the first sheet that can be seen, a hidden one only for want of it.
        sheets = sorted(reader.wb.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
        sheet = sheets[0]
        # Some programs state a range that is too small, and what stands outside of it would not be read.
        sheet.reset_dimensions()
        # openpyxl tells of no hidden rows as it reads, nor of the part that a sheet is read from.
        hidden = reader.archive.hidden_rows(vars(sheet)["_worksheet_path"])
    except Unreadable:
        raise
    except _TooMuch as error:
        raise Unreadable(str(error)) from error
    except Exception as error:  # zipfile and openpyxl raise what its parsers do: there is no common class
        raise Unreadable(_BROKEN) from error
    return [*_left_out(sheets), *_hidden(hidden)], _rows(sheet)


def _check_size(content: bytes) -> None:
    """Raise Unreadable for a workbook that is too large once unpacked."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        parts = packed.infolist()
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MOST_UNPACKED or len(parts) > _MOST_PARTS:
        raise Unreadable(
            f"it is a workbook of {unpacked >> 20:,} MB once unpacked, and {MOST_UNPACKED >> 20} MB is the"
            f" most: {_OWN_BOOK}"
        )


def _left_out(sheets: list[Any]) -> list[str]:
    """A note on the other sheets."""
    first, *others = (f"“{beginning(sheet.title, 40)}”" for sheet in sheets)
    if not others:
        return []
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return [f"Only the first sheet, {first}, was read. Left out: {', '.join(others[:_NAMED])}{more}."]


def _hidden(rows: int) -> list[str]:
    """A note on rows that a person does not see in the sheet and that are read."""
    if not rows:
        return []
    return [
        f"Rows that are hidden in the sheet, by a filter for instance, were read like the others: {rows:,}."
    ]


def _rows(sheet: Worksheet) -> FileRows:
    """The rows with any value below the first of them, which names the columns. Raises Unreadable."""
    columns: list[str] = []
    exported = False
    for line, cells in _cells(sheet):
        shown = excerpt(" · ".join("" if value is None else beginning(str(value), 200) for value in cells))
        if not columns:
            columns = columns_of(cells, shown)
            exported = is_export(columns)
            continue
        values = {name: _plain(value, exported=exported) for name, value in zip(columns, cells, strict=False)}
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
                yield line, tuple(map(_decoded, cells[:width]))
    except Unreadable:
        raise
    except Exception as error:  # as above: a damaged part is found while it is read
        raise Unreadable("it is a damaged Excel workbook: save it again as .xlsx, or as CSV") from error


def _decoded(value: Any) -> Any:
    """A cell's value with the characters that its text stands for; openpyxl leaves them spelled out."""
    if isinstance(value, str) and "_x00" in value:
        return _SPELLED_OUT.sub(lambda found: chr(int(found[1], 16)), value)
    return value


def _check_time(line: int, until: float) -> None:
    if time.monotonic() > until:
        raise Unreadable(
            f"its sheet takes longer than {_SECONDS} seconds to read, up to row {line:,}: save it as CSV"
        )


def _plain(value: Any, *, exported: bool) -> Any:
    """A cell's value as JSON would have it: whole numbers without .0, texts without an export's apostrophes."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**SPREADSHEET_DIGITS:
        return int(value)
    return as_meant(value, exported=exported) if isinstance(value, str) else value


def _fault(name: str, value: Any) -> str:
    """What Excel made of a cell that should hold text; empty if it holds what was typed."""
    if isinstance(value, datetime | date | time_of_day | timedelta):
        return f"{name} is a date or time to Excel: make the column text and type it again"
    if isinstance(value, str) and value in SPREADSHEET_ERRORS:
        return f"{name} is Excel's error {value}: mend the formula"
    return ""
