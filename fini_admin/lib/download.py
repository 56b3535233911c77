"""Rows as JSON Lines or CSV, generated row by row. In CSV, no cell is a formula."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Rows = Iterable[Mapping[str, Any]]

# What a spreadsheet takes for a formula, full-width signs included. Apostrophes before it match as well: otherwise
# `unescape_formula` could not tell ours from one that was there before.
_START = r"'* *[=+\-@＝＋－＠\t\r\n]"
# One that splits at semicolons, tabs or line ends begins a cell inside a text.
_INSIDE = r"'* *[=+\-@＝＋－＠]"
_FORMULA = re.compile(rf"\A(?={_START})|(?<=[;\t\r\n])(?={_INSIDE})")
_ESCAPED = re.compile(rf"\A'(?={_START})|(?<=[;\t\r\n])'(?={_INSIDE})")


class _Echo:
    """A file that returns what is written to it."""

    def write(self, line: str) -> str:
        return line


def json_lines(rows: Rows, names: list[str]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def csv_lines(rows: Rows, names: list[str]) -> Iterator[str]:
    """A header, then one line per row."""
    writer = csv.writer(_Echo())
    yield writer.writerow(names)
    for row in rows:
        yield writer.writerow([escape_formula(row[name]) for name in names])


def escape_formula(value: object) -> object:
    """Put an apostrophe before what a spreadsheet would run as a formula; at the start of a cell it is hidden."""
    if isinstance(value, str):
        return _FORMULA.sub("'", value)
    return "" if value is None else value


def unescape_formula(text: str) -> str:
    """Undo `escape_formula`."""
    return _ESCAPED.sub("", text)
