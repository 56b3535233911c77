"""Lists by keyset: constant work however deep one pages (P7); and what is too much for one statement, in pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Model, QuerySet

SIZE = 50
COUNTED = 10_000
CHUNK = 500  # rows a statement
DIGITS = 18  # what a 64-bit column holds whatever the digits are

M = TypeVar("M", bound=Model)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows of a list; `older` is the next page's cursor, empty on the last; `first` on the first page."""

    rows: list[M]
    older: str
    first: bool


def whole_number(text: str | None) -> int | None:
    """The number that a text of digits says, None for any other text, and for one that no column holds."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= DIGITS else None


def whole_numbers(texts: Iterable[str]) -> list[int]:
    """The numbers that the texts say, in their order, less those that say none."""
    return [number for number in map(whole_number, texts) if number is not None]


def parts(texts: Iterable[str]) -> list[str]:
    """What stands between the commas of these texts: a script sends many IDs as one field."""
    return [part for text in texts for part in text.split(",") if part]


def page(
    queryset: QuerySet[M],
    *,
    cursor: str | None,
    field: str = "pk",
    size: int = SIZE,
    descending: bool = True,
) -> Page[M]:
    """The rows after the cursor by a unique whole-number field; a cursor that is none leads to the first page."""
    start = whole_number(cursor)
    if start is not None:
        queryset = queryset.filter(**{f"{field}__{'lt' if descending else 'gt'}": start})
    rows = list(queryset.order_by(f"-{field}" if descending else field)[: size + 1])
    more = len(rows) > size
    return Page(rows[:size], str(getattr(rows[size - 1], field)) if more else "", start is None)


def count(queryset: QuerySet[M]) -> str:
    """How many rows match: exact to 10,000, "10,000+" beyond."""
    number = queryset.order_by()[: COUNTED + 1].count()
    return intcomma(number) if number <= COUNTED else f"{intcomma(COUNTED)}+"


def chunks(values: Iterable[V], size: int) -> Iterator[list[V]]:
    """The values in their order, `size` at a time; no more of them are read than are asked for."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
