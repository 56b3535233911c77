"""Rows as files: JSON Lines, and CSV that no spreadsheet takes for formulas. Written as they are read."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Rows = Iterable[Mapping[str, Any]]

# A cell that begins so is a formula to a spreadsheet; the wide forms are read as the plain ones.
# Apostrophes before it count as well: otherwise nobody could tell ours from one that was there before.
FORMULA = re.compile(r"'* *[=+\-@\t\r\n＝＋－＠]")


class Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def json_lines(rows: Rows, names: list[str]) -> Iterator[str]:
    """One object a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def csv_lines(rows: Rows, names: list[str]) -> Iterator[str]:
    """A header, then one line a row."""
    writer = csv.writer(Echo())
    yield writer.writerow(names)
    for row in rows:
        yield writer.writerow([harmless(row[name]) for name in names])


def harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front, which it hides."""
    if isinstance(value, str) and FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value


def unharmed(text: str) -> str:
    """The text that `harmless` made this of: without the one apostrophe that it set."""
    return text[1:] if text.startswith("'") and FORMULA.match(text, 1) else text
