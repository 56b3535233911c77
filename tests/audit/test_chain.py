"""The chain: each row holds the hash of the one before, and the head moves with it (P2)."""

import hashlib
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fini_admin.audit import chain, recording
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.verify import ChainBroken, verify
from fini_admin.fini import routes
from fini_admin.lib import keyring
from tests.support import people
from tests.support.triggers import drop
from tests.support.who import by

SQLITE = connection.vendor == "sqlite"
STATED = "seq at kind call method path request_sha256 status outcome actor origin run key prev hash".split()  # noqa: SIM905 - read as one line


@pytest.fixture
def filled(context):
    """A chain with two calls and odd text in it."""
    with transaction.atomic():
        recording.write_asked("call-1", routes.list_sources(limit=5, cursor="a-b", source="web"), context)
        recording.write_lost("call-1")
        recording.write_asked("call-2", routes.crawl(["https://a.example/é"]), context)
        chain.record(
            chain=context.chain,
            kind="run.ended",
            by=by('Ada "é" \U0001f600', "browser"),
            detail={"b": "ü"},
        )
    return context.chain


def exported(slug: str = "acme") -> list[str]:
    output = StringIO()
    call_command("export_audit", slug, stdout=output)
    return output.getvalue().splitlines()


def test_the_lines_can_be_checked_by_anyone_who_reads_the_contract(filled):
    prev, rows = "0" * 64, 0
    for text in exported():
        line = json.loads(text)
        assert set(STATED) <= set(line)
        hash_ = line.pop("hash")
        bare = json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert (line["seq"], line["prev"]) == (rows + 1, prev)
        assert hashlib.sha256(bare.encode("utf-8")).hexdigest() == hash_
        prev, rows = hash_, rows + 1
    head = Head.objects.get(chain=filled)
    assert (rows, head.seq, head.hash) == (6, 6, prev)


def test_a_line_is_the_very_text_that_its_hash_is_of(filled):
    for text in exported():
        hash_ = json.loads(text)["hash"]
        assert text.count(f'"hash":"{hash_}",') == 1
        assert hashlib.sha256(text.replace(f'"hash":"{hash_}",', "").encode()).hexdigest() == hash_


def test_every_column_is_in_its_line(filled):
    columns = {field.column for field in Entry._meta.concrete_fields}
    assert all(set(json.loads(text)) == columns for text in exported())


def test_what_is_not_meant_is_null_and_the_path_has_its_query(filled):
    asked, lost = (json.loads(text) for text in exported()[1:3])
    assert asked["path"] == "/v2/documents/public?limit=5&cursor=a-b&direction=next&source=web"
    assert (asked["status"], asked["outcome"], asked["covers"], asked["detail"]) == (None, None, None, None)
    assert (lost["kind"], lost["status"], lost["outcome"]) == ("call.lost", None, "unknown")


def test_times_are_utc_text_of_fixed_width_and_never_go_back(filled):
    times = [json.loads(text)["at"] for text in exported()]
    assert {len(at) for at in times} == {27}
    assert all(at.endswith("Z") for at in times)
    assert times == sorted(times)


def test_a_clock_that_is_set_back_gives_no_row_an_earlier_time(filled, monkeypatch):
    last = Entry.objects.get(chain=filled, seq=5).at
    monkeypatch.setattr(chain, "utc_now_text", lambda: "2001-01-01T00:00:00.000000Z")
    with transaction.atomic():
        chain.append(filled, {"kind": "run.started"})
        chain.append(filled, {"kind": "run.started"})
    assert list(Entry.objects.filter(chain=filled, seq__gt=5).values_list("at", flat=True)) == [last, last]
    assert verify(filled) == 7


def test_a_clock_that_is_ahead_is_followed(filled, monkeypatch):
    monkeypatch.setattr(chain, "utc_now_text", lambda: "2999-01-01T00:00:00.000000Z")
    with transaction.atomic():
        chain.append(filled, {"kind": "run.started"})
    assert Entry.objects.get(chain=filled, seq=6).at == "2999-01-01T00:00:00.000000Z"


def test_verification_does_not_judge_times(filled, monkeypatch):
    """As rows of a version that took each clock's time as it was."""
    for at in ("2999-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z"):
        monkeypatch.setattr(chain, "_time_after", lambda _head, at=at: at)
        with transaction.atomic():
            chain.append(filled, {"kind": "run.started"})
    assert verify(filled) == 7


TIMES = ["", "z" * 27, "9999", "2999-01-01T00:00:00.000000z", "２９９９-01-01T00:00:00.000000Z"]
TIMES_SQLITE = ["CAST(x'ff' AS TEXT)", "x'ff'", "7"]


@pytest.mark.parametrize("text", [f"'{text}'" for text in TIMES] + (TIMES_SQLITE if SQLITE else []))
def test_a_time_that_was_changed_to_none_stops_no_row_and_is_not_taken_over(filled, text):
    drop(connection)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE trail_entry SET at = {text} WHERE chain = %s AND seq = 5", [filled])  # noqa: S608 - texts of ours
        chain.append(filled, {"kind": "run.started"})
    assert chain._TIME.fullmatch(Entry.objects.get(chain=filled, seq=6).at)
    with pytest.raises(ChainBroken, match=r"^row 5 "):
        verify(filled)


def test_the_head_is_authenticated_with_a_key_outside_the_database(filled, settings):
    head = Head.objects.get(chain=filled)
    message = f"{filled}|{head.seq}|{head.hash}".encode()
    assert head.mac == keyring.sign(message, chain.MAC_PURPOSE)
    settings.ENCRYPTION_KEYS = [b"x" * 32]
    assert head.mac != keyring.sign(message, chain.MAC_PURPOSE)
    assert not chain.is_head_authentic(head)


@pytest.mark.django_db(transaction=True)
def test_a_row_outside_of_a_transaction_is_refused():
    workspace = people.workspace()
    with pytest.raises(transaction.TransactionManagementError, match="transaction"):
        chain.append(str(workspace.pk), {"kind": "run.started"})
    assert Entry.objects.filter(chain=str(workspace.pk)).count() == 1


def test_a_row_goes_with_the_transaction_that_failed(filled):
    with transaction.atomic():
        chain.append(filled, {"kind": "run.started"})
        transaction.set_rollback(True)
    assert (Entry.objects.filter(chain=filled).count(), verify(filled)) == (5, 5)


def test_a_chain_that_was_not_started_takes_no_row(db):
    with pytest.raises(Head.DoesNotExist), transaction.atomic():
        chain.append("nobody", {"kind": "run.started"})
    assert not Entry.objects.filter(chain="nobody").exists()


def test_starting_a_chain_again_changes_nothing(filled):
    before = Head.objects.filter(chain=filled).values().get()
    chain.start_chain(filled)
    assert Head.objects.filter(chain=filled).values().get() == before


def test_chains_are_apart(filled):
    other = people.workspace("other", "Other")
    with transaction.atomic():
        chain.append(str(other.pk), {"kind": "run.started"})
    assert (verify(filled), verify(str(other.pk)), verify(chain.INSTALLATION)) == (5, 2, 2)


def test_a_row_cannot_name_its_own_place(filled):
    with transaction.atomic():
        chain.append(filled, {"kind": "x", "seq": 1, "prev": "p", "at": "yesterday", "chain": "other"})
    row = Entry.objects.get(chain=filled, seq=6)
    assert (row.prev == "p", row.at == "yesterday", verify(filled)) == (False, False, 6)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), number=st.integers(-(2**63), 2**63 - 1))
def test_any_text_comes_back_as_it_was_hashed(filled, text, number):
    with transaction.atomic():
        chain.append(filled, {"kind": "x", "actor": text, "error": text, "run": number})
        assert verify(filled) == 6
        transaction.set_rollback(True)


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\x00b\udfff"])
def test_text_that_no_database_holds_is_made_holdable(filled, text):
    with transaction.atomic():
        chain.append(filled, {"kind": "x", "actor": text})
    assert verify(filled) == 6


def test_the_same_number_is_never_given_twice(filled):
    Head.objects.filter(chain=filled).update(seq=3)
    assert chain.append(filled, {"kind": "x"}) == 7  # the sixth says that the head was changed
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(chain=filled, seq=3)
