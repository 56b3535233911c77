"""What the reader of each format yields: rows with their place in the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fini_admin.fini.wire import clean
from fini_admin.lib.key_text import looks_like_key

SHOWN = 160
_NOT_SHOWN = "(not shown: it holds what looks like an API key)"


class Unreadable(ValueError):
    """The file as a whole cannot be read. Its text says why and what to do, after "This cannot be read: "."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A line or item of a file: its number from 1, its values by the wire's names, and how it stands there.

    `problem` says why it cannot be taken. In a row `from_workbook` a number may stand for any text.
    """

    line: int
    values: Any
    text: str
    problem: str = ""
    from_workbook: bool = False


FileRows = Iterator[FileRow]


def excerpt(text: str) -> str:
    """The beginning of a line for a message: on one line, without keys (P5)."""
    start = text[: SHOWN * 2]
    if len(start) < len(text):
        start = re.sub(r"fini_\S*\Z", "", start)  # a key that is cut here would not be known for one
    if looks_like_key(start):
        return _NOT_SHOWN
    shown = " ".join(clean(start).split())
    return f"{shown[:SHOWN]}…" if len(shown) > SHOWN or len(start) < len(text) else shown


def check_number(number: int, most: int | None, unit: str) -> None:
    """Raise Unreadable if there are more rows than may be read at once."""
    if most is not None and number > most:
        raise Unreadable(f"it has more than {most:,} {unit}s: cut it into parts")
