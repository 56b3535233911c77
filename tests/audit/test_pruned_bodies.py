"""Bodies that no row names go, others never; no row or body goes that the database itself does not let go (P2)."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from fini_admin.audit import bodies, chain, pruning, triggers
from fini_admin.audit.models import Body, Entry, Head
from fini_admin.audit.verify import verify
from tests.audit.pruned import LEFT, numbers, prune, sql
from tests.support import people, rows

SQLITE = connection.vendor == "sqlite"
MESSAGE = "the audit trail is append-only"


def test_bodies_stay_as_long_as_a_row_names_them(trail):
    kept = {body.sha256: bodies.load_text(trail, body.sha256) for body in Body.objects.filter(chain=trail)}
    assert '{"both":1}' in kept.values()
    prune()
    left = {bodies.load_text(trail, body.sha256) for body in Body.objects.filter(chain=trail)}
    assert '{"both":1}' in left
    assert '{"old":1}' not in left
    assert len(left) == len(kept) - 2


def named(name: str) -> str:
    """The hash of a body that a row names."""
    return str(Entry.objects.filter(chain=name, answer_body__isnull=False).values_list("answer_body")[0][0])


def test_triggers_refuse_what_no_anchor_covers_and_bodies_that_are_named(trail):
    prune()
    body = named(trail)
    for statement, value in (
        ("DELETE FROM trail_entry WHERE chain = %s AND seq = %s", 8),
        ("DELETE FROM trail_entry WHERE chain = %s AND seq = %s", 12),
        ("DELETE FROM trail_body WHERE chain = %s AND sha256 = %s", body),
    ):
        with pytest.raises(IntegrityError, match=MESSAGE), transaction.atomic():
            sql(statement, trail, value)


def test_a_body_that_only_another_chain_names_may_go(trail):
    other = str(people.workspace("other", "Other").pk)
    body = named(trail)
    with transaction.atomic():
        Body.objects.create(chain=other, sha256=body, content=b"")
        assert Body.objects.filter(chain=other).delete()[0] == 1


@pytest.mark.django_db(transaction=True)
def test_what_went_is_gone_for_every_connection(trail, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 3)
    assert prune() == "acme: 7 rows deleted, up to row 7; 2 bodies"
    assert in_a_thread(lambda: (numbers(trail), verify(trail, with_bodies=True))).result(20) == (
        [8, 9, 10, 11, 12],
        LEFT,
    )


def in_a_thread(act: Callable[[], Any]) -> Future[Any]:
    """What an act on a connection of its own ends in."""

    def closed() -> Any:
        try:
            return act()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(closed)
    finally:
        pool.shutdown(wait=False)


TEXT = '{"once":1}'


@pytest.fixture
def unnamed(transactional_db, aged) -> str:
    """The hash of a body that no row names."""
    with transaction.atomic():
        sha256 = bodies.store_text(aged.chain, TEXT)
    assert sha256
    return sha256


@pytest.mark.parametrize("locked", [True, False])
def test_a_body_is_not_taken_from_a_row_that_is_being_written(unnamed, aged, locked):
    name = aged.chain

    def remove() -> int:
        if locked:
            return pruning.remove_bodies(name)
        with transaction.atomic():  # the trigger alone
            return Body.objects.filter(chain=name, sha256=unnamed).delete()[0]

    with transaction.atomic():
        Head.objects.select_for_update().get(chain=name)
        assert bodies.store_text(name, TEXT) == unnamed
        removal = in_a_thread(remove)
        with pytest.raises(TimeoutError):
            removal.result(0.5)
        chain.append(name, {"kind": "x", "answer_body": unnamed})
    if locked:
        assert removal.result(20) == 0
    else:
        with pytest.raises(IntegrityError, match=MESSAGE):
            removal.result(20)
    assert verify(name, with_bodies=True) == 2


def test_a_body_that_goes_is_stored_anew_by_who_waits_to_name_it(unnamed, aged):
    with transaction.atomic():
        assert pruning._unreferenced_bodies(aged.chain, "", "g").delete()[0] == 1
        writing = in_a_thread(lambda: rows.answered(aged, kept=TEXT))
        with pytest.raises(TimeoutError):
            writing.result(0.5)
    writing.result(20)
    assert Body.objects.filter(chain=aged.chain, sha256=unnamed).exists()
    verify(aged.chain, with_bodies=True)


def test_the_triggers_and_the_search_for_unnamed_bodies_go_by_an_index(trail):
    if not SQLITE:
        pytest.skip("plans as SQLite tells them")
    found = plan_of(triggers.COVERED) + plan_of(triggers.UNNAMED)
    for index in ("trail_anchor", "trail_request_body", "trail_answer_body"):
        assert any(index in step for step in found), found
    assert [step for step in found if step.startswith("SCAN") and "CONSTANT" not in step] == []


def plan_of(condition: str) -> list[str]:
    for name, value in (("chain", "'c'"), ("seq", "7"), ("sha256", "'s'")):
        condition = condition.replace(f"OLD.{name}", value)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN SELECT {condition}")
        return [row[3] for row in cursor.fetchall()]


@pytest.mark.skipif(not SQLITE, reason="on PostgreSQL the rule is a function's, which is replaced")
@pytest.mark.django_db(transaction=True)
def test_the_migration_puts_the_new_rule_for_bodies_in_the_old_ones_place(clock, aged):
    rows.answered(aged, kept=TEXT)
    call_command("migrate", "audit", "0002", verbosity=0)
    sql("DROP TRIGGER trail_body_unnamed")
    sql(
        "CREATE TRIGGER trail_body_delete BEFORE DELETE ON trail_body WHEN NOT (0)"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    )
    call_command("migrate", verbosity=0)  # what other apps took back with it as well
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'trail_body'")
        names = {name for (name,) in cursor.fetchall()}
    assert names == {"trail_body_unnamed", "trail_body_insert", "trail_body_update"}
    with pytest.raises(IntegrityError, match=MESSAGE), transaction.atomic():
        sql("DELETE FROM trail_body")
    verify(aged.chain, with_bodies=True)
