"""A database that cannot do its work now: which errors say so, and the words for it. The only place that tells.

The drivers' own errors are known beside the ORM's, for huey uses the drivers themselves.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection


class Outage(Enum):
    """What is wrong, and what an operator does about it."""

    LOCKED = (
        "The database is locked",
        "Another process has been writing to it for too long. If it goes on, an operator finds and ends that process.",
    )
    FULL = ("The database's disk is full", "An operator makes room on the disk that holds the database.")
    READ_ONLY = (
        "The database cannot be written",
        "It is read-only here: its file, its folder, its server or this account. An operator lets it be written.",
    )
    AWAY = (
        "The database cannot be reached",
        "Its server does not answer, or its file does not open. An operator looks at what DATABASE_URL names.",
    )
    NO_TABLES = (
        "The database lacks tables of this version",
        "An operator runs python manage.py migrate.",
    )

    WAKE_UPS = (
        "The wake-ups' file cannot be used",
        "It is huey.sqlite3 in VAR_DIR. An operator lets this account write there, and makes room on that disk.",
    )

    @property
    def what(self) -> str:
        """What is wrong, without a full stop."""
        return self.value[0]

    @property
    def cure(self) -> str:
        """Why, and what to do: whole sentences."""
        return self.value[1]


# By the beginning of SQLite's name for the error.
SQLITE = {
    "SQLITE_BUSY": Outage.LOCKED,
    "SQLITE_LOCKED": Outage.LOCKED,
    "SQLITE_FULL": Outage.FULL,
    "SQLITE_READONLY": Outage.READ_ONLY,
    "SQLITE_PERM": Outage.READ_ONLY,
    "SQLITE_CANTOPEN": Outage.AWAY,
    "SQLITE_IOERR": Outage.AWAY,
    "SQLITE_NOTADB": Outage.AWAY,
    "SQLITE_CORRUPT": Outage.AWAY,
    "SQLITE_PROTOCOL": Outage.AWAY,
}
# By the beginning of PostgreSQL's code for the error; one without a code comes from the connection.
POSTGRES = {
    "53100": Outage.FULL,
    "53": Outage.AWAY,
    "08": Outage.AWAY,
    "28": Outage.AWAY,
    "3D000": Outage.AWAY,
    "57P": Outage.AWAY,
    "58": Outage.AWAY,
    "55P03": Outage.LOCKED,
    "40P01": Outage.LOCKED,
    "57014": Outage.LOCKED,
    "25006": Outage.READ_ONLY,
    "42501": Outage.READ_ONLY,
    "42P01": Outage.NO_TABLES,
    "42703": Outage.NO_TABLES,
}


def outage_of(error: BaseException | None) -> Outage | None:
    """What an error says of the database; None for one that is about a statement, or about something else."""
    if isinstance(error, sqlite3.Error):  # the ORM's errors are its own; only huey uses this driver itself
        return Outage.WAKE_UPS
    own = error.__cause__ if isinstance(error, Error) and error.__cause__ else error
    if isinstance(own, sqlite3.Error):
        return of_sqlite(own)
    if isinstance(own, psycopg.Error):
        code = own.sqlstate or ""
        lost = not code and isinstance(own, psycopg.OperationalError | psycopg.InterfaceError)
        known = (found for start, found in POSTGRES.items() if code.startswith(start))
        return Outage.AWAY if lost else next(known, None)
    return Outage.AWAY if isinstance(own, OperationalError | InterfaceError) else None


def refuses_nul(error: BaseException | None) -> bool:
    """Whether PostgreSQL, or its driver, refused a text for the NUL in it."""
    codes = ("22021", "22P05")  # in a text, in JSON
    own = error.__cause__ if isinstance(error, Error) and error.__cause__ else error
    refused = isinstance(own, psycopg.Error) and own.sqlstate in codes
    return refused or (isinstance(own, ValueError | psycopg.DataError) and "NUL (0x00)" in str(own))


def of_sqlite(error: sqlite3.Error) -> Outage | None:
    """What SQLite says. It cannot open a file that is there either where it may not write beside it (WAL)."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_ERROR" and str(error).startswith(("no such table", "no such column")):
        return Outage.NO_TABLES
    if name.startswith("SQLITE_CANTOPEN") and Path(settings.DATABASES["default"]["NAME"]).is_file():
        return Outage.READ_ONLY
    return next((found for start, found in SQLITE.items() if name.startswith(start)), None)


def in_a_line(error: BaseException | None) -> str:
    """The outage, what to do, and the driver's own words, on one line; empty when the error is none."""
    found = outage_of(error)
    return f"{found.what}: {found.cure} ({' '.join(str(error).split())})" if found else ""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Within this, this thread waits no longer for whoever writes (SQLite; PostgreSQL locks no whole database)."""
    if connection.vendor != "sqlite":
        yield
        return
    set_busy_timeout(seconds)
    try:
        yield
    finally:
        if connection.connection is not None:
            set_busy_timeout(settings.DATABASES["default"]["OPTIONS"]["timeout"])


def set_busy_timeout(seconds: float) -> None:
    """How long a statement of this connection waits for another's write."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
