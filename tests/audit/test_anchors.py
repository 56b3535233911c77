# ruff: noqa: S608 - the statements are made of our own names
"""A pruned chain that was changed behind the application's back is found out, whatever was changed (P2)."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fini_admin.audit import anchors, chain
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.names import ANCHOR
from fini_admin.audit.verify import ChainBroken, _page_after, verify
from fini_admin.people import rotation
from tests.audit.pruned import LEFT, broken, half, numbers, prune, sql
from tests.support.triggers import drop
from tests.support.who import by

some_examples = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_rows_that_go_while_the_chain_is_verified_are_no_break(trail, monkeypatch):
    plan = half(trail, 0)
    monkeypatch.setattr("fini_admin.audit.verify.CHUNK", 2)

    def meanwhile(*place: Any) -> list[dict[str, Any]]:
        Entry.objects.filter(chain=trail, seq__lte=min(plan.last, numbers(trail)[0] + 2)).delete()
        return _page_after(*place)

    monkeypatch.setattr("fini_admin.audit.verify._page_after", meanwhile)
    assert verify(trail) == LEFT


def test_anyone_with_the_public_key_can_check_what_an_anchor_states(trail):
    prune()
    said = json.loads(Entry.objects.get(chain=trail, kind=ANCHOR).detail or "")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public_key"]))
    text = f"fini-admin audit anchor|{trail}|7|{said['hash']}".encode()
    public.verify(bytes.fromhex(said["signature"]), text)


def test_after_a_rotation_a_pruned_chain_verifies_without_the_old_key(trail, settings):
    prune()
    settings.ENCRYPTION_KEYS = [b"n" * 32, *settings.ENCRYPTION_KEYS]
    rotation.rotate(by=by("ada"), told=lambda _: None)
    settings.ENCRYPTION_KEYS = [b"n" * 32]
    assert verify(trail, with_bodies=True) == LEFT
    assert prune() == "acme: no row is older than 400 days"


def forged(name: str, covers: int, **changed: Any) -> None:
    """An anchor behind the newest row, signed with a key of eve's, and a head that names it."""
    head = Head.objects.get(chain=name)
    hash_ = Entry.objects.get(chain=name, seq=covers).hash
    detail = anchors.signed_detail(name, covers, hash_, days=400)
    old = Entry.objects.filter(chain=name, seq=head.seq).values(*chain.COLUMNS).get()
    row = dict.fromkeys(chain.COLUMNS) | {"chain": name, "seq": head.seq + 1, "at": old["at"], "kind": ANCHOR}
    row |= {"prev": head.hash, "covers": covers, "detail": detail} | changed
    Entry.objects.create(**row, hash=chain.row_hash(row))
    Head.objects.filter(chain=name).update(seq=row["seq"], hash=chain.row_hash(row))
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
    detail = anchors.signed_detail("other", 7, Entry.objects.get(chain=trail, seq=7).hash)
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": 7, "detail": detail})
    with pytest.raises(ChainBroken, match="row 12 is no anchor: its signature does not hold"):
        verify(trail)


@pytest.mark.parametrize("detail", [None, "", "[]", "{}", "7", '{"covers":7,"hash":"x","public_key":7}'])
def test_an_anchor_without_a_statement_is_a_break(trail, detail):
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": 7, "detail": detail})
    with pytest.raises(ChainBroken, match="row 12 is no anchor: it states nothing"):
        verify(trail)


@pytest.mark.parametrize(("column", "stated"), [(8, 7), (None, 7), (12, 12), (0, 0)])
def test_an_anchor_that_covers_other_rows_than_it_states_is_a_break(trail, column, stated):
    detail = anchors.signed_detail(trail, stated, "0" * 64)
    with transaction.atomic():
        chain.append(trail, {"kind": ANCHOR, "covers": column, "detail": detail})
    with pytest.raises(ChainBroken, match="row 12 is no anchor: it covers other rows than it states"):
        verify(trail)


def test_what_is_left_of_covered_rows_must_end_in_what_the_anchor_states(trail):
    with transaction.atomic():
        detail = anchors.signed_detail(trail, 7, "0" * 64)
        chain.append(trail, {"kind": ANCHOR, "covers": 7, "detail": detail})
    with pytest.raises(ChainBroken, match="row 7 is not what the anchor in row 12 states"):
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
            with pytest.raises(ChainBroken):
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
            with pytest.raises(ChainBroken):
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
            with pytest.raises(ChainBroken):
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
        Entry.objects.create(**row, hash=chain.row_hash(row))
        with pytest.raises(ChainBroken):
            verify(trail)
        transaction.set_rollback(True)
