"""`prune_audit`: what is older than it is kept for goes, and nothing else (P2)."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from fini_admin.audit import chain, pruning, queries
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.names import ANCHOR, CallKind
from fini_admin.audit.verify import ChainBroken, verify
from fini_admin.workspaces.models import Workspace, WorkspaceSettings
from tests.audit.pruned import LEFT, anchored, half, held, numbers, prune, sql
from tests.support import people, rows
from tests.support.triggers import drop
from tests.support.who import by


def test_what_is_older_goes_and_an_anchor_stands_for_it(trail):
    hash_ = Entry.objects.get(chain=trail, seq=7).hash
    assert prune() == "acme: 7 rows deleted, up to row 7; 2 bodies"
    assert numbers(trail) == [8, 9, 10, 11, 12]
    anchor = Entry.objects.get(chain=trail, seq=12)
    said = json.loads(anchor.detail or "")
    assert (anchor.kind, anchor.covers, anchor.origin) == (ANCHOR, 7, "command line")
    assert (said["covers"], said["hash"], said["rows"], said["days"]) == (7, hash_, 7, 400)
    assert said["since"] <= said["until"] < Entry.objects.get(chain=trail, seq=8).at
    assert (verify(trail), verify(trail, with_bodies=True)) == (LEFT, LEFT)
    assert anchor.detail == chain.canonical_json(said)


def test_a_second_time_there_is_nothing_to_do_and_no_second_anchor(trail):
    prune()
    before = held(trail)
    assert prune() == "acme: no row is older than 400 days"
    assert held(trail) == before


@pytest.mark.parametrize("gone", range(3, 9))
def test_an_earlier_anchor_goes_once_a_newer_one_covers_it(aged, clock, gone):
    clock.days = 500
    rows.lost(aged)
    rows.lost(aged)
    clock.days = 450
    half(aged.chain, 3)
    rows.lost(aged)
    clock.days = 0
    rows.lost(aged)
    assert anchored(aged.chain) == [(6, 3)]
    half(aged.chain, gone)
    assert anchored(aged.chain) == [(6, 3), (11, 8)][gone >= 6 :]
    assert verify(aged.chain, with_bodies=True) == 11 - gone
    prune()
    assert (numbers(aged.chain), anchored(aged.chain)) == ([9, 10, 11], [(11, 8)])
    assert verify(aged.chain, with_bodies=True) == 3


def test_a_dry_run_changes_nothing(trail):
    before, head = held(trail), Head.objects.filter(chain=trail).values().get()
    assert prune(dry_run=True) == "acme: 7 rows would be deleted, up to row 7"
    assert (held(trail), Head.objects.filter(chain=trail).values().get()) == (before, head)
    prune()
    assert prune(dry_run=True) == "acme: no row is older than 400 days"


def test_a_workspace_says_how_long_its_trail_is_kept(trail):
    row = WorkspaceSettings.objects.create(workspace_id=trail, retention_days=600)
    assert prune() == "acme: no row is older than 600 days"
    row.retention_days = 450
    row.save()
    assert prune().startswith("acme: 7 rows deleted")
    assert json.loads(Entry.objects.get(chain=trail, kind=ANCHOR).detail or "")["days"] == 450


def test_the_installations_own_chain_is_kept_for_the_default(db, clock):
    for days in (401, 399):
        clock.days = days
        with transaction.atomic():
            chain.record(chain="-", kind="login.succeeded", by=by("ada", "browser"))
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
    assert "acme: 7 rows deleted" in output.getvalue()
    assert held(str(other.pk)) == before
    for words in ([], ["acme"]):
        with pytest.raises(CommandError, match="name one workspace"):
            call_command("prune_audit", *words, all=bool(words))


def test_an_open_call_keeps_its_asked_row_and_all_after_it(aged, clock):
    clock.days = 500
    rows.lost(aged)
    with transaction.atomic():
        call = rows.asked(aged)
    rows.lost(aged)
    clock.days = 0
    rows.lost(aged)
    assert prune().startswith("acme: 3 rows deleted, up to row 3")
    assert numbers(aged.chain)[0] == 4
    found = queries.find_call(aged.chain, call)
    assert found
    assert found.flying


def test_a_call_is_whole_or_gone(aged, clock):
    clock.days = 500
    first, second = rows.asked(aged), rows.asked(aged)
    rows.outcome(first, rows.LIST, aged, error=None, kind=CallKind.ANSWERED, status=200)
    clock.days = 0
    rows.outcome(second, rows.LIST, aged, error=None, kind=CallKind.ANSWERED, status=200)
    prune()
    assert numbers(aged.chain)[0] == 2
    verify(aged.chain)


def test_a_row_of_a_clock_that_was_late_does_not_take_a_younger_one_along(aged, clock):
    for days in (500, 1, 500, 0):
        clock.days = days
        rows.lost(aged)
    prune()
    assert numbers(aged.chain)[0] == 4


def test_the_newest_row_stays_however_old(aged, clock):
    clock.days = 500
    rows.lost(aged)
    with transaction.atomic():
        chain.record(chain=aged.chain, kind="run.ended", by=by("ada", "browser"))
    clock.days = 0
    assert "up to row 3" in prune()
    assert numbers(aged.chain) == [4, 5]


def test_nothing_is_anchored_to_a_head_that_was_changed_since(trail):
    plan = pruning.plan(trail, 400)
    assert plan
    Head.objects.filter(chain=trail).update(mac="00" * 36)
    before = held(trail)
    with pytest.raises(ChainBroken, match="the head was changed"):
        pruning.commit_anchor(trail, plan, days=400, by=by("ada"))
    assert held(trail) == before


@pytest.mark.parametrize("seq", [2, 7, 9])
def test_a_broken_chain_is_not_pruned(trail, seq):
    with transaction.atomic():
        drop(connection)
        sql("UPDATE trail_entry SET actor = 'eve' WHERE chain = %s AND seq = %s", trail, seq)
        before = held(trail)
        with pytest.raises(ChainBroken, match=f"row {seq} was changed"):
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
        f"acme: {7 - gone} rows deleted, up to row 7; 2 bodies"
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
    monkeypatch.setattr(chain, "PAGE", batch)
    assert prune() == "acme: 7 rows deleted, up to row 7; 2 bodies"
    assert (numbers(trail), verify(trail, with_bodies=True)) == ([8, 9, 10, 11, 12], LEFT)


def test_export_and_lists_simply_begin_later(trail, client):
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


def test_a_prune_asks_the_database_no_question_a_row(clock, aged, django_assert_max_num_queries):
    clock.days = 500
    for number in range(60):
        rows.answered(aged, kept=f"[{number}]")
    clock.days = 0
    rows.lost(aged)
    with django_assert_max_num_queries(40):
        prune()
