"""Reads CSV as programs and spreadsheets write it: any separator, columns in any order, bad lines one by one."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
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
# The values of a record may go over so many lines. Reading never goes on inside a value that is closed later: who wrote
# it could bring in lines of their own. Our exports keep the lines of a title.
_LINES_OF_A_VALUE = 200
# Of lines that hold nothing but quotes; those without are passed over at no cost.
_MOST_EMPTY = 100_000

# The line of dashes below the heading of a table in Markdown.
_RULE = re.compile(r"\s*(:?-+:?)?\s*")

_LONGEST_NAME = 200
_LONGEST_HEADER = 100_000
_LINES_OF_HEADER = 20
# A header with more is none: every name costs more than it takes in the file.
_MOST_COLUMNS = 1_000
# Characters read of records that then broke CSV's rules, of a text that is no longer: each may take all that follows.
_READ_IN_VAIN = 50_000_000

# Columns that nobody asked for may be long, a page's whole text for instance. The limit is one for the process.
csv.field_size_limit(2**31 - 1)
_TITLE_OF_LINES = (
    'its title goes on over later lines, in which addresses stand: close the " where the title ends, and write "" for'
    ' a " inside a value'
)
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
    header = _header_at(text, place)
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
    exported = is_export(strip_unseen(name).strip('"') for name in header.split(separator))
    records = _records(text, separator, place, exported=exported)
    first = next(records, None)
    if first and first.problem:
        raise Unreadable(f"in its first line {first.problem}. It is “{first.text}”")
    columns = columns_of(first.values if first else [], header)
    return _rows(records, columns, separator, exported=exported)


def _header_at(text: str, place: LineStart) -> str:
    """The header that begins there. A heading in quotes may go over some lines, as spreadsheets wrap it."""
    end = line_end(text, place.start)
    for _ in range(_LINES_OF_HEADER):
        if text.count('"', place.start, end) % 2 == 0 or end - place.start > _LONGEST_HEADER:
            break
        end = line_end(text, end)
    return text[place.start : end].rstrip("\r\n")


def is_export(columns: Iterable[str]) -> bool:
    """Whether a file with these columns is our own export of sources."""
    return set(columns) >= _OF_EXPORTS


def as_meant(text: str, *, exported: bool) -> str:
    """A text without the apostrophes that an export sets before formulas.

    Somebody else's file may begin a title with a quotation: '@mention' in comments.
    """
    meant = unescape_formula(text)
    return meant if exported or "'" not in meant else text


def _rows(records: Iterator[FileRow], columns: Sequence[str], separator: str, *, exported: bool) -> FileRows:
    for at, record in enumerate(records):
        if record.problem:
            yield record
            continue
        if not at and separator == "|" and all(map(_RULE.fullmatch, record.values)):
            continue
        values = [as_meant(value, exported=exported) for value in record.values]
        surplus = any(strip_unseen(value) for value in values[len(columns) :])
        problem = (
            f"it has {len(values)} values and the header {len(columns)} columns: put a value that holds a"
            f" {_shown(separator)} in quotes"
            if surplus
            else ""
        )
        held = dict(zip(columns, values, strict=False))
        if not exported and _holds_other_lines(held.get("title", ""), separator):
            problem = _TITLE_OF_LINES
        yield FileRow(record.line, held, record.text, problem)


def _holds_other_lines(title: str, separator: str) -> bool:
    """Whether a title goes on over lines with addresses: its quote was closed by one of a later line, such as 27"."""
    return "://" in title and separator in title and len(strip_unseen(title).splitlines()) > 1


def columns_of(header: Sequence[Any], line: str) -> list[str]:
    """A header's columns by the wire's names, in any order and case. Raises Unreadable, quoting `line`."""
    written = [strip_unseen(str(name or "")) for name in header]
    # Beside originalUrl a column url is another one: of Zendesk's API it holds an address that is for programs.
    both = "originalurl" in map(_bare, written)
    named = [name if both and _bare(name) == "url" else _column(name) for name in written]
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
    return _COLUMNS.get(_bare(name), name)


def _bare(name: str) -> str:
    """A heading in small letters, without what may stand between its words."""
    return "".join(letter for letter in name if not is_unseen(letter) and letter not in '_-"').lower()


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
        if self.end >= len(self.text):
            raise StopIteration
        start, self.end = self.end, line_end(self.text, self.end)
        self.lines += 1
        return self.text[start : self.end]


def _records(text: str, separator: str, first: LineStart, *, exported: bool) -> Iterator[FileRow]:
    """The records from `first` on. One that breaks CSV's rules costs its first line; reading goes on with the next.

    One of too many lines is named and passed over as a whole, unless our own export wrote it.
    """
    most_in_vain = max(_READ_IN_VAIN, 2 * len(text))
    filled = re.compile(rf"[^\s{re.escape(separator)}]")
    place, empty, in_vain = next_line(text, first, filled), 0, 0
    while place:
        feed = _Feed(text, place.start)
        shown = line_at(text, place)
        spaced = not exported and f'{separator} "' in shown
        try:
            values = next(csv.reader(feed, delimiter=separator, strict=True, skipinitialspace=spaced))
        except csv.Error:
            in_vain += feed.end - place.start
            if in_vain > most_in_vain:
                raise Unreadable(
                    f'its quotes do not match, line {place.line:,} among others: “{excerpt(shown)}”. Write ""'
                    ' for each " inside a value'
                ) from None
            feed.end = line_end(text, place.start)
            yield FileRow(place.line, None, excerpt(shown), _quotes_problem(shown))
        else:
            if feed.lines > _LINES_OF_A_VALUE and not exported:
                yield FileRow(place.line, None, excerpt(shown), _lines_problem(place.line, feed.lines))
            elif any(map(strip_unseen, values)):
                yield FileRow(place.line, values, excerpt(shown))
            else:
                empty += 1
                check_number(empty, _MOST_EMPTY, "empty line")
        place = next_line(text, place.after(text, feed.end), filled)


def _lines_problem(line: int, lines: int) -> str:
    return (
        f"its values go over {lines:,} lines, to line {line + lines - 1:,}, and {_LINES_OF_A_VALUE} is the most: close"
        ' the " where the value ends, or leave out what is not needed'
    )


def _quotes_problem(line: str) -> str:
    if line.count('"') % 2:
        return 'a " that opens a value is not closed: close it, or write "" for a " inside a value'
    return 'a value in quotes goes on behind its closing ": put the whole value in quotes, with "" for each " in it'
