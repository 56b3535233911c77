"""The database itself refuses to change the trail (P2): triggers on every `trail_…` table, on both engines.

Installed after every `migrate`, because SQLite drops a table's triggers when Django rebuilds it (spike 9).
A row may go only when a later anchor entry of its chain covers its number; nothing ever disables a trigger.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = ("trail_entry", "trail_body")
COVERED = (
    "EXISTS (SELECT 1 FROM trail_entry a WHERE a.chain = OLD.chain AND a.kind = 'audit.anchor'"
    " AND a.covers >= OLD.seq AND a.seq > OLD.seq)"
)
# INSERT OR REPLACE deletes without a delete trigger: so nothing may be there that it could replace.
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
DELETABLE = {"trail_entry": COVERED, "trail_body": "0"}
# The table is named with its schema: a temporary one of the same name must not say what is covered.
COVERED_BY = (
    COVERED.replace("trail_entry", "%I.trail_entry").replace("OLD.chain", "$1").replace("OLD.seq", "$2")
)
FUNCTION = f"""
CREATE OR REPLACE FUNCTION trail_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  covered boolean;
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'trail_entry' THEN
    EXECUTE format($covered$SELECT {COVERED_BY}$covered$, TG_TABLE_SCHEMA) INTO covered USING OLD.chain, OLD.seq;
    IF covered THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def install(connection: BaseDatabaseWrapper) -> None:
    """Create what is missing; harmless when all is there."""
    run(connection, sqlite_triggers() if connection.vendor == "sqlite" else postgresql_triggers())


def run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    """Execute one statement after the other."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def sqlite_triggers() -> list[str]:
    """One trigger per table and act. A rule that changes gets a new name: none is ever dropped."""
    conditions = {"update": dict.fromkeys(TABLES, "1"), "delete": DELETABLE, "insert": REPLACES}
    statements = []
    for table in TABLES:
        for act, allowed in conditions.items():
            when = f"NOT ({allowed[table]})" if act == "delete" else allowed[table]
            statements.append(
                f"CREATE TRIGGER IF NOT EXISTS {table}_{act} BEFORE {act.upper()} ON {table} WHEN {when}"
                " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
            )
    return statements


def postgresql_triggers() -> list[str]:
    """One function for all; UPDATE and DELETE by row, TRUNCATE by statement."""
    statements = [FUNCTION]
    for table in TABLES:
        for act, level in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT")):
            statements.append(
                f"CREATE OR REPLACE TRIGGER {table}_{act} BEFORE {act.upper()} ON {table}"
                f" FOR EACH {level} EXECUTE FUNCTION trail_is_append_only()"
            )
    return statements
