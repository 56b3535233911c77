# ruff: noqa: S608 - the statements are made of our own column names
"""A chain that was changed behind the application's back is found out, whatever was changed (P2)."""

import random
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fini_admin.audit import bodies, chain, recording
from fini_admin.audit.models import Body, Entry, Head
from fini_admin.audit.names import CallKind
from fini_admin.audit.recording import Context
from fini_admin.audit.verify import ChainBroken, _decompressed, authentic_head, verify
from fini_admin.fini import routes
from fini_admin.fini.routes import Resource
from fini_admin.lib.keyring import UnknownKey
from tests.support.triggers import drop
from tests.support.who import by

SQLITE = connection.vendor == "sqlite"
COLUMNS = [field.column for field in Entry._meta.concrete_fields]
NUMBERS = {"seq", "status", "duration_ms", "run", "attempt", "covers"}
REQUIRED = {"chain", "seq", "at", "kind", "prev", "hash"}
ROWS = 6
WIDTHS = {
    field.column: int(field.max_length or 60)
    for field in Entry._meta.concrete_fields
    if field.column not in NUMBERS
}
some_examples = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def trail(context: Context) -> str:
    """Six rows: a workspace's start, two calls with bodies, an activity. No trigger guards them."""
    request = routes.register(
        "notion", [Resource("n-1", "Travel", "https://n.example/1", "text/markdown").body()]
    )
    with transaction.atomic():
        recording.write_asked("call-1", request, context)
        recording.write_outcome(
            "call-1",
            request,
            context,
            error=None,
            kind=CallKind.ANSWERED,
            status=200,
            kept='{"addedDocumentIds":["a"]}',
            seconds=0.25,
        )
        recording.write_asked("call-2", routes.list_sources(limit=1), context)
        recording.write_lost("call-2")
        chain.record(chain=context.chain, kind="run.ended", by=by("ada", "browser"), detail={"run": 7})
    drop(connection)
    return context.chain


def sql(statement: str, *params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def broken(trail: str, act: Callable[[], object], *, with_bodies: bool = False) -> str:
    """What verify says after an act of tampering, which is then undone."""
    assert verify(trail, with_bodies=True) == ROWS
    with transaction.atomic():
        act()
        with pytest.raises(ChainBroken) as found:
            verify(trail, with_bodies=with_bodies)
        transaction.set_rollback(True)
    assert verify(trail, with_bodies=True) == ROWS
    assert "\n" not in str(found.value)
    return str(found.value)


def values(column: str) -> st.SearchStrategy[Any]:
    """What a column could be changed to on this engine."""
    whole = st.integers(-(2**31), 2**31 - 1)
    if SQLITE:
        text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
        choices = [text, whole, st.floats(allow_nan=False), st.binary(max_size=20)]
    elif column in NUMBERS:
        choices = [whole]
    else:
        alphabet = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
        choices = [st.text(alphabet, max_size=min(40, WIDTHS[column]))]
    return st.one_of(*choices, *([] if column in REQUIRED else [st.none()]))


def stored(trail: str, seq: int, column: str) -> tuple[Any, ...]:
    """A column as it is stored, with its type on SQLite."""
    kind = f', typeof("{column}"), quote("{column}")' if SQLITE else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{column}"{kind} FROM trail_entry WHERE chain = %s AND seq = %s', [trail, seq]
        )
        return tuple(cursor.fetchone() or ())


@pytest.mark.parametrize("column", COLUMNS)
@settings(some_examples, max_examples=15)
@given(data=st.data(), seq=st.integers(1, ROWS))
def test_any_column_of_any_row_changed_to_any_other_value(trail, column, data, seq):
    value = data.draw(values(column).filter(lambda new: column != "seq" or new not in range(1, ROWS + 1)))
    before = stored(trail, seq, column)
    with transaction.atomic():
        sql(f'UPDATE trail_entry SET "{column}" = %s WHERE chain = %s AND seq = %s', value, trail, seq)
        if stored(trail, seq, column) == before:
            assert verify(trail) == ROWS
        else:
            # A number changed to one between others moves the row: the first row out of its place is named.
            place = r"\d+" if column == "seq" else seq
            with pytest.raises(ChainBroken, match=rf"^row {place} |^a row was added before row 1"):
                verify(trail)
        transaction.set_rollback(True)


@pytest.mark.skipif(not SQLITE, reason="PostgreSQL holds no such text")
@pytest.mark.parametrize("garbage", ["x'ff'", "x'eda080'", "x'61000062'", "x'c328'"])
@pytest.mark.parametrize("seq", [1, 3, ROWS])
def test_text_that_is_no_text_is_named_by_its_row(trail, garbage, seq):
    for column in COLUMNS:
        statement = (
            f'UPDATE trail_entry SET "{column}" = CAST({garbage} AS TEXT) WHERE chain = %s AND seq = %s'
        )
        message = broken(trail, partial(sql, statement, trail, seq))
        assert message.startswith(f"row {seq} "), (column, message)


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_deleted_row_is_named(trail, seq):
    message = broken(trail, lambda: sql("DELETE FROM trail_entry WHERE chain = %s AND seq = %s", trail, seq))
    assert f"row {seq} is missing" in message


def test_all_rows_deleted_are_missed(trail):
    message = broken(trail, lambda: sql("DELETE FROM trail_entry WHERE chain = %s", trail))
    assert message == f"row 1 is missing: the head names row {ROWS} as the newest"


@pytest.mark.parametrize("more", ["", "UPDATE audit_head SET seq = 4", "forged"])
def test_newest_rows_deleted_and_the_head_moved_back_without_the_key(trail, more):
    old = Entry.objects.get(chain=trail, seq=4)

    def act() -> None:
        sql("DELETE FROM trail_entry WHERE chain = %s AND seq > 4", trail)
        if more == "forged":
            Head.objects.filter(chain=trail).update(seq=4, hash=old.hash)
        elif more:
            Head.objects.filter(chain=trail).update(seq=4)

    assert ("row 5 is missing" if not more else "head was changed") in broken(trail, act)


def test_newest_rows_deleted_the_head_moved_back_and_then_written_on(trail):
    before = Entry.objects.get(chain=trail, seq=ROWS - 1)

    def act() -> None:
        sql("DELETE FROM trail_entry WHERE chain = %s AND seq = %s", trail, ROWS)
        Head.objects.filter(chain=trail).update(seq=ROWS - 1, hash=before.hash)
        for _ in range(2):
            chain.record(chain=trail, kind="run.ended", by=by("eve", "browser"))

    assert f"the head was changed before row {ROWS} was written" in broken(trail, act)


def test_a_head_whose_signature_is_garbage_stops_nothing_and_is_found(trail):
    def act() -> None:
        Head.objects.filter(chain=trail).update(mac="nonsense")
        chain.record(chain=trail, kind="run.ended", by=by("ada", "browser"))

    assert f"the head was changed before row {ROWS + 1} was written" in broken(trail, act)


def test_with_wrong_encryption_keys_nothing_is_written_and_nothing_is_blamed(trail, settings):
    right, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, [b"another key that is 32 bytes long"[:32]]
    with pytest.raises(UnknownKey), transaction.atomic():
        chain.record(chain=trail, kind="run.ended", by=by("ada", "browser"))
    settings.ENCRYPTION_KEYS = right
    assert verify(trail) == ROWS


@settings(some_examples)
@given(pair=st.lists(st.integers(1, ROWS), min_size=2, max_size=2, unique=True))
def test_two_rows_swapped(trail, pair):
    def act() -> None:
        for old, new in ((pair[0], 100), (pair[1], pair[0]), (100, pair[1])):
            sql("UPDATE trail_entry SET seq = %s WHERE chain = %s AND seq = %s", new, trail, old)

    assert f"row {min(pair)} " in broken(trail, act)


def forged(trail: str, seq: float | str | bytes) -> None:
    """A row of ours at a place of theirs, with the hash that fits."""
    newest = Entry.objects.filter(chain=trail, seq=ROWS).values(*chain.COLUMNS).get()
    last = Entry.objects.get(chain=trail, seq=ROWS).hash
    row = newest | {"seq": seq, "prev": last, "call": "call-9", "actor": "eve"}
    names = ", ".join(f'"{name}"' for name in (*row, "hash"))
    marks = ", ".join(["%s"] * (len(row) + 1))
    fitting = "" if isinstance(seq, bytes) else chain.row_hash(row)
    sql(f"INSERT INTO trail_entry ({names}) VALUES ({marks})", *row.values(), fitting)


@pytest.mark.parametrize("seq", [ROWS + 1, ROWS + 2, 0, -1, 2**40, -(2**40)])
def test_an_inserted_row_is_found_even_with_a_fitting_hash(trail, seq):
    assert "row" in broken(trail, lambda: forged(trail, seq))


@pytest.mark.skipif(not SQLITE, reason="PostgreSQL holds whole numbers there")
@pytest.mark.parametrize("seq", [0.5, 6.5, "x", "", b"\x00", 1e300, -1e300])
def test_an_inserted_row_with_a_number_that_is_none_is_found(trail, seq):
    assert "row" in broken(trail, lambda: forged(trail, seq))


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_a_row_rewritten_with_the_hash_that_fits_is_found_by_the_next(trail, seq):
    row = Entry.objects.filter(chain=trail, seq=seq).values(*chain.COLUMNS).get() | {"actor": "eve"}
    where = "UPDATE trail_entry SET actor = 'eve', hash = %s WHERE chain = %s AND seq = %s"
    message = broken(trail, lambda: sql(where, chain.row_hash(row), trail, seq))
    assert message.startswith(
        f"row {seq + 1} does not follow row {seq}" if seq < ROWS else f"row {ROWS} was replaced"
    )


def test_a_row_rewritten_with_all_rows_after_it_is_found_by_the_head(trail):
    def act() -> None:
        prev = chain.FIRST_PREV
        for row in list(Entry.objects.filter(chain=trail).order_by("seq").values(*chain.COLUMNS)):
            changed = row | {"prev": prev, "actor": "eve"}
            prev = chain.row_hash(changed)
            where = "UPDATE trail_entry SET actor = 'eve', prev = %s, hash = %s WHERE chain = %s AND seq = %s"
            sql(where, changed["prev"], prev, trail, row["seq"])

    assert broken(trail, act) == f"row {ROWS} was replaced"


HEAD = [
    "DELETE FROM audit_head WHERE chain = %s",
    "UPDATE audit_head SET chain = 'x' WHERE chain = %s",
    "UPDATE audit_head SET seq = seq + 1 WHERE chain = %s",
    "UPDATE audit_head SET seq = seq - 1 WHERE chain = %s",
    "UPDATE audit_head SET seq = -1 WHERE chain = %s",
    "UPDATE audit_head SET hash = '' WHERE chain = %s",
    "UPDATE audit_head SET hash = prev.hash FROM trail_entry prev WHERE prev.seq = 2 AND audit_head.chain = %s",
    "UPDATE audit_head SET mac = '' WHERE chain = %s",
    "UPDATE audit_head SET mac = 'zz' WHERE chain = %s",
    "UPDATE audit_head SET mac = substr(mac, 1, 71) WHERE chain = %s",
    "UPDATE audit_head SET mac = substr(mac, 1, 8) WHERE chain = %s",
    "UPDATE audit_head SET mac = upper(mac) WHERE chain = %s",
    "UPDATE audit_head SET mac = substr(mac, 1, 8) || 'é' WHERE chain = %s",
]
HEAD_SQLITE = [
    "UPDATE audit_head SET mac = x'00ff' WHERE chain = %s",
    "UPDATE audit_head SET mac = CAST(x'ff' AS TEXT) WHERE chain = %s",
    "UPDATE audit_head SET hash = CAST(x'ff' AS TEXT) WHERE chain = %s",
    "UPDATE audit_head SET hash = x'ff' WHERE chain = %s",
    "UPDATE audit_head SET seq = 'six' WHERE chain = %s",
    "UPDATE audit_head SET seq = 6.5 WHERE chain = %s",
    "UPDATE audit_head SET seq = x'06' WHERE chain = %s",
    "UPDATE audit_head SET seq = CAST(x'ff' AS TEXT) WHERE chain = %s",
]


@pytest.mark.parametrize("statement", HEAD + (HEAD_SQLITE if SQLITE else []))
def test_a_changed_or_missing_head_is_found(trail, statement):
    assert "head" in broken(trail, lambda: sql(statement, trail))


def test_a_head_of_another_chain_does_not_fit(trail):
    def act() -> None:
        other = Head.objects.get(chain=chain.INSTALLATION)
        Head.objects.filter(chain=trail).update(seq=other.seq, hash=other.hash, mac=other.mac)

    assert "head was changed" in broken(trail, act)


def test_a_head_written_with_a_key_that_is_gone_is_not_believed(trail, settings):
    old = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [b"n" * 32, *old]
    assert verify(trail) == ROWS
    settings.ENCRYPTION_KEYS = [b"n" * 32]
    with pytest.raises(ChainBroken, match="ENCRYPTION_KEYS"):
        verify(trail)


BODY = [
    "DELETE FROM trail_body WHERE chain = %s",
    "UPDATE trail_body SET chain = 'x' WHERE chain = %s",
    "UPDATE trail_body SET sha256 = 'x' || substr(sha256, 2) WHERE chain = %s",
]
BODY_SQLITE = [
    "UPDATE trail_body SET content = 'text' WHERE chain = %s",
    "UPDATE trail_body SET content = 7 WHERE chain = %s",
    "UPDATE trail_body SET content = 9223372036854775807 WHERE chain = %s",
    "UPDATE trail_body SET content = -1 WHERE chain = %s",
    "UPDATE trail_body SET content = 1.5 WHERE chain = %s",
    "UPDATE trail_body SET content = CAST(x'ff' AS TEXT) WHERE chain = %s",
]


@pytest.mark.parametrize("statement", BODY + (BODY_SQLITE if SQLITE else []))
def test_a_missing_or_changed_body_is_found_when_asked(trail, statement):
    message = broken(trail, lambda: sql(statement, trail), with_bodies=True)
    assert message.startswith("row 2: its request body ")


@settings(some_examples)
@given(
    change=st.one_of(
        st.binary(max_size=40).map(lambda junk: lambda whole: junk),
        st.binary(min_size=1, max_size=9).map(lambda junk: lambda whole: whole + junk),
        st.integers(1, 20).map(lambda count: lambda whole: whole[:-count]),
        st.integers(2, 30).map(lambda place: lambda whole: flipped(whole, place)),
    ),
    dice=st.integers(0, 1),
)
def test_any_change_of_a_body_is_found_when_asked(trail, change, dice):
    body = Body.objects.filter(chain=trail).order_by("sha256")[dice]
    where = "UPDATE trail_body SET content = %s WHERE chain = %s AND sha256 = %s"
    act = lambda: sql(where, change(bytes(body.content)), trail, body.sha256)  # noqa: E731 - two uses
    assert "body" in broken(trail, act, with_bodies=True)
    with transaction.atomic():
        act()
        assert verify(trail) == ROWS
        transaction.set_rollback(True)


def flipped(whole: bytes, place: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]


def test_a_body_that_would_unpack_to_more_than_is_ever_kept_is_found(trail):
    bomb = zlib.compress(b"0" * (bodies.LARGEST + 1), 9)
    assert _decompressed(bomb) == b""
    where = "UPDATE trail_body SET content = %s WHERE chain = %s"
    assert "was changed" in broken(trail, lambda: sql(where, bomb, trail), with_bodies=True)


def test_a_longest_kept_body_verifies(context):
    request = routes.crawl(["https://a.example/" + "é\x01" * 700_000])
    with transaction.atomic():
        recording.write_asked("call-1", request, context)
    assert verify(context.chain, with_bodies=True) == 2


def test_an_untouched_chain_verifies_and_counts(trail):
    assert (verify(trail), verify(trail, with_bodies=True), verify(chain.INSTALLATION)) == (ROWS, ROWS, 1)


def test_a_chain_over_several_pages_verifies_and_breaks(trail, monkeypatch):
    monkeypatch.setattr("fini_admin.audit.verify.CHUNK", 2)
    assert verify(trail) == ROWS
    seq = random.randint(1, ROWS)
    where = "UPDATE trail_entry SET actor = 'eve' WHERE chain = %s AND seq = %s"
    assert broken(trail, lambda: sql(where, trail, seq)) == f"row {seq} was changed: its hash does not fit"


def test_rows_that_are_appended_meanwhile_are_no_break(trail, context, monkeypatch):
    plain = authentic_head
    names = ["run.started", "run.ended"]

    def appended_before(name: str) -> Head:
        if names:
            with transaction.atomic():
                chain.record(chain=name, kind=names.pop(), by=by("ada", "browser"))
        return plain(name)

    monkeypatch.setattr("fini_admin.audit.verify.authentic_head", appended_before)
    assert verify(trail) == ROWS + 2
