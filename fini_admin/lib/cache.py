"""The database cache, which counts log-in attempts. An outage raises; Django's would report it as "not set"."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import Error, IntegrityError, connection, transaction

# The longest of ACCOUNT_RATE_LIMITS; no entry lives longer.
LONGEST = timedelta(days=1)


class Cache(DatabaseCache):
    """Django's database cache, which tells a lost race from a database that cannot be used."""

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        """As Django's, but raises what the database could not do.

        The transaction is begun out here, because Django's own swallows the error.
        """
        failed: list[Error] = []

        def watched(execute: Callable[..., Any], *given: Any) -> Any:
            try:
                return execute(*given)
            except IntegrityError:
                raise
            except Error as error:
                failed.append(error)
                raise

        with transaction.atomic(), connection.execute_wrapper(watched):
            done: bool = super()._base_set(mode, key, value, timeout)  # type: ignore[misc]  # the stubs know no private name
        if failed:
            raise failed[0]
        return done


def delete_beyond_longest(now: datetime) -> None:
    """Delete entries that expire later than any can: they were counted while the clock was ahead."""
    table = connection.ops.quote_name(str(settings.CACHES["default"]["LOCATION"]))
    latest = connection.ops.adapt_datetimefield_value(now + LONGEST)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE expires > %s", [latest])  # noqa: S608 - the table's own name
