"""Leases: a process takes a row for a few seconds, extends that while it lives, and gives the row back.

For models with the columns `owner` (a process's name) and `lease_until` (null when nobody holds the row). A process
that dies extends nothing: once `lease_until` is past, others take its rows or close its calls. Each change is one
UPDATE with its condition inside, so of several processes that try at the same moment one succeeds.
"""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.db.models import Model, QuerySet

LENGTH = timedelta(seconds=15)  # five heartbeats of the worker
M = TypeVar("M", bound=Model)


def until(length: timedelta = LENGTH) -> datetime:
    """When a lease ends that begins or is extended now."""
    return datetime.now(UTC) + length


def free(rows: QuerySet[M], now: datetime | None = None) -> QuerySet[M]:
    """The rows that nobody holds, or no longer."""
    return rows.exclude(lease_until__gt=now or datetime.now(UTC))


def held(rows: QuerySet[M], owner: str) -> QuerySet[M]:
    """The rows that this process holds now."""
    return rows.filter(owner=owner, lease_until__gt=datetime.now(UTC))


def run_out(rows: QuerySet[M]) -> QuerySet[M]:
    """The rows whose holder has not been heard of in time."""
    return rows.filter(lease_until__lt=datetime.now(UTC))


def take(rows: QuerySet[M], owner: str) -> bool:
    """Take those of these rows that are free; False when none was, or another process was quicker."""
    return bool(free(rows).update(owner=owner, lease_until=until()))


def extend(rows: QuerySet[M], length: timedelta = LENGTH) -> None:
    """Go on holding these rows. One that was given back meanwhile stays free."""
    rows.filter(lease_until__isnull=False).update(lease_until=until(length))


def give_back(rows: QuerySet[M], **values: object) -> None:
    """Hold these rows no longer, and set `values` in the same statement."""
    rows.update(owner="", lease_until=None, **values)
