"""Keyset pagination (P7), and splitting long `IN` lists."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import IntegerField, Model, Q, QuerySet, Subquery, Value

SIZE = 50
COUNTED = 10_000
CHUNK = 500  # IDs or rows per statement
PORTION = 5_000  # IDs per transaction: everyone else who writes waits for it
DIGITS = 18  # any such number fits a 64-bit column

M = TypeVar("M", bound=Model)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows of a list; `older` is the next page's cursor, empty on the last page.

    `further`: where a list that looks at only so many rows at a time goes on, when these show no more.
    """

    rows: list[M]
    older: str
    first: bool
    further: str = ""


def whole_number(text: str | None) -> int | None:
    """The number in a text of digits; None for other texts, and for numbers too large for a column."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= DIGITS else None


def whole_numbers(texts: Iterable[str]) -> list[int]:
    """The numbers in these texts, in order; other texts are skipped."""
    return [number for number in map(whole_number, texts) if number is not None]


def parts(texts: Iterable[str]) -> list[str]:
    """The parts between commas of these texts: a script sends many IDs as one field."""
    return [part for text in texts for part in text.split(",") if part]


def page(
    queryset: QuerySet[M],
    *,
    cursor: str | None,
    field: str = "pk",
    size: int = SIZE,
    descending: bool = True,
) -> Page[M]:
    """The rows after the cursor by a unique whole-number field; the first page for an invalid cursor."""
    start = whole_number(cursor)
    if start is not None:
        queryset = queryset.filter(**{f"{field}__{'lt' if descending else 'gt'}": start})
    rows = list(queryset.order_by(f"-{field}" if descending else field)[: size + 1])
    more = len(rows) > size
    return Page(rows[:size], str(getattr(rows[size - 1], field)) if more else "", start is None)


@dataclass(frozen=True, slots=True)
class Order:
    """An order that an index carries: a column or annotation, and then the key.

    `write` makes a cursor's text of a value of that column; `read` takes it back, None if it is none.
    """

    column: str
    descending: bool
    write: Callable[[Any], str]
    read: Callable[[str], Any]


def ordered_page(queryset: QuerySet[M], order: Order, *, cursor: str | None) -> Page[M]:
    """The rows after the cursor in this order; the first page for an invalid cursor."""
    key, _, text = (cursor or "").partition(".")
    start, value = whole_number(key), order.read(text)
    first = start is None or value is None
    sign, beyond = ("-", "lt") if order.descending else ("", "gt")
    if not first:
        same = Q(**{order.column: value, f"pk__{beyond}": start})
        # The first condition is the one that an index answers.
        queryset = queryset.filter(
            Q(**{f"{order.column}__{beyond}": value}) | same, **{f"{order.column}__{beyond}e": value}
        )
    rows = list(queryset.order_by(f"{sign}{order.column}", f"{sign}pk")[: SIZE + 1])
    last = rows[SIZE - 1] if len(rows) > SIZE else None
    older = f"{last.pk}.{order.write(getattr(last, order.column))}" if last else ""
    return Page(rows[:SIZE], older, first)


def count(queryset: QuerySet[M]) -> str:
    """How many rows match: exact to 10,000, "10,000+" beyond."""
    return counted_text(queryset.order_by()[: COUNTED + 1].count())


def counted_text(number: int) -> str:
    """A number that was counted to COUNTED + 1, in words."""
    return intcomma(number) if number <= COUNTED else f"{intcomma(COUNTED)}+"


def exact(counted: str) -> str:
    """A counted number in digits; empty if counting stopped at COUNTED."""
    return "" if counted.endswith("+") else counted.replace(",", "")


def newest_key(queryset: QuerySet[Any]) -> int:
    """The key of the newest row; 0 of none."""
    return queryset.order_by("-pk").values_list("pk", flat=True).first() or 0


class RowCount(Subquery):
    """How many rows match, as a value within another query; counted to COUNTED + 1 (`counted_text`)."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, queryset: QuerySet[Any]) -> None:
        super().__init__(queryset.order_by().values(one=Value(1))[: COUNTED + 1])


def chunks(values: Iterable[V], size: int) -> Iterator[list[V]]:
    """The values in their order, `size` at a time; no more of them are read than are asked for."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
