"""How much a database does for something: what must not grow with what it looks at (P7)."""

from collections.abc import Callable

import pytest
from django.db import connection

GRAIN = 10
measurable = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite tells how much it did")


def effort(act: Callable[[], object]) -> int:
    """The instructions of SQLite's machine that `act` takes, to the nearest ten; each row that is read takes some."""
    done = 0

    def count() -> int:
        nonlocal done
        done += GRAIN
        return 0

    act()  # what is prepared once, is
    connection.connection.set_progress_handler(count, GRAIN)
    try:
        act()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return done
