"""Writing many rows by one statement."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Model


def insert_rows(rows: Iterable[Model], *, ignore_conflicts: bool = False) -> None:
    """Store new rows of one model: one INSERT, executed for each row. The objects do not get their keys.

    `ignore_conflicts`: what is there already is left alone. Django's `bulk_create` takes several times as long.
    """
    given = list(rows)
    if not given:
        return
    meta, quote = given[0]._meta, connection.ops.quote_name
    fields: list[Any] = [field for field in meta.concrete_fields if field is not meta.auto_field]
    columns = ", ".join(quote(field.column) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
    sql += " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    for row in given:  # a row that it points to may have got its key since
        row._prepare_related_fields_for_save(operation_name="insert_rows")  # type: ignore[attr-defined]  # noqa: SLF001 - as bulk_create does
    _execute(sql, [_stored(row, fields, add=True) for row in given])


def _stored(row: Model, fields: Collection[Any], *, add: bool) -> list[Any]:
    """A row's values as the database takes them."""
    return [field.get_db_prep_save(field.pre_save(row, add=add), connection) for field in fields]


def update_rows(rows: Sequence[Model], names: Collection[str]) -> None:
    """Store the fields of these names of saved rows of one model: one UPDATE, executed for each row by its key.

    Django's `bulk_update` writes a CASE for each field, which takes half a second for a page of sources.
    """
    if not rows or not names:
        return
    meta, quote = rows[0]._meta, connection.ops.quote_name
    fields: list[Any] = [*map(meta.get_field, names), meta.pk]
    columns = [f"{quote(field.column)} = %s" for field in fields]
    sql = f"UPDATE {quote(meta.db_table)} SET {', '.join(columns[:-1])} WHERE {columns[-1]}"  # noqa: S608 - our own names
    _execute(sql, [_stored(row, fields, add=False) for row in rows])


def _execute(sql: str, values: Sequence[Sequence[Any]]) -> None:
    """Execute a statement for each of these, all or none."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.executemany(sql, values)
