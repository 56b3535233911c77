"""Whatever single row or head is changed, `verify_audit --all` says where, on both engines (P2)."""

import pytest
from django.core.management import CommandError, call_command

from fini_admin.audit import chain
from fini_admin.audit.models import Entry
from tests.audit.pruned import numbers
from tests.audit.put_back import SQLITE, sql
from tests.support.tables import undone

COLUMNS = [field.column for field in Entry._meta.concrete_fields]
TEXTS, NUMBERS = ["'eve'"], ["77"]
GARBAGE = ["x'ff'", "CAST(x'ff' AS TEXT)"]


def values(column: str) -> list[str]:
    """What a column is changed to, as SQL."""
    kind = Entry._meta.get_field(column).get_internal_type()
    return [*(NUMBERS if "Integer" in kind else TEXTS), *(GARBAGE if SQLITE else [])]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("whose", ["-", "acme"])
def test_any_column_of_any_row_is_named_with_its_chain_and_row(recorded_trail, column, whose):
    name = recorded_trail if whose == "acme" else whose
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
def test_any_column_of_a_head_is_named_with_its_chain(recorded_trail, column, whose):
    name = recorded_trail if whose == "acme" else whose
    for value in [*(NUMBERS if column == "seq" else TEXTS), *(GARBAGE if SQLITE else [])]:
        with undone():
            sql(f'UPDATE audit_head SET "{column}" = {value} WHERE chain = %s', name)  # noqa: S608 - values of ours
            with pytest.raises(CommandError, match=rf"^{whose}: the head "):
                call_command("verify_audit", all=True)


@pytest.mark.parametrize("whose", ["-", "acme"])
def test_any_row_taken_away_or_added_is_named_with_its_chain(recorded_trail, whose):
    name = recorded_trail if whose == "acme" else whose
    for seq in numbers(name):
        with undone():
            sql("DELETE FROM trail_entry WHERE chain = %s AND seq = %s", name, seq)
            with pytest.raises(CommandError, match=rf"^{whose}: row {seq} is missing"):
                call_command("verify_audit", all=True)
        with undone():
            row = Entry.objects.filter(chain=name, seq=seq).values(*chain.COLUMNS).get()
            row |= {"seq": 99, "call": None, "prev": "x"}
            Entry.objects.create(**row, hash=chain.row_hash(row))
            with pytest.raises(CommandError, match=rf"^{whose}: row {numbers(name)[-2] + 1} is missing"):
                call_command("verify_audit", all=True)


@pytest.mark.parametrize("named", ["'x'", *(["CAST(x'ff' AS TEXT)", "x'ff'"] if SQLITE else [])])
def test_a_row_of_a_chain_that_never_was_is_found(recorded_trail, named):
    columns = ", ".join(f'"{column}"' for column in COLUMNS if column not in ("chain", "call"))
    for one in {named, "'y'"}:
        sql(
            f"INSERT INTO trail_entry (chain, {columns})"  # noqa: S608 - names of ours
            f" SELECT {one}, {columns} FROM trail_entry WHERE chain = %s AND seq = 1",
            recorded_trail,
        )
    with pytest.raises(CommandError, match=r"^chain .*: (the head is missing|row 1)"):
        call_command("verify_audit", all=True)
