"""Queries that a worker asks several times a second: written once, and asked with the moment put in.

Django takes longer to write such a query than the database to answer it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_AROUND = timedelta(days=1)


def prepared(build: Callable[[datetime], QuerySet[Any, Any]]) -> Callable[[], list[tuple[Any, ...]]]:
    """What asks the query that `build` makes of a moment, of the moment at which it is asked.

    The query may depend on nothing else that changes, and compare with times within a day of the moment. The rows are
    as the database's driver gives them.
    """

    @cache
    def written() -> tuple[str, list[Any]]:
        sql, values = build(MOMENT).query.sql_with_params()
        return sql, [_distance(value) for value in values]

    def ask() -> list[tuple[Any, ...]]:
        sql, values = written()
        now, adapt = datetime.now(UTC), connection.ops.adapt_datetimefield_value
        with connection.cursor() as cursor:
            cursor.execute(
                sql, [adapt(now + value) if isinstance(value, timedelta) else value for value in values]
            )
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    return ask


def _distance(value: Any) -> Any:
    """How far a time is from MOMENT; any other value as it is. SQLite has times as texts."""
    at = value
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value).replace(tzinfo=UTC)
        except ValueError:
            return value
    near = isinstance(at, datetime) and abs(at - MOMENT) < _AROUND
    return at - MOMENT if near else value
