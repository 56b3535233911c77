"""The language of a search in the trail: `key:value`, `-key:value` leaves out, quotes hold white space. Pure.

A text is read into terms and terms are written as a text; what keys there are, and what their values may be, is the
form's (web/forms/audit.py), so that a search and the form's fields mean the same.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A quote that is not closed yet, as while typing, holds all that follows.
_TERM = re.compile(
    r'(?P<out>-?)(?:(?P<key>[A-Za-z]+):(?!//))?(?P<value>"(?:[^"\\]|\\.)*(?:"|\\?\Z)|\S*)', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; without a key it is an ID. What matches an `excluded` one is left out."""

    key: str
    value: str
    excluded: bool = False

    def __str__(self) -> str:
        plain = bool(self.value) and not re.search(r'[\s"\\]', self.value)
        # A value that reads as another term when it stands alone needs its quotes.
        plain = plain and (bool(self.key) or not re.match(r"-|[A-Za-z]+:(?!//)", self.value))
        value = self.value if plain else '"{}"'.format(re.sub(r'(["\\])', r"\\\1", self.value))
        return (
            f"{'-' if self.excluded else ''}{self.key}{':' if self.key else ''}{value if self.value else ''}"
        )


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a search, in order; what is neither key nor value is passed over."""
    terms, place = [], 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        found = _TERM.match(text, place)
        if found is None or found.end() == place:  # nothing but quotes and signs is left over
            break
        term = Term((found["key"] or "").lower(), _value(found["value"]), bool(found["out"]))
        terms += [term] if term.key or term.value else []
        place = found.end()
    return tuple(terms)


def last_term(text: str) -> tuple[str, Term]:
    """What stands before the term at the end of a text, and that term; an empty one behind white space."""
    start = 0
    for found in _TERM.finditer(text):
        if found.end() > found.start():
            start = found.start() if found.end() == len(text) else found.end()
    rest = text[start:]
    terms = parse(rest.lstrip())
    return text[: len(text) - len(rest.lstrip())], terms[-1] if terms else Term("", "", rest.strip() == "-")


def _value(written: str) -> str:
    if not written.startswith('"'):
        return written
    inner = written[1:-1] if len(written) > 1 and written.endswith('"') else written[1:]
    return _ESCAPED.sub(r"\1", inner)


def write(terms: Iterable[Term]) -> str:
    """The terms as a text that is read as these terms again."""
    return " ".join(map(str, terms))
