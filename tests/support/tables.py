"""What stands in the database, and what is written into it: for tests that say "nothing changed"."""

import base64
import pickle
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction

from fini_admin.workspaces.models import Workspace

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "TRUNCATE", "CREATE", "ALTER", "DROP")
# What a request leaves behind whether or not it was let through.
CACHE = "cache"
PASSING = ("django_session", CACHE, "usersessions_usersession")
MIGRATIONS = "django_migrations"
# So much of a statement says which one it is.
SAID = 200

Rows = Counter[tuple[Any, ...]]


@contextmanager
def writes(*, passing: bool = False) -> Iterator[list[str]]:
    """The statements that write, as they are sent; those into sessions and the cache only with `passing`."""
    seen: list[str] = []

    def look(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        told = passing or not any(f'"{name}"' in sql for name in PASSING)
        if told and sql.lstrip().upper().startswith(WRITES):
            seen.append(sql[:SAID])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield seen


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written inside is as if it had never been. No block of transaction.atomic: some views forbid one."""
    place = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(place)


def everything() -> dict[str, Rows]:
    """Every row of every table but those of sessions and the cache."""
    kept = sorted(set(connection.introspection.table_names()) - {*PASSING, MIGRATIONS})
    return {table: Counter(rows_of(table)) for table in kept}


def rows_of(table: str) -> list[tuple[Any, ...]]:
    """Every row of a table."""
    return rows(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - the database's own name of it


def rows(sql: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The rows of a query, in values that can be compared."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [tuple(map(plain, row)) for row in cursor.fetchall()]


def plain(value: Any) -> Any:
    """A column's value that can be compared and counted."""
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    return value if isinstance(value, str | bytes | int | float | type(None)) else str(value)


def of(workspace: Workspace) -> dict[str, Rows]:
    """Every row that belongs to a workspace, and every row that belongs to none."""
    return {table: Counter(rows(sql, params)) for table, sql, params in questions(workspace)}


@cache
def questions(workspace: Workspace) -> list[tuple[str, str, tuple[Any, ...]]]:
    """By table the query for those rows; worked out once, for they are asked for often."""
    found = []
    for model in apps.get_models():
        if model._meta.db_table not in (*PASSING, MIGRATIONS):
            mine = owned(model, workspace).order_by().values_list(*(field.attname for field in fields(model)))
            found.append((model._meta.db_table, *mine.query.sql_with_params()))
    return found


def fields(model: type[models.Model]) -> list[Any]:
    """A model's columns."""
    return [field for field in model._meta.concrete_fields if field.column]


def owned(model: type[models.Model], workspace: Workspace) -> models.QuerySet[Any]:
    """A model's rows of the workspace; all of them where they belong to none."""
    every = model._base_manager.all()
    if model is Workspace:
        return every.filter(pk=workspace.pk)
    way = way_to_workspace(model)
    if way:
        return every.filter(**{way: workspace})
    if any(field.name == "chain" for field in fields(model)):
        return every.filter(chain=str(workspace.pk))
    return every


def way_to_workspace(model: type[models.Model], deeper: int = 2) -> str:
    """The shortest chain of required foreign keys from a model to its workspace, as a filter names it."""
    keys = [field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    for field in keys:
        if field.related_model is Workspace:
            return str(field.name)
    for field in keys if deeper else ():
        beyond = way_to_workspace(field.related_model, deeper - 1) if not field.null else ""
        if beyond:
            return f"{field.name}__{beyond}"
    return ""


def texts(written: list[str] | None = None) -> Iterator[tuple[str, str]]:
    """Every row of every table as text, sessions and the cache too, and what is packed in it unpacked.

    With statements that were `written`: of the tables that they name.
    """
    for table in sorted(connection.introspection.table_names()):
        if written is None or any(f'"{table}"' in statement for statement in written):
            for row in rows_of(table):
                yield table, repr(row)
                yield from ((table, text) for value in row for text in unpacked(table, value))
            if table == Session._meta.db_table:
                for session in Session.objects.all():
                    yield "a session", repr(session.get_decoded())


def unpacked(table: str, value: Any) -> Iterator[str]:
    """What is packed into a value: bodies are compressed, the cache keeps pickles in base64."""
    if isinstance(value, bytes):
        with suppress(zlib.error):
            yield zlib.decompress(value).decode("utf-8", "replace")
    elif table == CACHE and isinstance(value, str):
        with suppress(ValueError, pickle.UnpicklingError, EOFError, LookupError):
            yield repr(pickle.loads(base64.b64decode(value, validate=True)))  # noqa: S301 - our own cache's
