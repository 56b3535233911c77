"""The installation's chain names every chain and records its head: what was put back or taken away is found (P2)."""

import threading
from typing import Any

import pytest
from django.db import connection, connections, transaction

from fini_admin.audit import apps, chain, heads
from fini_admin.audit.heads import RecordedHead
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.names import HEAD_RECORDED, Activity
from fini_admin.audit.verify import verify
from fini_admin.lib.keyring import UnknownKey
from fini_admin.web.wording import activity as detail
from fini_admin.workspaces.members import add_new_member, remove_member
from tests.audit.put_back import RECORDED_AT, SQLITE, activity, recorded
from tests.support import people, rows
from tests.support.triggers import drop
from tests.support.who import by


def test_a_chain_is_named_when_it_starts(acme):
    assert recorded(str(acme.pk)) == [0]
    assert heads.recorded_chains() == {str(acme.pk)}
    assert heads.newest_recorded(str(acme.pk)) == RecordedHead(1, str(acme.pk), 0, chain.FIRST_PREV)


def test_migrate_names_the_chains_of_a_version_that_recorded_none(acme):
    name = str(acme.pk)
    drop(connection)
    Entry.objects.filter(chain="-").delete()
    Head.objects.filter(chain="-").delete()
    chain.start_chain("-")
    assert heads.recorded_chains() == set()
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
    who: dict[str, Any] = {"by": by("ada", "browser"), "workspace": acme}
    with django_capture_on_commit_callbacks(execute=True):
        member = add_new_member(
            **who, email="bob@example.com", name="Bob", password=people.PASSWORD, role="viewer"
        )
        people.key(acme)
    with django_capture_on_commit_callbacks(execute=True):
        remove_member(by=by("ada", "browser"), membership=member)
    assert recorded(str(acme.pk)) == [0, 3, 4]


def test_what_fails_after_the_commit_undoes_nothing_and_is_made_up_for(
    acme, monkeypatch, django_capture_on_commit_callbacks
):
    def fails(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
        patch.setattr("fini_admin.audit.chain.append_recorded_head", fails)
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
def test_what_was_recorded_last_is_found_by_an_index(recorded_trail):
    with rows.plans() as plans:
        heads.newest_recorded(recorded_trail)
    assert ["trail_recorded" in plan for plan in plans] == [True]


def test_a_recorded_head_is_told_in_words(recorded_trail):
    row = Entry.objects.filter(chain="-", kind=HEAD_RECORDED).order_by("-seq")[0]
    hash_ = Entry.objects.get(chain=recorded_trail, seq=RECORDED_AT).hash
    assert detail.detail_pairs(row) == [
        ("", f"Row 5 was the newest of chain {recorded_trail}."),
        ("hash", hash_),
    ]
