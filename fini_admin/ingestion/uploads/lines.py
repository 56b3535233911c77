"""A text's lines with any line end (LF, CR LF, CR). Skipping empty lines costs no time of its own."""

import re
from dataclasses import dataclass

_END = re.compile(r"\r\n|\n|\r")
_FILLED = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class LineStart:
    """Where a line begins: its offset in the text, and its number from 1."""

    start: int = 0
    line: int = 1

    def after(self, text: str, end: int) -> "LineStart":
        """The place at `end`, the start of a later line."""
        ends = text.count("\n", self.start, end) + text.count("\r", self.start, end)
        return LineStart(end, self.line + ends - text.count("\r\n", self.start, end))


def next_line(text: str, place: LineStart, filled: re.Pattern[str] = _FILLED) -> LineStart | None:
    """The first line from `place` on in which `filled` finds something; None if there is none."""
    found = filled.search(text, place.start)
    if not found:
        return None
    last = max(text.rfind(end, place.start, found.start()) for end in "\r\n")
    return place if last < 0 else place.after(text, last + 1)


def line_at(text: str, place: LineStart) -> str:
    """The line that begins there, without its line end."""
    return text[place.start : line_end(text, place.start)].rstrip("\r\n")


def line_end(text: str, start: int) -> int:
    """The offset behind the line that begins at `start`, its line end included."""
    found = _END.search(text, start)
    return found.end() if found else len(text)
