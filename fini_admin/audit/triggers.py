"""Triggers that make `trail_…` tables append-only, on SQLite and on PostgreSQL (P2).

Installed after every `migrate`, because SQLite drops a table's triggers when Django rebuilds the table. A row may be
deleted when a later anchor of its chain covers it, a body when no row of its chain names it. Nothing disables a
trigger.

SQLite cannot rename a table that another table's trigger names: a migration that rebuilds `trail_entry` first drops
`trail_body_unnamed`, which is installed again afterwards.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("trail_entry", "trail_body")
COVERED = (
    "EXISTS (SELECT 1 FROM trail_entry a WHERE a.chain = OLD.chain AND a.kind = 'audit.anchor'"
    " AND a.covers >= OLD.seq AND a.seq > OLD.seq)"
)
# INSERT OR REPLACE deletes without firing delete triggers, so nothing that it would replace may exist.
REPLACES = {
    "trail_entry": (
        "EXISTS (SELECT 1 FROM trail_entry WHERE chain = NEW.chain AND seq = NEW.seq)"
        " OR EXISTS (SELECT 1 FROM trail_entry WHERE rowid = NEW.rowid)"
        " OR (NEW.kind = 'call.asked' AND EXISTS (SELECT 1 FROM trail_entry"
        " WHERE chain = NEW.chain AND call = NEW.call AND kind = 'call.asked'))"
        " OR (NEW.kind IN ('call.answered', 'call.lost', 'call.unsent') AND EXISTS (SELECT 1 FROM trail_entry"
        " WHERE chain = NEW.chain AND call = NEW.call AND kind IN ('call.answered', 'call.lost', 'call.unsent')))"
    ),
    "trail_body": (
        "EXISTS (SELECT 1 FROM trail_body WHERE chain = NEW.chain AND sha256 = NEW.sha256)"
        " OR EXISTS (SELECT 1 FROM trail_body WHERE rowid = NEW.rowid)"
    ),
}
UNNAMED = (
    "NOT EXISTS (SELECT 1 FROM trail_entry e WHERE e.chain = OLD.chain AND e.request_body = OLD.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM trail_entry e WHERE e.chain = OLD.chain AND e.answer_body = OLD.sha256)"
)
DELETABLE = {"trail_entry": COVERED, "trail_body": UNNAMED}
# `trail_body_delete` refused always; migration 0003 put this one in its place.
SQLITE_NAMES = {"trail_body_delete": "trail_body_unnamed"}
# With the schema: a temporary table of the same name must not decide what is covered.
COVERED_BY = (
    COVERED.replace("trail_entry", "%I.trail_entry").replace("OLD.chain", "$1").replace("OLD.seq", "$2")
)
UNNAMED_BY = (
    UNNAMED.replace("trail_entry", "%1$I.trail_entry").replace("OLD.chain", "$1").replace("OLD.sha256", "$2")
)
# A body is stored under the head's lock, before the row that names it: under the same lock that row is visible.
FUNCTION = f"""
CREATE OR REPLACE FUNCTION trail_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  covered boolean;
  unnamed boolean;
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'trail_entry' THEN
    EXECUTE format($covered$SELECT {COVERED_BY}$covered$, TG_TABLE_SCHEMA) INTO covered USING OLD.chain, OLD.seq;
    IF covered THEN RETURN OLD; END IF;
  END IF;
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'trail_body' THEN
    EXECUTE format('SELECT 1 FROM %I.audit_head WHERE chain = $1 FOR UPDATE', TG_TABLE_SCHEMA) USING OLD.chain;
    EXECUTE format($unnamed$SELECT {UNNAMED_BY}$unnamed$, TG_TABLE_SCHEMA) INTO unnamed USING OLD.chain, OLD.sha256;
    IF unnamed THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""  # noqa: S608 - made of our own names


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing."""
    _run(connection, _sqlite_triggers() if connection.vendor == "sqlite" else _postgresql_triggers())


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _sqlite_triggers() -> list[str]:
    """One trigger per table and operation. A changed rule needs a new name, and a migration that drops the old."""
    conditions = {"update": dict.fromkeys(TABLES, "1"), "delete": DELETABLE, "insert": REPLACES}
    statements = []
    for table in TABLES:
        for act, allowed in conditions.items():
            when = f"NOT ({allowed[table]})" if act == "delete" else allowed[table]
            name = SQLITE_NAMES.get(f"{table}_{act}", f"{table}_{act}")
            statements.append(
                f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {act.upper()} ON {table} WHEN {when}"
                " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
            )
    return statements


def _postgresql_triggers() -> list[str]:
    """One function for all tables; UPDATE and DELETE per row, TRUNCATE per statement."""
    statements = [FUNCTION]
    for table in TABLES:
        for act, level in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT")):
            statements.append(
                f"CREATE OR REPLACE TRIGGER {table}_{act} BEFORE {act.upper()} ON {table}"
                f" FOR EACH {level} EXECUTE FUNCTION trail_is_append_only()"
            )
    return statements
