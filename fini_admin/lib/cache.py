"""The cache in the database, which counts the tries of a log-in: an outage is said, never taken for a refusal."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import Error, IntegrityError, connection, transaction

# The longest of ACCOUNT_RATE_LIMITS: nothing is kept for more.
LONGEST = timedelta(days=1)


class Cache(DatabaseCache):
    """As Django's, which answers False both for what another process wrote first and for a database that is away."""

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        """As Django's; raises what the database could not do.

        The transaction is begun and ended out here, where no error is kept back.
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


def forget_ahead(now: datetime) -> None:
    """Forget what is kept for longer than anything is: a clock was ahead when it was counted."""
    table = connection.ops.quote_name(str(settings.CACHES["default"]["LOCATION"]))
    latest = connection.ops.adapt_datetimefield_value(now + LONGEST)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE expires > %s", [latest])  # noqa: S608 - the table's own name
