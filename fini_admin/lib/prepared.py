"""Statements that are executed many times a second: written once, then executed with the moment and the keys put in.

Django takes longer to write such a statement than the database to execute it.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery

Key = UUID | int | str | datetime
Filler = Callable[[datetime, Sequence[Key]], Any]
Change = tuple[QuerySet[Any, Any], dict[str, Any]]
W = TypeVar("W")
MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_AROUND = timedelta(days=2)
# What stands for a key while a query is written, by the key's type and place. No query names such a value itself.
_STAND_INS: dict[type, Callable[[int], Key]] = {
    UUID: lambda place: UUID(int=0x5CA1AB1E << 96 | place),
    int: lambda place: 2_000_000_000 + place,
    str: lambda place: f"stands for key {place}",
    datetime: lambda place: datetime(1900, 1, 1 + place, tzinfo=UTC),
}


def prepared(build: Callable[..., QuerySet[Any, Any]]) -> Callable[..., list[Any]]:
    """A function of keys that executes the query which `build(moment, *keys)` makes, with now as the moment.

    The function returns what the query set would: objects, dictionaries or tuples. The query may depend on nothing else
    that changes: its times are within two days of the moment, and each key stands in it as it is. For another query the
    function's first call raises ValueError, and for what cannot be a key each call raises TypeError.
    """

    def write(*keys: Key) -> _Read:
        found = build(MOMENT, *keys)
        compiler = found.query.get_compiler(using=found.db)
        template = _template(compiler, keys)
        compiler.connection = connection  # each thread's own
        return _Read(*template, found, compiler)

    written = _written_once(write)
    return lambda *keys: written(keys).rows(keys)


def prepared_update(build: Callable[..., Change]) -> Callable[..., int]:
    """The same for an update: `build` makes the rows and their new values; the function returns their number."""

    def write(*keys: Key) -> _Statement:
        found, values = build(MOMENT, *keys)
        query: Any = found.query.chain(UpdateQuery)  # as QuerySet.update does
        query.add_update_values(values)
        return _Statement(*_template(query.get_compiler(using=found.db), keys))

    written = _written_once(write)
    return lambda *keys: written(keys).execute(keys)


def _written_once(write: Callable[..., W]) -> Callable[[Sequence[Key]], W]:
    """A function of keys that returns what `write` made of stand-ins for them: made once per combination of types."""

    @cache
    def written(kinds: tuple[type, ...]) -> W:
        return write(*(_STAND_INS[kind](place) for place, kind in enumerate(kinds)))

    return lambda keys: written(tuple(map(_kind, keys)))


def _kind(key: Key) -> type:
    for kind in _STAND_INS:
        if isinstance(key, kind):
            return kind
    raise TypeError(f"{key!r} cannot be a key")


def _template(compiler: Any, keys: Sequence[Key]) -> tuple[str, list[Filler]]:
    """The statement, and for each of its values the function that makes it."""
    sql, values = compiler.as_sql()
    stand_ins = {form(key): (form, place) for place, key in enumerate(keys) for form in _forms(key)}
    found = [value for value in values if isinstance(value, Key) and value in stand_ins]
    if missing := [key for key in keys if not any(form(key) in found for form in _forms(key))]:
        raise ValueError(f"a key is not in the statement as it is: {missing}")
    return sql, [_filler(value, stand_ins) for value in values]


def _forms(key: Key) -> list[Callable[[Any], Any]]:
    """How a key may stand among a statement's values: SQLite has no type for a UUID and a time."""
    if isinstance(key, UUID):
        return [str, lambda held: held.hex, lambda held: held]
    return [_adapted] if isinstance(key, datetime) else [lambda held: held]


@dataclass(frozen=True)
class _Statement:
    """A statement, and for each of its values the function that makes it of the moment and the keys."""

    sql: str
    fillers: list[Filler]

    def values(self, keys: Sequence[Key]) -> tuple[Any, ...]:
        now = datetime.now(UTC)
        return tuple(fill(now, keys) for fill in self.fillers)

    def execute(self, keys: Sequence[Key]) -> int:
        with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
            cursor.execute(self.sql, self.values(keys))
            return int(cursor.rowcount)


@dataclass(frozen=True)
class _Read(_Statement):
    """The statement of a query set."""

    found: QuerySet[Any, Any]
    compiler: Any

    def rows(self, keys: Sequence[Key]) -> list[Any]:
        compiler, values = copy.copy(self.compiler), self.values(keys)
        compiler.as_sql = lambda *_, **__: (self.sql, values)
        asked: Any = _Asked(self.found, _Query(self.found.query, compiler))
        rows: Any = self.found._iterable_class(asked)  # noqa: SLF001 - what iterating a query set does
        return list(rows)


class _Query:
    """A query as what reads its rows takes it, with the statement that was written."""

    def __init__(self, query: Any, compiler: Any) -> None:
        self._query, self._compiler = query, compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)

    def get_compiler(self, using: str) -> Any:
        """The written statement, whatever the database's name."""
        return self._compiler


class _Asked:
    """A query set as what reads its rows takes it."""

    def __init__(self, found: QuerySet[Any, Any], query: _Query) -> None:
        self._found, self.query = found, query

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)


def _filler(value: Any, stand_ins: dict[Any, tuple[Any, int]]) -> Filler:
    """The function that makes a value of the moment and the keys. Raises ValueError for a time of its own."""
    if not isinstance(value, bool) and isinstance(value, Key) and value in stand_ins:
        form, place = stand_ins[value]
        return lambda _, keys: form(keys[place])
    at = _time(value)
    if at and abs(at - MOMENT) < _AROUND:
        distance = at - MOMENT
        return lambda now, _: _adapted(now + distance)
    if at and abs(at - datetime.now(UTC)) < _AROUND:
        raise ValueError(f"the statement has looked at the clock: {value}")
    return lambda *_: value


def _adapted(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)


def _time(value: Any) -> datetime | None:
    """The time that a value is; SQLite has times as texts."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        except ValueError:
            return None
    return value if isinstance(value, datetime) else None
