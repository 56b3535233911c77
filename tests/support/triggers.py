"""Removing the trail's triggers: for the test database's flush and for tests of tampering, never in the product."""

from django.db.backends.base.base import BaseDatabaseWrapper

from fini_admin.audit.triggers import TABLES, run


def drop(connection: BaseDatabaseWrapper) -> None:
    """Drop every trigger of the trail's tables."""
    on = connection.vendor != "sqlite"
    run(
        connection,
        [
            f"DROP TRIGGER IF EXISTS {table}_{act}" + (f" ON {table}" if on else "")
            for table in TABLES
            for act in ("update", "delete", "insert", "truncate")
        ],
    )
