"""The installation's chain names every chain and records its head: what was put back or taken away is found (P2)."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from fini_admin.audit import apps, chain, detail, heads
from fini_admin.audit.heads import Recorded
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.names import HEAD_RECORDED, Activity
from fini_admin.audit.recording import Context
from fini_admin.audit.triggers import install
from fini_admin.audit.verify import Broken, verify
from fini_admin.keyring import UnknownKey
from fini_admin.workspaces import actions
from fini_admin.workspaces.models import Workspace
from tests.audit import rows
from tests.audit.pruned import numbers, prune
from tests.support import people
from tests.support.tables import undone
from tests.support.triggers import drop

SQLITE = connection.vendor == "sqlite"
RECORDED_AT, NEWEST = 5, 7


@pytest.fixture
def trail(context: Context) -> str:
    """Five rows, the head recorded, and two rows behind it. No trigger guards them."""
    rows.answered(context)
    rows.lost(context)
    chain.record_head(context.chain)
    rows.unsent(context)
    drop(connection)
    return context.chain


def recorded(name: str) -> list[int]:
    """The numbers that were recorded of a chain's head, in order."""
    found = Entry.objects.filter(chain="-", kind=HEAD_RECORDED).order_by("seq")
    said = [json.loads(row.detail or "") for row in found]
    return [one["seq"] for one in said if one["chain"] == name]


def activity(name: str, kind: str = "run.started") -> None:
    with transaction.atomic():
        chain.record(chain=name, kind=kind, actor="ada", origin="browser")


# Where a head is recorded.


def test_a_chain_is_named_when_it_starts(acme):
    assert recorded(str(acme.pk)) == [0]
    assert heads.names() == {str(acme.pk)}
    assert heads.newest(str(acme.pk)) == Recorded(1, str(acme.pk), 0, chain.START)


def test_migrate_names_the_chains_of_a_version_that_recorded_none(acme):
    name = str(acme.pk)
    drop(connection)
    Entry.objects.filter(chain="-").delete()
    Head.objects.filter(chain="-").delete()
    chain.start("-")
    assert heads.names() == set()
    apps.prepare(using="default")
    assert recorded(name) == [1]
    apps.prepare(using="default")
    assert (recorded(name), verify("-"), verify(name)) == ([1], 1, 1)


@pytest.mark.parametrize("kind", Activity)
def test_the_head_is_recorded_with_each_act_on_members_and_keys(
    acme, kind, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        activity(str(acme.pk), kind)
    about = kind.startswith(("member.", "invitation.", "key."))
    assert recorded(str(acme.pk)) == [0, 2] if about else [0]


def test_acts_in_one_transaction_are_one_record(acme, django_capture_on_commit_callbacks):
    who: dict[str, Any] = {"actor": "ada", "origin": "browser", "workspace": acme}
    with django_capture_on_commit_callbacks(execute=True):
        member = actions.add_new_member(
            **who, email="bob@example.com", name="Bob", password=people.PASSWORD, role="viewer"
        )
        people.key(acme)
    with django_capture_on_commit_callbacks(execute=True):
        actions.remove_member(actor="ada", origin="browser", membership=member)
    assert recorded(str(acme.pk)) == [0, 3, 4]


def test_what_fails_after_the_commit_undoes_nothing_and_is_made_up_for(
    acme, monkeypatch, django_capture_on_commit_callbacks
):
    def fails(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
        patch.setattr("fini_admin.audit.chain.append_head", fails)
        people.key(acme)
    assert (recorded(str(acme.pk)), verify(str(acme.pk))) == ([0], 2)
    chain.record_heads()
    assert recorded(str(acme.pk)) == [0, 2]


def test_by_the_hour_only_what_moved_is_recorded(acme):
    other = str(people.workspace("other", "Other").pk)
    chain.record_heads()
    activity(other)
    chain.record_heads()
    chain.record_heads()
    assert (recorded(str(acme.pk)), recorded(other)) == ([0, 1], [0, 1, 2])


def test_a_head_that_somebody_changed_is_not_recorded_and_keeps_no_other(acme):
    other = str(people.workspace("other", "Other").pk)
    Head.objects.filter(chain=str(acme.pk)).update(seq=9)
    chain.record_heads()
    assert (recorded(str(acme.pk)), recorded(other)) == ([0], [0, 1])


@pytest.mark.parametrize(("error", "level"), [(UnknownKey, "WARNING"), (RuntimeError, "ERROR")])
def test_a_chain_that_cannot_be_recorded_keeps_no_other(acme, monkeypatch, caplog, error, level):
    other = str(people.workspace("other", "Other").pk)
    plain, faulty = chain.record_head, min(str(acme.pk), other)

    def fails_for_one(name: str) -> None:
        if name == faulty:
            raise error
        plain(name)

    monkeypatch.setattr(chain, "record_head", fails_for_one)
    chain.record_heads()
    assert sorted([recorded(str(acme.pk)), recorded(other)]) == [[0], [0, 1]]
    assert [(record.levelname, faulty in record.getMessage()) for record in caplog.records] == [(level, True)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(SQLITE, reason="SQLite has one lock for all, PostgreSQL one a row")
def test_a_head_is_recorded_while_another_holds_the_chain():
    """Two chains' locks are never held together: so nobody who holds one and wants the other can be waited for."""
    name = str(people.workspace().pk)
    activity(name)
    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with transaction.atomic():
            Head.objects.select_for_update().get(chain=name)
            held.set()
            done.wait(10)
        connections.close_all()

    thread = threading.Thread(target=holder)
    thread.start()
    held.wait(10)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
    try:
        chain.record_head(name)
    finally:
        done.set()
        thread.join()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
    assert recorded(name) == [0, 2]


@pytest.mark.skipif(not SQLITE, reason="PostgreSQL reads so small a table whole")
def test_what_was_recorded_last_is_found_by_an_index(trail):
    with rows.plans() as plans:
        heads.newest(trail)
    assert ["trail_recorded" in plan for plan in plans] == [True]


def test_a_recorded_head_is_told_in_words(trail):
    row = Entry.objects.filter(chain="-", kind=HEAD_RECORDED).order_by("-seq")[0]
    hash_ = Entry.objects.get(chain=trail, seq=RECORDED_AT).hash
    assert detail.told(row) == [("", f"Row 5 was the newest of chain {trail}."), ("hash", hash_)]


# What is found.


def sql(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def roll_back(name: str, seq: int) -> None:
    """The chain as it was when row `seq` was its newest: an old copy of its rows and of its head's row."""
    hash_ = Entry.objects.get(chain=name, seq=seq).hash if seq else chain.START
    sql("DELETE FROM trail_entry WHERE chain = %s AND seq > %s", name, seq)
    sql(
        "UPDATE audit_head SET seq = %s, hash = %s, mac = %s WHERE chain = %s",
        seq,
        hash_,
        chain.head_mac(name, seq, hash_),
        name,
    )


def remove(name: str) -> None:
    """The whole chain, with its head's row and its bodies."""
    for table in ("trail_entry", "trail_body", "audit_head", "audit_opencall"):
        sql(f"DELETE FROM {table} WHERE chain = %s", name)  # noqa: S608 - names of ours


def remove_with_workspace(name: str) -> None:
    remove(name)
    Workspace.objects.filter(pk=name).delete()


def without_head(name: str) -> None:
    roll_back(name, RECORDED_AT - 1)
    sql("DELETE FROM audit_head WHERE chain = %s", name)


def head_left(name: str) -> None:
    sql("DELETE FROM trail_entry WHERE chain = %s AND seq >= %s", name, RECORDED_AT)


def written_on(name: str) -> None:
    """Rolled back, and the product went on since, past the number that was recorded."""
    roll_back(name, RECORDED_AT - 2)
    for _ in range(4):
        activity(name)


def recorded_anew(name: str) -> None:
    """The same, and recorded since at the very same number and at a later one."""
    roll_back(name, RECORDED_AT - 2)
    for _ in range(2):
        activity(name)
    chain.record_head(name)
    activity(name)
    chain.record_head(name)


def started_anew(name: str) -> None:
    remove(name)
    chain.start(name)


TOLD = "row 2 of the installation's trail recorded row 5 as the newest"
TAMPERINGS: list[tuple[Callable[[str], None], str]] = [
    (remove, f"acme: it is missing as a whole: {TOLD}"),
    (remove_with_workspace, f"chain {{name}}: it is missing as a whole: {TOLD}"),
    (started_anew, f"acme: row 1 is missing, though the head names none behind it: {TOLD}"),
    (
        lambda name: roll_back(name, 4),
        f"acme: row 5 is missing, though the head names none behind it: {TOLD}",
    ),
    (
        lambda name: roll_back(name, 1),
        f"acme: row 2 is missing, though the head names none behind it: {TOLD}",
    ),
    (
        lambda name: roll_back(name, 0),
        f"acme: row 1 is missing, though the head names none behind it: {TOLD}",
    ),
    (without_head, "acme: the head is missing"),
    (head_left, "acme: row 5 is missing: the head names row 7 as the newest"),
    (written_on, f"acme: row 5 is another one than it was: {TOLD}, with another hash"),
    (recorded_anew, f"acme: row 5 is another one than it was: {TOLD}, with another hash"),
]


@pytest.mark.parametrize(("act", "said"), TAMPERINGS)
def test_a_chain_that_is_missing_shorter_or_different_is_named(trail, act, said):
    call_command("verify_audit", all=True)
    with undone():
        act(trail)
        with pytest.raises(CommandError) as found:
            call_command("verify_audit", all=True)
    assert str(found.value) == said.format(name=trail)
    call_command("verify_audit", all=True)


@pytest.mark.parametrize(("act", "said"), TAMPERINGS)
def test_a_single_workspace_is_compared_with_what_was_recorded_too(trail, act, said):
    act(trail)
    with pytest.raises(Broken) as found:
        verify(trail)
    assert str(found.value) == said.partition(": ")[2]


def test_a_row_that_records_a_head_cannot_be_taken_away_either(trail):
    act = "DELETE FROM trail_entry WHERE chain = '-' AND kind = %s AND seq = %s"
    sql(act, HEAD_RECORDED, 2)
    roll_back(trail, 4)
    with pytest.raises(CommandError, match=r"^-: row 2 is missing: the head names row 2 as the newest"):
        call_command("verify_audit", all=True)


@pytest.mark.parametrize(
    "garbage", ["", "[]", "{}", '{"chain":"{name}"}', '{"chain":"{name}","hash":1,"seq":"x"}']
)
def test_a_row_that_should_record_a_head_and_states_none_is_a_break(trail, garbage):
    sql("UPDATE trail_entry SET detail = %s WHERE chain = '-' AND seq = 2", garbage.replace("{name}", trail))
    with pytest.raises(CommandError, match=r"^-: row 2 was changed: its hash does not fit"):
        call_command("verify_audit", all=True)
    if "chain" in garbage:
        with pytest.raises(Broken, match="row 2 of the installation's trail states no head"):
            verify(trail)


def test_a_chain_that_was_put_back_to_a_point_behind_what_was_recorded_is_not_found(trail):
    """As docs/security.md says."""
    roll_back(trail, RECORDED_AT)
    call_command("verify_audit", all=True)


# Every single row, as the command says it.

COLUMNS = [field.column for field in Entry._meta.concrete_fields]
TEXTS, NUMBERS = ["'eve'"], ["77"]
GARBAGE = ["x'ff'", "CAST(x'ff' AS TEXT)"]


def values(column: str) -> list[str]:
    """What a column is changed to, as SQL."""
    kind = Entry._meta.get_field(column).get_internal_type()
    return [*(NUMBERS if "Integer" in kind else TEXTS), *(GARBAGE if SQLITE else [])]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("whose", ["-", "acme"])
def test_any_column_of_any_row_is_named_with_its_chain_and_row(trail, column, whose):
    name = trail if whose == "acme" else whose
    for seq in numbers(name):
        for value in values(column):
            with undone():
                where = "WHERE chain = %s AND seq = %s"
                sql(f'UPDATE trail_entry SET "{column}" = {value} {where}', name, seq)  # noqa: S608 - values of ours
                with pytest.raises(CommandError, match=told_of(whose, column, seq)):
                    call_command("verify_audit", all=True)


def told_of(whose: str, column: str, seq: int) -> str:
    """A row whose number was changed stands elsewhere: the first that is not in its place is named."""
    place = "[0-9]+" if column == "seq" else seq
    return rf"^{whose}: (row|a row was added before row) {place}\b"


@pytest.mark.parametrize("column", ["chain", "seq", "hash", "mac"])
@pytest.mark.parametrize("whose", ["-", "acme"])
def test_any_column_of_a_head_is_named_with_its_chain(trail, column, whose):
    name = trail if whose == "acme" else whose
    for value in [*(NUMBERS if column == "seq" else TEXTS), *(GARBAGE if SQLITE else [])]:
        with undone():
            sql(f'UPDATE audit_head SET "{column}" = {value} WHERE chain = %s', name)  # noqa: S608 - values of ours
            with pytest.raises(CommandError, match=rf"^{whose}: the head "):
                call_command("verify_audit", all=True)


@pytest.mark.parametrize("whose", ["-", "acme"])
def test_any_row_taken_away_or_added_is_named_with_its_chain(trail, whose):
    name = trail if whose == "acme" else whose
    for seq in numbers(name):
        with undone():
            sql("DELETE FROM trail_entry WHERE chain = %s AND seq = %s", name, seq)
            with pytest.raises(CommandError, match=rf"^{whose}: row {seq} is missing"):
                call_command("verify_audit", all=True)
        with undone():
            row = Entry.objects.filter(chain=name, seq=seq).values(*chain.COLUMNS).get()
            row |= {"seq": 99, "call": None, "prev": "x"}
            Entry.objects.create(**row, hash=chain.digest(row))
            with pytest.raises(CommandError, match=rf"^{whose}: row {numbers(name)[-2] + 1} is missing"):
                call_command("verify_audit", all=True)


@pytest.mark.parametrize("named", ["'x'", *(["CAST(x'ff' AS TEXT)", "x'ff'"] if SQLITE else [])])
def test_a_row_of_a_chain_that_never_was_is_found(trail, named):
    columns = ", ".join(f'"{column}"' for column in COLUMNS if column not in ("chain", "call"))
    for one in {named, "'y'"}:
        sql(
            f"INSERT INTO trail_entry (chain, {columns})"  # noqa: S608 - names of ours
            f" SELECT {one}, {columns} FROM trail_entry WHERE chain = %s AND seq = 1",
            trail,
        )
    with pytest.raises(CommandError, match=r"^chain .*: (the head is missing|row 1)"):
        call_command("verify_audit", all=True)


# Pruning.


def aged_rows(context: Context) -> None:
    """Four rows of two calls, the head recorded behind each."""
    for _ in range(2):
        rows.answered(context)
        chain.record_head(context.chain)


@pytest.mark.parametrize("recorded_since", [False, True])
def test_a_chain_is_compared_with_what_was_recorded_of_it_when_its_old_rows_went(clock, aged, recorded_since):
    clock.days = 500
    aged_rows(aged)
    clock.days = 0
    rows.answered(aged)
    if recorded_since:
        chain.record_head(aged.chain)
    assert prune() == "acme: 5 rows went, up to row 5"
    call_command("verify_audit", all=True)
    assert numbers(aged.chain)[0] == 6
    with undone():
        drop(connection)
        remove(aged.chain)
        with pytest.raises(CommandError, match="acme: it is missing as a whole"):
            call_command("verify_audit", all=True)


def test_a_chain_that_stood_still_stays_named_when_the_installations_rows_go(clock, aged):
    clock.days = 500
    aged_rows(aged)
    clock.days = 0
    people.workspace("other", "Other")
    activity("-", "login.succeeded")
    assert prune("-") == "-: 3 rows went, up to row 3"
    assert recorded(aged.chain) == [5]
    assert prune("-") == "-: no row is older than 400 days"
    call_command("verify_audit", all=True)
    drop(connection)
    roll_back(aged.chain, 4)
    with pytest.raises(CommandError, match="acme: row 5 is missing, though the head names none behind it"):
        call_command("verify_audit", all=True)


def test_a_chain_that_is_another_than_was_recorded_is_not_pruned(clock, aged):
    clock.days = 500
    aged_rows(aged)
    clock.days = 0
    drop(connection)
    written_on(aged.chain)
    install(connection)
    before = numbers(aged.chain)
    with pytest.raises(CommandError, match="nothing goes from a broken trail: acme: row 5 is another one"):
        prune()
    assert numbers(aged.chain) == before
