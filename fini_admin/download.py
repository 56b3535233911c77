"""Rows as files: JSON Lines, and CSV that no spreadsheet takes for formulas. Written as they are read."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Rows = Iterable[Mapping[str, Any]]

# A cell that begins so is a formula to a spreadsheet; the wide forms are read as the plain ones.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


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
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


def unharmed(value: str) -> str:
    """A text as it was before `harmless`: one apostrophe that stands before a formula's sign is taken off."""
    return value[1:] if value.startswith("'") and value.lstrip("'").lstrip(" ").startswith(FORMULA) else value
