"""Recognising errors that mean the database cannot be used now, and the words for each.

Knows the drivers' errors as well as Django's, because huey uses the drivers directly.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection

from fini_admin.lib.keyring import UnknownKey


class Outage(Enum):
    """What is wrong with the database, and what an operator does about it."""

    LOCKED = (
        "The database is locked",
        "Another process has written to it for too long. If this continues, an operator finds and ends that process.",
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
        return self.value[0]

    @property
    def cure(self) -> str:
        """Why, and what to do, in whole sentences."""
        return self.value[1]


# By the start of SQLite's error name.
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
# By the start of PostgreSQL's error code; an error without a code is one of the connection.
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
    """The outage that an error means; None for errors of a statement or of anything else."""
    if isinstance(error, sqlite3.Error):  # not wrapped by the ORM, so it is huey's
        return Outage.WAKE_UPS
    own = error.__cause__ if isinstance(error, Error) and error.__cause__ else error
    if isinstance(own, sqlite3.Error):
        return _of_sqlite(own)
    if isinstance(own, psycopg.Error):
        code = own.sqlstate or ""
        lost = not code and isinstance(own, psycopg.OperationalError | psycopg.InterfaceError)
        known = (found for start, found in POSTGRES.items() if code.startswith(start))
        return Outage.AWAY if lost else next(known, None)
    return Outage.AWAY if isinstance(own, OperationalError | InterfaceError) else None


def refuses_nul(error: BaseException | None) -> bool:
    """Whether PostgreSQL, or its driver, refused a text because of a NUL."""
    codes = ("22021", "22P05")  # in a text, in JSON
    own = error.__cause__ if isinstance(error, Error) and error.__cause__ else error
    refused = isinstance(own, psycopg.Error) and own.sqlstate in codes
    return refused or (isinstance(own, ValueError | psycopg.DataError) and "NUL (0x00)" in str(own))


def _of_sqlite(error: sqlite3.Error) -> Outage | None:
    """SQLite's outages. A file that exists and cannot be opened is in a folder that cannot be written (WAL)."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_ERROR" and str(error).startswith(("no such table", "no such column")):
        return Outage.NO_TABLES
    if name.startswith("SQLITE_CANTOPEN") and Path(settings.DATABASES["default"]["NAME"]).is_file():
        return Outage.READ_ONLY
    return next((found for start, found in SQLITE.items() if name.startswith(start)), None)


def outage_line(error: BaseException | None) -> str:
    """The outage, what to do, and the driver's message on one line; empty when the error is no outage."""
    found = outage_of(error)
    return f"{found.what}: {found.cure} ({' '.join(str(error).split())})" if found else ""


@contextmanager
def contained(
    log: logging.Logger, message: str, *about: object, recover: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Log an error of the block, then `recover`: a fault in one must stop neither the clock nor the others.

    An outage is raised, for it concerns all of them.
    """
    try:
        yield
    except UnknownKey as error:
        log.warning("%s: %s", message % about, error)
    except Exception as error:
        if outage_of(error):
            raise
        log.exception(message, *about)
    else:
        return
    recover()


@contextmanager
def lock_timeout(seconds: float) -> Iterator[None]:
    """Inside the block this thread waits at most `seconds` for SQLite's lock. No effect on PostgreSQL."""
    if connection.vendor != "sqlite":
        yield
        return
    _set_busy_timeout(seconds)
    try:
        yield
    finally:
        if connection.connection is not None:
            _set_busy_timeout(settings.DATABASES["default"]["OPTIONS"]["timeout"])


def _set_busy_timeout(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
