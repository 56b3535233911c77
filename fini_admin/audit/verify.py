"""Verifying a chain: every row's hash, its place, and the head outside of which nothing may stand (P2).

Also what the installation's chain recorded of that head, and that a call without an outcome is open (P1). Times are not
judged, for a clock may have been wrong. It only reads, so it can be run where nothing may be written.
"""

import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError

from fini_admin.audit import anchors, bodies, chain, heads
from fini_admin.audit.anchors import Anchor
from fini_admin.audit.chain import COLUMNS
from fini_admin.audit.heads import Recorded
from fini_admin.audit.models import Body, Entry, Head
from fini_admin.audit.names import ANCHOR, HEAD_BROKEN
from fini_admin.audit.recording import pending

CHUNK = 1_000
UNREADABLE = (DatabaseError, ValueError, TypeError, UnicodeError)


class Broken(Exception):
    """The first break of a chain, in one line."""


def verify(name: str, *, with_bodies: bool = False) -> int:
    """Check a whole chain; returns the number of rows it has, raises Broken at the first break.

    A chain begins with row 1, or behind rows that an anchor covers (anchors.py). `prune_audit` may be at work.
    """
    while True:
        first = first_number(name)
        try:
            return walk(name, with_bodies=with_bodies)
        except Broken:
            if first_number(name) == first:
                raise


def walk(name: str, *, with_bodies: bool) -> int:
    """One way through a chain from its first row to its head; returns the number of rows, raises Broken."""
    check_start(name)
    recorded = recorded_heads(name)
    check_there(name, recorded)
    anchor = own_anchor(name)
    seq, prev = beginning(name, anchor)
    check_recorded(seq, prev, recorded)
    before, known = seq, -1
    while (
        seq > known
    ):  # rows may be appended meanwhile: the head is read after them, so read on until it fits
        known = seq
        for row in rows_after(name, seq):
            prev = checked(row, seq + 1, prev)
            seq += 1
            check_anchor(row, prev, anchor)
            check_recorded(seq, prev, recorded)
            if with_bodies:
                check_bodies(row)
        head = own_head(name)
        if head.seq == seq:
            break
    check_end(head, seq, prev)
    check_not_shorter(seq, recorded)
    check_calls(name)
    return seq - before


def first_number(name: str) -> Any:
    """The number of a chain's first row, None where there is none that can be read."""
    try:
        return Entry.objects.filter(chain=name).order_by("seq").values_list("seq", flat=True).first()
    except UNREADABLE:
        return None


def recorded_heads(name: str) -> dict[int, Recorded]:
    """What the installation's chain recorded of this one's head, by number; raises Broken."""
    try:
        return heads.of(name)
    except UNREADABLE as error:
        raise Broken("what the installation's trail recorded of it cannot be read") from error
    except heads.Invalid as error:
        raise Broken(str(error)) from error


def check_there(name: str, recorded: dict[int, Recorded]) -> None:
    """A chain that was named has a head, or at least a row."""
    if recorded and first_number(name) is None and not Head.objects.filter(chain=name).exists():
        raise Broken(f"it is missing as a whole: {recorded[max(recorded)]}")


def check_recorded(seq: int, hash_: str, recorded: dict[int, Recorded]) -> None:
    """A row whose number was once recorded as the newest is the row that it was then."""
    told = recorded.get(seq)
    if told and told.hash != hash_:
        raise Broken(f"row {seq} is another one than it was: {told}, with another hash")


def check_not_shorter(seq: int, recorded: dict[int, Recorded]) -> None:
    """The chain reaches as far as was ever recorded, so that an older head cannot be put back unseen."""
    furthest = max(recorded, default=0)
    if furthest > seq:
        raise Broken(f"row {seq + 1} is missing, though the head names none behind it: {recorded[furthest]}")


def check_calls(name: str) -> None:
    """Every call has an outcome, or is open: then a worker closes it when its sender is gone."""
    for one in pending(name):
        if not one.open:
            raise Broken(
                f"row {one.seq}: its call {one.call} has no outcome, and the row that says it is open was removed"
            )


def own_anchor(name: str) -> Anchor | None:
    """The anchor that covers most, None where there is none; raises Broken. Its row is checked like any other."""
    try:
        row = anchors.newest(name)
    except UNREADABLE as error:
        raise Broken("row with an anchor cannot be read") from error
    return stated(row) if row else None


def stated(row: dict[str, Any]) -> Anchor:
    """What an anchor's row states; raises Broken."""
    try:
        return anchors.read(row)
    except anchors.Invalid as error:
        raise Broken(f"row {row['seq']} is no anchor: {error}") from error


def beginning(name: str, anchor: Anchor | None) -> tuple[int, str]:
    """The number and hash before a chain's first row that is left.

    Pruning takes rows from the front, and may have been interrupted. The hash before what is then left is taken on
    trust here and proved later: the last covered row must be what the anchor states (check_anchor). A row that is
    missing without an anchor is named by the walk.
    """
    try:
        first = Entry.objects.filter(chain=name).order_by("seq").values("seq", "prev").first()
    except UNREADABLE:
        return 0, chain.START
    if first is None or first["seq"] == 1 or anchor is None:
        return 0, chain.START
    if isinstance(first["seq"], int) and first["seq"] <= anchor.covers:
        return first["seq"] - 1, first["prev"]
    return anchor.covers, anchor.hash


def check_anchor(row: dict[str, Any], hash_: str, anchor: Anchor | None) -> None:
    """A row that is an anchor holds, and one that is the last under the anchor is what that states."""
    if row["kind"] == ANCHOR:
        stated(row)
    if anchor and row["seq"] == anchor.covers and hash_ != anchor.hash:
        raise Broken(f"row {row['seq']} is not what the anchor in row {anchor.seq} states")


def rows_after(name: str, after: int) -> Iterator[dict[str, Any]]:
    """The rows in order; one that the database cannot even hand over is a break, and found by reading singly."""
    size = CHUNK
    while True:
        try:
            page = page_after(name, after, size)
        except UNREADABLE as error:
            if size == 1:
                raise Broken(f"row {after + 1} cannot be read") from error
            size = 1
            continue
        if not page:
            return
        yield from page  # whoever takes them stops at one that is not in its place
        after = page[-1]["seq"]


def check_start(name: str) -> None:
    """No row stands before the first, where no walk from number 1 would see it."""
    if Entry.objects.filter(chain=name, seq__lt=1).exists():
        raise Broken("a row was added before row 1")


def page_after(name: str, after: int, size: int) -> list[dict[str, Any]]:
    """Up to `size` rows above a number."""
    wanted = Entry.objects.filter(chain=name, seq__gt=after).order_by("seq")
    return list(wanted.values(*COLUMNS, "hash")[:size])


def checked(row: dict[str, Any], seq: int, prev: str) -> str:
    """A row stands in its place and is what it was; returns its hash."""
    if row["seq"] != seq:
        raise Broken(f"row {seq} is missing (the next is {row['seq']!r})")
    if row["prev"] != prev:
        raise Broken(f"row {seq} does not follow row {seq - 1}: its link was changed")
    hash_ = row.pop("hash")
    try:
        actual = chain.digest(row)
    except (TypeError, ValueError) as error:
        raise Broken(f"row {seq} was changed: it holds what no row can hold") from error
    if actual != hash_:
        raise Broken(f"row {seq} was changed: its hash does not fit")
    if row["kind"] == HEAD_BROKEN:
        raise Broken(f"the head was changed before row {seq} was written: rows before it may be missing")
    return actual


def own_head(name: str) -> Head:
    """The head, written by someone who holds an encryption key; else Broken."""
    try:
        head = Head.objects.filter(chain=name).first()
    except UNREADABLE as error:
        raise Broken("the head cannot be read") from error
    if head is None:
        raise Broken("the head is missing")
    try:
        ours = chain.head_holds(head)
    except (AttributeError, TypeError, ValueError):
        ours = False
    if not ours:
        raise Broken(
            "the head was changed, or ENCRYPTION_KEYS does not hold the key that it was written with"
        )
    return head


def check_end(head: Head, seq: int, prev: str) -> None:
    """The head names the newest row, so that newest rows cannot go unseen."""
    if head.seq > seq:
        raise Broken(f"row {seq + 1} is missing: the head names row {head.seq} as the newest")
    if head.seq < seq or head.hash != prev:
        raise Broken(
            f"row {head.seq + 1} was added behind the head" if head.seq < seq else f"row {seq} was replaced"
        )


def check_bodies(row: dict[str, Any]) -> None:
    """What is kept of a row's bodies is there and fits its hash."""
    for column in ("request_body", "answer_body"):
        if row[column]:
            check_body(row, column)


def check_body(row: dict[str, Any], column: str) -> None:
    """One kept body."""
    what = f"row {row['seq']}: its {column.replace('_', ' ')}"
    try:
        kept = Body.objects.filter(chain=row["chain"], sha256=row[column]).first()
    except UNREADABLE as error:
        raise Broken(f"{what} cannot be read") from error
    if kept is None:
        raise Broken(f"{what} is missing")
    if hashlib.sha256(unpacked(kept.content)).hexdigest() != row[column]:
        raise Broken(f"{what} was changed")


def unpacked(content: Any) -> bytes:
    """A kept body's text; of what is no such thing, nothing."""
    try:
        box = zlib.decompressobj()
        text = box.decompress(memoryview(content), bodies.LARGEST)
    except (zlib.error, TypeError, ValueError):
        return b""
    return text if box.eof and not box.unused_data else b""
