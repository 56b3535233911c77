# ruff: noqa: S608 - the statements are made of our own names
"""`prune_audit`: what is older than it is kept for goes, and the trail proves that nothing else did (P2)."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fini_admin.audit import anchors, bodies, chain, pruning, queries, triggers
from fini_admin.audit.models import Body, Entry, Head
from fini_admin.audit.names import ANCHOR, CallKind
from fini_admin.audit.verify import Broken, page_after, verify
from fini_admin.people import rotation
from fini_admin.workspaces.models import Workspace, WorkspaceSettings
from tests.audit import rows
from tests.support import people
from tests.support.triggers import drop

SQLITE = connection.vendor == "sqlite"
MESSAGE = "the audit trail is append-only"
LEFT = 5  # rows of `trail` once it is pruned: two calls, and the anchor
some_examples = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Clock:
    """The trail's clock, so many days ago."""

    days = 0.0

    def now(self) -> str:
        return chain.text_of(datetime.now(UTC) - timedelta(days=self.days))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr("fini_admin.audit.chain.now_text", moved.now)
    return moved


@pytest.fixture
def trail(clock, context) -> str:
    """A row of the workspace's start and six of three calls, 500 days old, and four of two calls of today."""
    clock.days = 500
    rows.answered(context, kept='{"old":1}')
    rows.lost(context, rows.REGISTER)
    rows.answered(context, rows.INGEST, kept='{"both":1}')
    clock.days = 0
    rows.answered(context, rows.INGEST, kept='{"both":1}')
    rows.unsent(context)
    return context.chain


@pytest.fixture
def acme(clock, db):
    """A workspace that began 500 days ago."""
    clock.days = 500
    workspace = people.workspace()
    clock.days = 0
    return workspace


def prune(slug: str = "acme", **options: Any) -> str:
    output = StringIO()
    call_command("prune_audit", slug, stdout=output, **options)
    return output.getvalue().strip()


def numbers(name: str) -> list[int]:
    return list(Entry.objects.filter(chain=name).order_by("seq").values_list("seq", flat=True))


def held(name: str) -> list[tuple]:
    """All there is of a chain."""
    kept = Body.objects.filter(chain=name).order_by("sha256").values_list("sha256", flat=True)
    return [*Entry.objects.filter(chain=name).order_by("seq").values_list(), *((one,) for one in kept)]


def sql(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def broken(name: str, act: Callable[[], object]) -> str:
    """What verify says after an act of tampering that no trigger stopped, which is then undone."""
    before = verify(name, with_bodies=True)
    with transaction.atomic():
        drop(connection)
        act()
        with pytest.raises(Broken) as found:
            verify(name)
        transaction.set_rollback(True)
    assert verify(name, with_bodies=True) == before
    return str(found.value)


def half(name: str, gone: int) -> pruning.Plan:
    """A prune that was interrupted when so many rows had gone."""
    plan = pruning.plan(name, 400)
    assert plan
    with transaction.atomic():
        pruning.write_anchor(name, plan, days=400, actor="ada", origin="test")
    Entry.objects.filter(chain=name, seq__lte=gone).delete()
    return plan


def test_what_is_older_goes_and_an_anchor_stands_for_it(trail):
    hash_ = Entry.objects.get(chain=trail, seq=7).hash
    assert prune() == "acme: 7 rows went, up to row 7; 2 bodies"
    assert numbers(trail) == [8, 9, 10, 11, 12]
    anchor = Entry.objects.get(chain=trail, seq=12)
    said = json.loads(anchor.detail or "")
    assert (anchor.kind, anchor.covers, anchor.origin) == (ANCHOR, 7, "command line")
    assert (said["covers"], said["hash"], said["rows"], said["days"]) == (7, hash_, 7, 400)
    assert said["since"] <= said["until"] < Entry.objects.get(chain=trail, seq=8).at
    assert (verify(trail), verify(trail, with_bodies=True)) == (LEFT, LEFT)
    assert anchor.detail == chain.line(said)


def test_anyone_with_the_public_key_can_check_what_an_anchor_states(trail):
    prune()
    said = json.loads(Entry.objects.get(chain=trail, kind=ANCHOR).detail or "")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public_key"]))
    text = f"fini-admin audit anchor|{trail}|7|{said['hash']}".encode()
    public.verify(bytes.fromhex(said["signature"]), text)


def test_a_second_time_there_is_nothing_to_do_and_no_second_anchor(trail):
    prune()
    before = held(trail)
    assert prune() == "acme: no row is older than 400 days"
    assert held(trail) == before


@pytest.mark.parametrize("gone", range(3, 9))
def test_an_earlier_anchor_goes_once_a_newer_one_covers_it(context, clock, gone):
    clock.days = 500
    rows.lost(context)
    rows.lost(context)
    clock.days = 450
    half(context.chain, 3)
    rows.lost(context)
    clock.days = 0
    rows.lost(context)
    assert anchored(context.chain) == [(6, 3)]
    half(context.chain, gone)
    assert anchored(context.chain) == [(6, 3), (11, 8)][gone >= 6 :]
    assert verify(context.chain, with_bodies=True) == 11 - gone
    prune()
    assert (numbers(context.chain), anchored(context.chain)) == ([9, 10, 11], [(11, 8)])
    assert verify(context.chain, with_bodies=True) == 3


def anchored(name: str) -> list[tuple]:
    """The anchors there are, and what they cover."""
    return list(Entry.objects.filter(chain=name, kind=ANCHOR).order_by("seq").values_list("seq", "covers"))


def test_a_dry_run_changes_nothing(trail):
    before, head = held(trail), Head.objects.filter(chain=trail).values().get()
    assert prune(dry_run=True) == "acme: 7 rows would go, up to row 7"
    assert (held(trail), Head.objects.filter(chain=trail).values().get()) == (before, head)
    prune()
    assert prune(dry_run=True) == "acme: no row is older than 400 days"


def test_a_workspace_says_how_long_its_trail_is_kept(trail):
    row = WorkspaceSettings.objects.create(workspace_id=trail, retention_days=600)
    assert prune() == "acme: no row is older than 600 days"
    row.retention_days = 450
    row.save()
    assert prune().startswith("acme: 7 rows went")
    assert json.loads(Entry.objects.get(chain=trail, kind=ANCHOR).detail or "")["days"] == 450


def test_the_installations_own_chain_is_kept_for_the_default(acme, clock):
    for days in (401, 399):
        clock.days = days
        with transaction.atomic():
            chain.record(chain="-", kind="login.succeeded", actor="ada", origin="browser")
    clock.days = 0
    before = len(numbers("-"))
    assert prune("-").startswith("-: ")
    assert len(numbers("-")) == 2 == verify("-")
    assert before >= 2


def test_all_chains_and_a_broken_one_keeps_only_its_own(trail):
    other = people.workspace("other", "Other")
    Head.objects.filter(chain=str(other.pk)).update(mac="00" * 36)
    before = held(str(other.pk))
    output = StringIO()
    with pytest.raises(CommandError, match=r"^nothing goes from a broken trail: other: the head was changed"):
        call_command("prune_audit", all=True, stdout=output)
    assert "acme: 7 rows went" in output.getvalue()
    assert held(str(other.pk)) == before
    for words in ([], ["acme"]):
        with pytest.raises(CommandError, match="name one workspace"):
            call_command("prune_audit", *words, all=bool(words))


def test_an_open_call_keeps_its_asked_row_and_all_after_it(context, clock):
    clock.days = 500
    rows.lost(context)
    with transaction.atomic():
        call = rows.asked(context)
    rows.lost(context)
    clock.days = 0
    rows.lost(context)
    assert prune().startswith("acme: 3 rows went, up to row 3")
    assert numbers(context.chain)[0] == 4
    found = queries.call_of(context.chain, call)
    assert found
    assert found.flying


def test_a_call_is_whole_or_gone(context, clock):
    clock.days = 500
    first, second = rows.asked(context), rows.asked(context)
    rows.outcome(first, rows.LIST, context, error=None, kind=CallKind.ANSWERED, status=200)
    clock.days = 0
    rows.outcome(second, rows.LIST, context, error=None, kind=CallKind.ANSWERED, status=200)
    prune()
    assert numbers(context.chain)[0] == 2
    verify(context.chain)


def test_a_row_of_a_clock_that_was_late_does_not_take_a_younger_one_along(context, clock):
    for days in (500, 1, 500, 0):
        clock.days = days
        rows.lost(context)
    prune()
    assert numbers(context.chain)[0] == 4


def test_the_newest_row_stays_however_old(context, clock):
    clock.days = 500
    rows.lost(context)
    with transaction.atomic():
        chain.record(chain=context.chain, kind="run.ended", actor="ada", origin="browser")
    clock.days = 0
    assert "up to row 3" in prune()
    assert numbers(context.chain) == [4, 5]


@pytest.mark.parametrize("seq", [2, 7, 9])
def test_a_broken_chain_is_not_pruned(trail, seq):
    with transaction.atomic():
        drop(connection)
        sql("UPDATE trail_entry SET actor = 'eve' WHERE chain = %s AND seq = %s", trail, seq)
        before = held(trail)
        with pytest.raises(Broken, match=f"row {seq} was changed"):
            pruning.plan(trail, 400)
        with pytest.raises(CommandError, match=f"acme: row {seq} was changed"):
            prune()
        assert held(trail) == before
        transaction.set_rollback(True)


@pytest.mark.parametrize("gone", range(8))
def test_an_interrupted_prune_verifies_and_goes_on(trail, gone):
    half(trail, gone)
    assert verify(trail, with_bodies=True) == len(numbers(trail)) == 12 - gone
    assert prune() == (
        f"acme: {7 - gone} rows went, up to row 7; 2 bodies"
        if gone < 7
        else "acme: no row is older than 400 days; 2 bodies"
    )
    assert (numbers(trail), verify(trail, with_bodies=True)) == ([8, 9, 10, 11, 12], LEFT)


def test_rows_that_are_to_be_kept_for_longer_since_stay_though_they_are_covered(trail):
    half(trail, 3)
    WorkspaceSettings.objects.create(workspace_id=trail, retention_days=600)
    assert prune().startswith("acme: no row is older than 600 days")
    assert numbers(trail)[0] == 4
    verify(trail, with_bodies=True)


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_batches_of_any_size_end_alike(trail, monkeypatch, batch):
    monkeypatch.setattr(pruning, "BATCH", batch)
    assert prune() == "acme: 7 rows went, up to row 7; 2 bodies"
    assert (numbers(trail), verify(trail, with_bodies=True)) == ([8, 9, 10, 11, 12], LEFT)


def test_rows_that_go_while_the_chain_is_verified_are_no_break(trail, monkeypatch):
    plan = half(trail, 0)
    monkeypatch.setattr("fini_admin.audit.verify.CHUNK", 2)

    def meanwhile(*place: Any) -> list[dict[str, Any]]:
        Entry.objects.filter(chain=trail, seq__lte=min(plan.last, numbers(trail)[0] + 2)).delete()
        return page_after(*place)

    monkeypatch.setattr("fini_admin.audit.verify.page_after", meanwhile)
    assert verify(trail) == LEFT


def test_bodies_stay_as_long_as_a_row_names_them(trail):
    kept = {body.sha256: bodies.load(trail, body.sha256) for body in Body.objects.filter(chain=trail)}
    assert '{"both":1}' in kept.values()
    prune()
    left = {bodies.load(trail, body.sha256) for body in Body.objects.filter(chain=trail)}
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


def test_after_a_rotation_a_pruned_chain_verifies_without_the_old_key(trail, settings):
    prune()
    settings.ENCRYPTION_KEYS = [b"n" * 32, *settings.ENCRYPTION_KEYS]
    rotation.rotate(actor="ada", origin="test", told=lambda _: None)
    settings.ENCRYPTION_KEYS = [b"n" * 32]
    assert verify(trail, with_bodies=True) == LEFT
    assert prune() == "acme: no row is older than 400 days"


def test_export_and_lists_simply_begin_later(trail, client, context):
    prune()
    output = StringIO()
    call_command("export_audit", "acme", bodies=True, stdout=output)
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [line["seq"] for line in lines] == [8, 9, 10, 11, 12, 13]
    output = StringIO()
    call_command("verify_audit", "acme", bodies=True, stdout=output)
    assert output.getvalue() == "acme: intact, 6 rows from row 8 on\n"
    people.sign_in(client, people.member(Workspace.objects.get(), "admin"))
    page = client.get("/w/acme/activity/").content.decode()
    assert "Audit anchor" in page
    assert "Rows 1 to 7 went: they were older than 400 days." in page
    assert "signature" not in page
    assert client.get("/w/acme/audit/").status_code == 200


def forged(name: str, covers: int, **changed: Any) -> None:
    """An anchor behind the newest row, signed with a key of eve's, and a head that names it."""
    head = Head.objects.get(chain=name)
    hash_ = Entry.objects.get(chain=name, seq=covers).hash
    detail = anchors.stated(name, covers, hash_, days=400)
    old = Entry.objects.filter(chain=name, seq=head.seq).values(*chain.COLUMNS).get()
    row = dict.fromkeys(chain.COLUMNS) | {"chain": name, "seq": head.seq + 1, "at": old["at"], "kind": ANCHOR}
    row |= {"prev": head.hash, "covers": covers, "detail": detail} | changed
    Entry.objects.create(**row, hash=chain.digest(row))
    Head.objects.filter(chain=name).update(seq=row["seq"], hash=chain.digest(row))
    Entry.objects.filter(chain=name, seq__lte=covers).delete()


@pytest.mark.parametrize("covers", [1, 7, 9, 11])
def test_a_forged_anchor_is_found_by_the_head(trail, covers):
    assert broken(trail, lambda: forged(trail, covers)).startswith("the head was changed")


def test_an_anchor_replayed_is_found(trail):
    prune()
    anchor = Entry.objects.filter(chain=trail, kind=ANCHOR).values(*chain.COLUMNS, "hash").get()

    def again() -> None:
        Entry.objects.create(**(anchor | {"seq": 13}))
        Entry.objects.filter(chain=trail, seq__lt=10).delete()

    assert broken(trail, again) == "row 8 is missing (the next is 10)"


def test_an_anchor_of_another_chain_states_nothing_here(trail):
    detail = anchors.stated("other", 7, Entry.objects.get(chain=trail, seq=7).hash)
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": 7, "detail": detail})
    with pytest.raises(Broken, match="row 12 is no anchor: its signature does not hold"):
        verify(trail)


@pytest.mark.parametrize("detail", [None, "", "[]", "{}", "7", '{"covers":7,"hash":"x","public_key":7}'])
def test_an_anchor_without_a_statement_is_a_break(trail, detail):
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": 7, "detail": detail})
    with pytest.raises(Broken, match="row 12 is no anchor: it states nothing"):
        verify(trail)


@pytest.mark.parametrize(("column", "stated"), [(8, 7), (None, 7), (12, 12), (0, 0)])
def test_an_anchor_that_covers_other_rows_than_it_states_is_a_break(trail, column, stated):
    detail = anchors.stated(trail, stated, "0" * 64)
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": column, "detail": detail})
    with pytest.raises(Broken, match="row 12 is no anchor: it covers other rows than it states"):
        verify(trail)


def test_what_is_left_of_covered_rows_must_end_in_what_the_anchor_states(trail):
    with transaction.atomic():
        detail = anchors.stated(trail, 7, "0" * 64)
        chain.append(trail, {"kind": ANCHOR, "covers": 7, "detail": detail})
    with pytest.raises(Broken, match="row 7 is not what the anchor in row 12 states"):
        verify(trail)


@some_examples
@given(gone=st.integers(0, 7), seqs=st.sets(st.integers(1, 12), min_size=1, max_size=4))
def test_whatever_rows_are_deleted_only_a_front_that_an_anchor_covers_is_intact(trail, gone, seqs):
    with transaction.atomic():
        half(trail, gone)
        drop(connection)
        Entry.objects.filter(chain=trail, seq__in=seqs).delete()
        left = numbers(trail)
        if left and left[0] <= 8 and left == list(range(left[0], 13)):
            assert verify(trail) == len(left)
        else:
            with pytest.raises(Broken):
                verify(trail)
        transaction.set_rollback(True)


@some_examples
@given(
    gone=st.integers(0, 7),
    seq=st.integers(1, 12),
    column=st.sampled_from(["actor", "at", "kind", "prev", "hash", "detail", "call"]),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=27),
)
def test_any_change_of_what_is_left_is_found(trail, gone, seq, column, text):
    with transaction.atomic():
        half(trail, gone)
        drop(connection)
        sql(f"UPDATE trail_entry SET {column} = %s WHERE chain = %s AND seq = %s", text, trail, seq)
        changed = Entry.objects.filter(chain=trail, seq=seq).exists()
        if changed:
            with pytest.raises(Broken):
                verify(trail)
        else:
            verify(trail)
        transaction.set_rollback(True)


@some_examples
@given(covers=st.integers(-3, 20))
def test_an_anchor_made_to_cover_more_or_less_is_found(trail, covers):
    with transaction.atomic():
        half(trail, 3)
        drop(connection)
        sql("UPDATE trail_entry SET covers = %s WHERE chain = %s AND seq = 12", covers, trail)
        if covers == 7:
            verify(trail)
        else:
            with pytest.raises(Broken):
                verify(trail)
        transaction.set_rollback(True)


@some_examples
@given(back=st.integers(1, 7))
def test_a_row_put_back_where_rows_went_must_be_the_one_that_stood_there(trail, back):
    with transaction.atomic():
        old = Entry.objects.filter(chain=trail, seq=back).values(*chain.COLUMNS).get()
        half(trail, 7)
        drop(connection)
        row = old | {"actor": "eve"}
        Entry.objects.create(**row, hash=chain.digest(row))
        with pytest.raises(Broken):
            verify(trail)
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_what_went_is_gone_for_every_connection(trail, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 3)
    assert prune() == "acme: 7 rows went, up to row 7; 2 bodies"
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
def unnamed(transactional_db, clock, context) -> str:
    """The hash of a body that no row names."""
    with transaction.atomic():
        sha256 = bodies.store(context.chain, TEXT)
    assert sha256
    return sha256


@pytest.mark.parametrize("locked", [True, False])
def test_a_body_is_not_taken_from_a_row_that_is_being_written(unnamed, context, locked):
    name = context.chain

    def remove() -> int:
        if locked:
            return pruning.remove_bodies(name)
        with transaction.atomic():  # the trigger alone
            return Body.objects.filter(chain=name, sha256=unnamed).delete()[0]

    with transaction.atomic():
        Head.objects.select_for_update().get(chain=name)
        assert bodies.store(name, TEXT) == unnamed
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


def test_a_body_that_goes_is_stored_anew_by_who_waits_to_name_it(unnamed, context):
    with transaction.atomic():
        assert pruning.unnamed(context.chain, "", "g").delete()[0] == 1
        writing = in_a_thread(lambda: rows.answered(context, kept=TEXT))
        with pytest.raises(TimeoutError):
            writing.result(0.5)
    writing.result(20)
    assert Body.objects.filter(chain=context.chain, sha256=unnamed).exists()
    verify(context.chain, with_bodies=True)


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


def test_a_prune_asks_the_database_no_question_a_row(clock, context, django_assert_max_num_queries):
    clock.days = 500
    for number in range(60):
        rows.answered(context, kept=f"[{number}]")
    clock.days = 0
    rows.lost(context)
    with django_assert_max_num_queries(40):
        prune()


@pytest.mark.skipif(not SQLITE, reason="on PostgreSQL the rule is a function's, which is replaced")
@pytest.mark.django_db(transaction=True)
def test_the_migration_puts_the_new_rule_for_bodies_in_the_old_ones_place(clock, context):
    rows.answered(context, kept=TEXT)
    call_command("migrate", "audit", "0002", verbosity=0)
    sql("DROP TRIGGER trail_body_unnamed")
    sql(
        "CREATE TRIGGER trail_body_delete BEFORE DELETE ON trail_body WHEN NOT (0)"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    )
    call_command("migrate", "audit", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'trail_body'")
        names = {name for (name,) in cursor.fetchall()}
    assert names == {"trail_body_unnamed", "trail_body_insert", "trail_body_update"}
    with pytest.raises(IntegrityError, match=MESSAGE), transaction.atomic():
        sql("DELETE FROM trail_body")
    verify(context.chain, with_bodies=True)
