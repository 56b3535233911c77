"""Reads CSV as programs and spreadsheets write it: any separator, columns in any order, bad lines one by one."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fini_admin.fini.external_ids import is_unseen, strip_unseen
from fini_admin.ingestion.resource_rules import FIELDS, REQUIRED
from fini_admin.ingestion.uploads.lines import LineStart, line_at, line_end, next_line
from fini_admin.ingestion.uploads.rows import FileRow, FileRows, Unreadable, check_number, excerpt
from fini_admin.lib.download import unescape_formula

SEPARATORS = ",;\t|"
# A header may name a column as the form does, in whatever case: External ID, URL.
_COLUMNS = {name.lower(): name for name in FIELDS} | {"url": "originalUrl"}
NEEDED = [wire for wire, own in FIELDS.items() if own in REQUIRED]
_NAMES = f"The first line must name the columns: {', '.join(NEEDED)}, and mimeType where it differs"
_NAMED_SEPARATOR = re.compile(r'"?sep=(\\t|.)"?[,;\t|\s]*', re.IGNORECASE)
# A value in quotes may go over so many lines; a quote that is not closed by then is a mistake in its own line.
_LINES_OF_A_VALUE = 200
# Of lines that hold nothing but quotes; those without are passed over at no cost.
_MOST_EMPTY = 100_000

_LONGEST_NAME = 200
_LONGEST_HEADER = 100_000
# A header with more is none: every name costs more than it takes in the file.
_MOST_COLUMNS = 1_000
# Characters read of records that then broke CSV's rules: each of them may take up to _LINES_OF_A_VALUE lines.
_READ_IN_VAIN = 50_000_000

# Columns that nobody asked for may be long, a page's whole text for instance. The limit is one for the process.
csv.field_size_limit(2**31 - 1)
# Columns that our own export of sources has, and hardly any other file.
_OF_EXPORTS = {"first_seen", "last_seen"}


def read_csv(text: str) -> FileRows:
    """The rows below the header, each with the number of its first line; empty lines are skipped.

    Raises Unreadable for a header that lacks a column or names one twice.
    """
    place = next_line(text, LineStart())
    named = _NAMED_SEPARATOR.fullmatch(line_at(text, place).strip()) if place else None
    if named and place:
        place = next_line(text, place.after(text, line_end(text, place.start)))
    if not place:
        raise Unreadable("it names a separator and nothing else")
    header = line_at(text, place)
    if len(header) > _LONGEST_HEADER:
        raise Unreadable(
            f"its first line has {len(header):,} characters: it is “{excerpt(header)}”. {_NAMES}"
        )
    stated = named[1].replace("\\t", "\t") if named else ""
    separator = stated if stated and stated in header else _separator(header)
    if header.count(separator) >= _MOST_COLUMNS:
        raise Unreadable(
            f"its first line has more than {_MOST_COLUMNS:,} columns: it is “{excerpt(header)}”. {_NAMES}"
        )
    records = _records(text, separator, place)
    first = next(records, None)
    if first and first.problem:
        raise Unreadable(f"in its first line {first.problem}. It is “{first.text}”")
    columns = columns_of(first.values if first else [], header)
    return _rows(records, columns, separator)


def as_meant(text: str, *, exported: bool) -> str:
    """A text without the apostrophe that an export sets before a formula.

    Somebody else's file may begin a title with a quotation: '@mention' in comments.
    """
    return unescape_formula(text) if exported or "'" not in text[1:] else text


def _rows(records: Iterator[FileRow], columns: Sequence[str], separator: str) -> FileRows:
    exported = set(columns) >= _OF_EXPORTS
    for record in records:
        if record.problem:
            yield record
            continue
        values = [as_meant(value, exported=exported) for value in record.values]
        surplus = any(strip_unseen(value) for value in values[len(columns) :])
        problem = (
            f"it has {len(values)} values and the header {len(columns)} columns: put a value that holds a"
            f" {_shown(separator)} in quotes"
            if surplus
            else ""
        )
        yield FileRow(record.line, dict(zip(columns, values, strict=False)), record.text, problem)


def columns_of(header: Sequence[Any], line: str) -> list[str]:
    """A header's columns by the wire's names, in any order and case. Raises Unreadable, quoting `line`."""
    named = [_column(strip_unseen(str(name or ""))) for name in header]
    missing = [name for name in NEEDED if name not in named]
    if missing:
        raise Unreadable(f"the header has no column {', '.join(missing)}: it is “{excerpt(line)}”. {_NAMES}")
    twice = [name for name in FIELDS if named.count(name) > 1]
    if twice:
        raise Unreadable(
            f"the header names {', '.join(twice)} twice: it is “{excerpt(line)}”. Leave one of them"
        )
    return named


def _column(name: str) -> str:
    """The wire's name for a column's heading; the heading itself if there is none."""
    bare = "".join(letter for letter in name if not is_unseen(letter) and letter not in '_-"')
    return _COLUMNS.get(bare.lower(), name)


def _separator(header: str) -> str:
    """The separator that yields all required names; else the most frequent one in the header."""
    for separator in SEPARATORS:
        names = header.split(separator, _MOST_COLUMNS)[:_MOST_COLUMNS]
        if {_column(name[:_LONGEST_NAME]) for name in names} >= set(NEEDED):
            return separator
    return max(SEPARATORS, key=header.count)


def _shown(separator: str) -> str:
    return "tab" if separator == "\t" else separator


@dataclass(slots=True)
class _Feed:
    """The lines of one record: `end` is the offset behind it, `lines` how many it has."""

    text: str
    end: int
    lines: int = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if self.end >= len(self.text) or self.lines == _LINES_OF_A_VALUE:
            raise StopIteration
        start, self.end = self.end, line_end(self.text, self.end)
        self.lines += 1
        return self.text[start : self.end]


def _records(text: str, separator: str, first: LineStart) -> Iterator[FileRow]:
    """The records from `first` on. One that breaks CSV's rules costs its first line; reading goes on with the next."""
    filled = re.compile(rf"[^\s{re.escape(separator)}]")
    place, empty, in_vain = next_line(text, first, filled), 0, 0
    while place:
        feed = _Feed(text, place.start)
        shown = line_at(text, place)
        try:
            values = next(csv.reader(feed, delimiter=separator, strict=True))
        except csv.Error:
            in_vain += feed.end - place.start
            if in_vain > _READ_IN_VAIN:
                raise Unreadable(
                    f'its quotes do not match, line {place.line:,} among others: “{excerpt(shown)}”. Write ""'
                    ' for each " inside a value'
                ) from None
            feed.end = line_end(text, place.start)
            yield FileRow(place.line, None, excerpt(shown), _quotes_problem(shown))
        else:
            if any(map(strip_unseen, values)):
                yield FileRow(place.line, values, excerpt(shown))
            else:
                empty += 1
                check_number(empty, _MOST_EMPTY, "empty line")
        place = next_line(text, place.after(text, feed.end), filled)


def _quotes_problem(line: str) -> str:
    if line.count('"') % 2:
        return 'a " that opens a value is not closed: close it, or write "" for a " inside a value'
    return 'a value in quotes goes on behind its closing ": put the whole value in quotes, with "" for each " in it'
