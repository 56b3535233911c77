"""The different values of a column of the trail, each found by one step through an index."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

# The columns of which values are told, and the condition of the index that each is read from (models.py).
_CONDITIONS = {
    "actor": "outcome IS NOT NULL",
    "key": "outcome IS NOT NULL",
    "status": "outcome IS NOT NULL",
    "error": "error IS NOT NULL",
}
_OF_ACTIVITY = "call IS NULL"
_SQL = """
WITH RECURSIVE told(value) AS (
  SELECT MIN({column}) FROM trail_entry WHERE chain = %s AND {condition}
  UNION ALL
  SELECT (SELECT MIN({column}) FROM trail_entry WHERE chain = %s AND {condition} AND {column} > told.value)
  FROM told WHERE told.value IS NOT NULL
) SELECT value FROM told WHERE value IS NOT NULL LIMIT {most}
"""
MOST_VALUES, MOST_ERRORS = 500, 1_000


def _values(chain: str, column: str, condition: str, most: int) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_SQL.format(column=column, condition=condition, most=most), [chain, chain])
        return [value for (value,) in cursor.fetchall()]


def of_calls(chain: str, column: str) -> Sequence[Any]:
    """The values of `actor`, `key` or `status` among calls, at most MOST_VALUES, in order."""
    return _values(chain, column, _CONDITIONS[column], MOST_VALUES)


def actors(chain: str, *, of_activity: bool = False) -> list[str]:
    """Who calls were made for, or who did something, at most MOST_VALUES, in order."""
    condition = _OF_ACTIVITY if of_activity else _CONDITIONS["actor"]
    return list(_values(chain, "actor", condition, MOST_VALUES))


def errors_with(chain: str, text: str) -> list[str] | None:
    """The different errors of calls that hold a text; None where there are more than MOST_ERRORS to look at."""
    found = _values(chain, "error", _CONDITIONS["error"], MOST_ERRORS + 1)
    if len(found) > MOST_ERRORS:
        return None
    return [error for error in found if text.lower() in error.lower()]
