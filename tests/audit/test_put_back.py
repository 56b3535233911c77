"""A chain that was taken away, or put back behind what was recorded of its head, is found (P2)."""

from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from fini_admin.audit import chain
from fini_admin.audit.names import HEAD_RECORDED
from fini_admin.audit.recording import Context
from fini_admin.audit.triggers import install
from fini_admin.audit.verify import ChainBroken, verify
from fini_admin.workspaces.models import Workspace
from tests.audit.pruned import numbers, prune
from tests.audit.put_back import RECORDED_AT, activity, recorded, remove, roll_back, sql, written_on
from tests.support import people, rows
from tests.support.tables import undone
from tests.support.triggers import drop


def remove_with_workspace(name: str) -> None:
    remove(name)
    Workspace.objects.filter(pk=name).delete()


def without_head(name: str) -> None:
    roll_back(name, RECORDED_AT - 1)
    sql("DELETE FROM audit_head WHERE chain = %s", name)


def head_left(name: str) -> None:
    sql("DELETE FROM trail_entry WHERE chain = %s AND seq >= %s", name, RECORDED_AT)


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
    chain.start_chain(name)


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
def test_a_chain_that_is_missing_shorter_or_different_is_named(recorded_trail, act, said):
    call_command("verify_audit", all=True)
    with undone():
        act(recorded_trail)
        with pytest.raises(CommandError) as found:
            call_command("verify_audit", all=True)
    assert str(found.value) == said.format(name=recorded_trail)
    call_command("verify_audit", all=True)


@pytest.mark.parametrize(("act", "said"), TAMPERINGS)
def test_a_single_workspace_is_compared_with_what_was_recorded_too(recorded_trail, act, said):
    act(recorded_trail)
    with pytest.raises(ChainBroken) as found:
        verify(recorded_trail)
    assert str(found.value) == said.partition(": ")[2]


def test_a_row_that_records_a_head_cannot_be_taken_away_either(recorded_trail):
    act = "DELETE FROM trail_entry WHERE chain = '-' AND kind = %s AND seq = %s"
    sql(act, HEAD_RECORDED, 2)
    roll_back(recorded_trail, 4)
    with pytest.raises(CommandError, match=r"^-: row 2 is missing: the head names row 2 as the newest"):
        call_command("verify_audit", all=True)


@pytest.mark.parametrize(
    "garbage", ["", "[]", "{}", '{"chain":"{name}"}', '{"chain":"{name}","hash":1,"seq":"x"}']
)
def test_a_row_that_should_record_a_head_and_states_none_is_a_break(recorded_trail, garbage):
    sql(
        "UPDATE trail_entry SET detail = %s WHERE chain = '-' AND seq = 2",
        garbage.replace("{name}", recorded_trail),
    )
    with pytest.raises(CommandError, match=r"^-: row 2 was changed: its hash does not fit"):
        call_command("verify_audit", all=True)
    if "chain" in garbage:
        with pytest.raises(ChainBroken, match="row 2 of the installation's trail states no head"):
            verify(recorded_trail)


def test_a_chain_that_was_put_back_to_a_point_behind_what_was_recorded_is_not_found(recorded_trail):
    """As docs/security.md says."""
    roll_back(recorded_trail, RECORDED_AT)
    call_command("verify_audit", all=True)


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
    assert prune() == "acme: 5 rows deleted, up to row 5"
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
    assert prune("-") == "-: 3 rows deleted, up to row 3"
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
