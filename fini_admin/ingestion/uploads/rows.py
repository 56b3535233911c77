"""What the reader of each format yields: rows with their place in the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fini_admin.fini.wire import clean
from fini_admin.lib.key_text import REPLACEMENT, looks_like_key, without_keys

SHOWN = 160
# A key is known by so much of a text, even where each of its letters is escaped: a cut through it hides it.
_KNOWN_BY = 600
_AFTER_KEY = re.compile(rf"{re.escape(REPLACEMENT)}\S*")
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


def excerpt(text: str, start: int = 0) -> str:
    """A line for a message, from `start` on: its beginning, on one line, without keys (P5)."""
    end = start + SHOWN * 2
    if looks_like_key(text[max(0, start - _KNOWN_BY) : end + _KNOWN_BY]):
        return _NOT_SHOWN
    shown = " ".join(clean(text[start:end]).split())
    return f"{shown[:SHOWN]}…" if len(shown) > SHOWN or end < len(text) else shown


def beginning(text: str, most: int) -> str:
    """The first characters of a text, without keys (P5), nor what follows one: a key may hold any character."""
    return _AFTER_KEY.sub(REPLACEMENT, without_keys(text[: most + _KNOWN_BY]))[:most]


def check_number(number: int, most: int | None, unit: str) -> None:
    """Raise Unreadable if there are more rows than may be read at once."""
    if most is not None and number > most:
        raise Unreadable(f"it has more than {most:,} {unit}s: cut it into parts")
