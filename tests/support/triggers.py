"""Removing the trail's triggers: for the test database's flush and for tests of tampering, never in the product."""

from django.db.backends.base.base import BaseDatabaseWrapper

from fini_admin.audit.triggers import SQLITE_NAMES, TABLES, _run


def drop(connection: BaseDatabaseWrapper) -> None:
    """Drop every trigger of the trail's tables."""
    on = connection.vendor != "sqlite"
    names = {
        f"{table}_{act}": table for table in TABLES for act in ("update", "delete", "insert", "truncate")
    }
    _run(
        connection,
        [
            f"DROP TRIGGER IF EXISTS {name} ON {table}"
            if on
            else f"DROP TRIGGER IF EXISTS {SQLITE_NAMES.get(name, name)}"
            for name, table in names.items()
        ],
    )
