"""The database itself refuses to change the trail (P2), on both engines."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from fini_admin.audit import bodies, chain, recording, triggers
from fini_admin.audit.models import Body, Entry
from fini_admin.audit.names import ANCHOR, CallKind
from fini_admin.audit.recording import Context
from fini_admin.audit.verify import verify
from fini_admin.fini import routes
from tests.support import people
from tests.support.triggers import drop

SQLITE = connection.vendor == "sqlite"
sqlite_only = pytest.mark.skipif(not SQLITE, reason="a way that only SQLite has")
postgresql_only = pytest.mark.skipif(SQLITE, reason="a way that only PostgreSQL has")
MESSAGE = "the audit trail is append-only"
NAMES = [field.attname for field in Entry._meta.concrete_fields]


@pytest.fixture
def trail(context: Context) -> str:
    """A chain of four rows, the last three of two calls, and one body."""
    with transaction.atomic():
        recording.write_asked("call-1", routes.crawl(["https://a.example"]), context)
        recording.write_lost("call-1")
        recording.write_asked("call-2", routes.list_sources(limit=1), context)
    return context.chain


def held() -> list[tuple]:
    """All that both tables hold."""
    return [*Entry.objects.order_by("chain", "seq").values_list(), *map(tuple, raw_bodies())]


def raw_bodies() -> list[tuple]:
    return [
        (body.chain, body.sha256, bytes(body.content)) for body in Body.objects.order_by("chain", "sha256")
    ]


def refused(sql: str, params: list | tuple = ()) -> None:
    """The statement is refused, and nothing has changed."""
    before = held()
    with (
        pytest.raises(IntegrityError, match=MESSAGE),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, params)
    assert held() == before


def insert(verb: str, row: dict, extra: str = "") -> tuple[str, list]:
    names = ", ".join(f'"{name}"' if name not in ("rowid", "_rowid_", "oid") else name for name in row)
    return f"{verb} INTO trail_entry ({names}) VALUES ({', '.join(['%s'] * len(row))}) {extra}", [
        *row.values()
    ]


def row(trail: str, seq: int) -> dict:
    return dict(Entry.objects.filter(chain=trail, seq=seq).values(*NAMES).get())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE trail_entry SET actor = 'eve'",
        "UPDATE trail_entry SET seq = seq + 100",
        "UPDATE trail_entry SET actor = actor",
        "DELETE FROM trail_entry",
        "DELETE FROM trail_entry WHERE seq = 4",
        "UPDATE trail_body SET content = content",
        "DELETE FROM trail_body",
    ],
)
def test_update_and_delete_are_refused(trail, sql):
    refused(sql)


@sqlite_only
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE", "INSERT OR ABORT", "INSERT"])
@pytest.mark.parametrize("column", ["", "rowid", "_rowid_", "oid"])
def test_a_row_cannot_be_replaced(trail, verb, column):
    target = row(trail, 2)
    refused(*insert(verb, target | {"actor": "eve"}))
    refused(*insert(verb, target | {"actor": "eve", "seq": str(target["seq"])}))
    refused(*insert(verb, target | {"actor": "eve", "seq": float(target["seq"])}))
    if column:
        rowid = rowid_of(trail, 2)
        for other in (rowid, str(rowid), float(rowid)):
            refused(*insert(verb, target | {column: other, "seq": 99, "call": "call-9"}))


def rowid_of(trail: str, seq: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rowid FROM trail_entry WHERE chain = %s AND seq = %s", [trail, seq])
        return int(cursor.fetchone()[0])


@sqlite_only
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE OR REPLACE trail_entry SET seq = 3 WHERE seq = 2",
        "UPDATE OR REPLACE trail_entry SET rowid = 1 WHERE seq = 3",
        "UPDATE OR IGNORE trail_entry SET actor = 'eve'",
        "REPLACE INTO trail_body SELECT chain, sha256, x'00' FROM trail_body",
        "REPLACE INTO trail_body (rowid, chain, sha256, content) SELECT rowid, 'x', 'y', x'00' FROM trail_body",
        "INSERT INTO trail_body SELECT * FROM trail_body WHERE true ON CONFLICT DO UPDATE SET content = x'00'",
        "UPDATE OR REPLACE trail_body SET content = x'00'",
    ],
)
def test_other_words_for_replacing_are_refused(trail, sql):
    refused(sql)


@sqlite_only
def test_replacing_is_refused_whatever_the_pragma_for_recursive_triggers(trail):
    with connection.cursor() as cursor:
        for switch in ("ON", "OFF"):
            cursor.execute(f"PRAGMA recursive_triggers = {switch}")
            refused(*insert("REPLACE", row(trail, 2) | {"actor": "eve"}))


@sqlite_only
@pytest.mark.parametrize("seq", [2, 3])
def test_a_call_row_cannot_be_replaced_through_the_index_of_calls(trail, seq):
    refused(*insert("REPLACE", row(trail, seq) | {"seq": 99}))


@postgresql_only
@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE trail_entry",
        "TRUNCATE trail_body",
        "TRUNCATE trail_entry, trail_body CASCADE",
        "INSERT INTO trail_entry SELECT * FROM trail_entry ON CONFLICT (chain, seq) DO UPDATE SET actor = 'eve'",
        "INSERT INTO trail_body SELECT * FROM trail_body ON CONFLICT (chain, sha256) DO UPDATE SET content = '\\x00'",
        "MERGE INTO trail_entry e USING (SELECT 1) x ON e.seq = 2 WHEN MATCHED THEN DELETE",
        "WITH gone AS (DELETE FROM trail_entry RETURNING 1) SELECT count(*) FROM gone",
    ],
)
def test_every_way_of_postgresql_is_refused(trail, sql):
    refused(sql)


@postgresql_only
def test_a_temporary_table_of_the_same_name_does_not_cover_rows(trail):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE trail_entry (LIKE public.trail_entry) ON COMMIT DROP")
        cursor.execute(
            "INSERT INTO pg_temp.trail_entry SELECT * FROM public.trail_entry WHERE chain = %s AND seq = 4",
            [trail],
        )
        cursor.execute("UPDATE pg_temp.trail_entry SET kind = 'audit.anchor', covers = 9, seq = 99")
        with pytest.raises(IntegrityError, match=MESSAGE), transaction.atomic():
            cursor.execute("DELETE FROM public.trail_entry WHERE chain = %s", [trail])
        cursor.execute("DROP TABLE pg_temp.trail_entry")


@pytest.mark.parametrize(
    "act",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: Entry.objects.filter(seq=entry.seq).update(actor="eve"),
        lambda entry: Entry.objects.all().delete(),
        lambda entry: Entry.objects.bulk_update([entry], ["actor"]),
        lambda entry: Entry.objects.update_or_create(
            chain=entry.chain, seq=entry.seq, defaults={"actor": "eve"}
        ),
        lambda entry: Entry.objects.bulk_create(
            [entry], update_conflicts=True, unique_fields=["chain", "seq"], update_fields=["actor"]
        ),
        lambda entry: Body.objects.all().delete(),
        lambda entry: Body.objects.update(content=b""),
        lambda entry: Body.objects.get().save(),
    ],
)
def test_the_orm_is_refused_too(trail, act):
    before = held()
    entry = Entry.objects.get(chain=trail, seq=2)
    entry.actor = "eve"
    with pytest.raises(IntegrityError, match=MESSAGE), transaction.atomic():
        act(entry)
    assert held() == before


@pytest.mark.parametrize("kind", [CallKind.ANSWERED, CallKind.LOST, CallKind.UNSENT])
def test_a_call_has_one_outcome(trail, kind):
    before = held()
    with pytest.raises(IntegrityError), transaction.atomic():
        chain.append(trail, {"kind": str(kind), "call": "call-1"})
    with pytest.raises(IntegrityError), transaction.atomic():
        chain.append(trail, {"kind": "call.asked", "call": "call-2"})
    assert held() == before
    verify(trail)


def test_the_index_alone_allows_one_outcome_too(trail):
    drop(connection)
    with pytest.raises(IntegrityError), transaction.atomic():
        chain.append(trail, {"kind": "call.unsent", "call": "call-1"})


def delete(trail: str, seq: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM trail_entry WHERE chain = %s AND seq = %s", [trail, seq])
        return int(cursor.rowcount)


def test_a_row_covered_by_a_later_anchor_may_go_and_no_other(trail):
    other = people.workspace("other", "Other")
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": 2})
        chain.append(trail, {"kind": "run.started", "covers": 99})
    assert delete(trail, 2) == 1
    assert list(Entry.objects.filter(chain=trail).order_by("seq").values_list("seq", flat=True)) == [
        1,
        3,
        4,
        5,
        6,
    ]
    for seq in (3, 4, 5, 6):
        with pytest.raises(IntegrityError, match=MESSAGE):
            delete(trail, seq)
    with pytest.raises(IntegrityError, match=MESSAGE):
        delete(str(other.pk), 1)
    with pytest.raises(IntegrityError, match=MESSAGE):
        Entry.objects.filter(chain=trail, seq=1).update(actor="eve")


def test_an_anchor_covers_neither_itself_nor_what_comes_later(trail):
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": 1_000})
        chain.append(trail, {"kind": "run.started"})
    for seq in (5, 6):
        with pytest.raises(IntegrityError, match=MESSAGE):
            delete(trail, seq)


def installed() -> set[str]:
    """The trail's triggers that there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            if SQLITE
            else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        )
        return {name for (name,) in cursor.fetchall() if name.startswith("trail_")}


def wanted() -> set[str]:
    third = "insert" if SQLITE else "truncate"
    names = {f"{table}_{act}" for table in triggers.TABLES for act in ("update", "delete", third)}
    return {triggers.SQLITE_NAMES.get(name, name) for name in names} if SQLITE else names


@pytest.mark.django_db
def test_insert_only_tables_and_only_they_are_named_trail():
    tables = {table for table in connection.introspection.table_names() if table.startswith("trail_")}
    assert tables == set(triggers.TABLES)
    assert {model._meta.db_table for model in apps.get_app_config("audit").get_models()} & tables == tables
    assert {name for name in installed() if name.startswith("trail_")} == installed() == wanted()


@pytest.mark.django_db(transaction=True)
def test_the_triggers_are_there_after_a_flush():
    people.workspace()
    call_command("flush", interactive=False, verbosity=0)
    assert (Entry.objects.count(), installed()) == (0, wanted())
    chain.start_chain(chain.INSTALLATION)
    with transaction.atomic():
        chain.append(chain.INSTALLATION, {"kind": "login.succeeded"})
    refused("DELETE FROM trail_entry")


@pytest.mark.django_db(transaction=True)
def test_a_flush_of_the_product_is_refused(monkeypatch):
    people.workspace()
    before = held()
    statements = connection.ops.sql_flush(no_style(), ["trail_entry", "trail_body"])
    for statement in statements:
        if "trail_entry" in statement:
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
    assert held() == before


@pytest.fixture
def rebuilt(transactional_db: None) -> Iterator[None]:
    """The trail's table with one more column, for whose default SQLite builds the table anew."""
    people.workspace()
    field = models.CharField(max_length=5, default="")
    field.set_attributes_from_name("extra")
    with connection.schema_editor() as editor:
        if SQLITE:
            editor.execute("DROP TRIGGER trail_body_unnamed")
        editor.add_field(Entry, field)
    yield
    drop(connection)
    with connection.schema_editor() as editor:
        editor.remove_field(Entry, field)
    triggers.install(connection)


def test_the_triggers_are_there_after_a_rebuilt_table_and_migrate(rebuilt):
    assert (installed() == wanted()) is not SQLITE
    call_command("migrate", verbosity=0)
    assert installed() == wanted()
    refused("UPDATE trail_entry SET actor = 'eve'")
    refused("DELETE FROM trail_entry")


@pytest.mark.django_db
def test_installing_again_changes_nothing():
    triggers.install(connection)
    triggers.install(connection)
    assert installed() == wanted()


def test_a_body_is_stored_once_and_never_replaced(trail):
    (text,) = [bodies.load_text(trail, body.sha256) for body in Body.objects.all()]
    before = held()
    with transaction.atomic():
        assert bodies.store_text(trail, text or "") == Body.objects.get().sha256
        assert bodies.store_text(trail, "") is None
    assert held() == before
