"""The index of trigrams over the sources' search texts, kept by the database in the transaction that writes a source.

SQLite has a full-text table, filled by triggers; PostgreSQL a GIN index, if the extension pg_trgm may be installed.
Both are made after every `migrate`, because SQLite drops a table's triggers when Django rebuilds the table.
"""

import json
import logging
from uuid import UUID

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger(__name__)
NAME = "sources_search"
# Beyond so many a scan from the newest source on meets matches soon.
MOST_CANDIDATES = 10_000
_PRIVATE_USE = range(0xE000, 0xF900)
_CHANGED = "OLD.search_text IS NOT NEW.search_text OR OLD.id IS NOT NEW.id"
_ADD = f"INSERT INTO {NAME}(rowid, search_text) VALUES (NEW.id, NEW.search_text);"  # noqa: S608 - our own names
_REMOVE = f"INSERT INTO {NAME}({NAME}, rowid, search_text) VALUES ('delete', OLD.id, OLD.search_text);"  # noqa: S608 - our own names
_FULL_TEXT = "search_text, content='sources_source', content_rowid='id', columnsize=0, detail=none"
_TOKENS = "tokenize='trigram case_sensitive 1'"
_UPDATE = f"AFTER UPDATE OF id, search_text ON sources_source WHEN {_CHANGED}"
_SQLITE = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {NAME} USING fts5({_FULL_TEXT}, {_TOKENS})",
    f"CREATE TRIGGER IF NOT EXISTS {NAME}_insert AFTER INSERT ON sources_source BEGIN {_ADD} END",
    f"CREATE TRIGGER IF NOT EXISTS {NAME}_delete AFTER DELETE ON sources_source BEGIN {_REMOVE} END",
    f"CREATE TRIGGER IF NOT EXISTS {NAME}_update {_UPDATE} BEGIN {_REMOVE} {_ADD} END",
)
_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX IF NOT EXISTS {NAME} ON sources_source USING gin (search_text gin_trgm_ops)",
)
_REBUILD = {
    "sqlite": f"INSERT INTO {NAME}({NAME}) VALUES ('rebuild')",  # noqa: S608 - our own names
    "postgresql": f"REINDEX INDEX {NAME}",
}
_IS_THERE = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = %s",
    "postgresql": "SELECT 1 WHERE to_regclass(%s) IS NOT NULL",
}
ABSENT = "Without its index a search looks through all sources of a workspace"


def install(there: BaseDatabaseWrapper) -> None:
    """Make what is missing of the index; where the database cannot have it, log that and go on."""
    try:
        with transaction.atomic(using=there.alias), there.cursor() as cursor:
            for statement in _SQLITE if there.vendor == "sqlite" else _POSTGRESQL:
                cursor.execute(statement)
    except DatabaseError as error:
        log.warning("%s: %s", ABSENT, error)


def is_installed() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_IS_THERE[connection.vendor], [NAME])
        return cursor.fetchone() is not None


def rebuild() -> None:
    """Fill the index from the search texts."""
    if is_installed():
        with connection.cursor() as cursor:
            cursor.execute(_REBUILD[connection.vendor])


def workspace_mark(workspace_id: UUID) -> str:
    """Three characters of the private use area, by which the index tells workspaces apart: one trigram."""
    number, mark = workspace_id.int, ""
    for _ in range(3):
        number, digit = divmod(number, len(_PRIVATE_USE))
        mark += chr(_PRIVATE_USE[digit])
    return mark


def candidates(workspace_id: UUID, parts: list[str]) -> str | None:
    """The keys of the sources whose texts may hold these parts, as a JSON list.

    None where that narrows nothing: without parts, above MOST_CANDIDATES, on PostgreSQL, whose planner does it itself.
    """
    if not parts or connection.vendor != "sqlite":
        return None
    tokens = dict.fromkeys(
        [workspace_mark(workspace_id), *(token for part in parts for token in _trigrams(part))]
    )
    wanted = " AND ".join('"{}"'.format(token.replace('"', '""')) for token in tokens)
    sql = f"SELECT rowid FROM {NAME} WHERE {NAME} MATCH %s LIMIT {MOST_CANDIDATES + 1}"  # noqa: S608 - our own names
    try:
        with connection.cursor() as cursor:
            keys = [key for (key,) in cursor.execute(sql, [wanted]).fetchall()]
    except OperationalError:  # no such table; any other trouble the search itself meets as well
        return None
    return json.dumps(keys) if len(keys) <= MOST_CANDIDATES else None


def _trigrams(part: str) -> list[str]:
    """Trigrams that cover a text of three or more characters."""
    last = len(part) - 3
    return [part[start : start + 3] for start in (*range(0, last, 3), last)]
