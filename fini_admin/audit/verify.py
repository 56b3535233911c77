"""Verifying a chain: each row's hash and place, and the head (P2).

Also checked are the heads that the installation's chain recorded of it, and that each call without an outcome is open
(P1). Times are not, since a clock may have been wrong. Reads only, so it also works on a read-only copy.
"""

import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError

from fini_admin.audit import anchors, bodies, chain, heads
from fini_admin.audit.anchors import Anchor
from fini_admin.audit.chain import COLUMNS
from fini_admin.audit.heads import RecordedHead
from fini_admin.audit.models import Body, Entry, Head
from fini_admin.audit.names import ANCHOR, HEAD_BROKEN
from fini_admin.audit.recording import calls_without_outcome

CHUNK = 1_000
UNREADABLE = (DatabaseError, ValueError, TypeError, UnicodeError)


class ChainBroken(Exception):
    """The first break in a chain, in one line."""


def verify(name: str, *, with_bodies: bool = False) -> int:
    """Check a whole chain; returns the number of its rows, raises ChainBroken at the first break.

    A chain begins with row 1, or after rows that an anchor covers. Checks again when `prune_audit` deleted rows
    meanwhile.
    """
    while True:
        first = first_seq(name)
        try:
            return _verify_once(name, with_bodies=with_bodies)
        except ChainBroken:
            if first_seq(name) == first:
                raise


def _verify_once(name: str, *, with_bodies: bool) -> int:
    _check_start(name)
    recorded = _recorded_heads(name)
    _check_exists(name, recorded)
    anchor = _furthest_anchor(name)
    seq, prev = _start(name, anchor)
    _check_recorded(seq, prev, recorded)
    before, known = seq, -1
    while seq > known:  # rows may be appended meanwhile, so read on until the head, read last, fits
        known = seq
        for row in _rows_after(name, seq):
            prev = _check_row(row, seq + 1, prev)
            seq += 1
            _check_anchor(row, prev, anchor)
            _check_recorded(seq, prev, recorded)
            if with_bodies:
                _check_bodies(row)
        head = authentic_head(name)
        if head.seq == seq:
            break
    _check_end(head, seq, prev)
    _check_not_shorter(seq, recorded)
    _check_calls(name)
    return seq - before


def first_seq(name: str) -> Any:
    """The number of a chain's first row; None when it has none, or it cannot be read."""
    try:
        return Entry.objects.filter(chain=name).order_by("seq").values_list("seq", flat=True).first()
    except UNREADABLE:
        return None


def _recorded_heads(name: str) -> dict[int, RecordedHead]:
    """The recorded heads of a chain by number; raises ChainBroken."""
    try:
        return heads.all_recorded(name)
    except UNREADABLE as error:
        raise ChainBroken("what the installation's trail recorded of it cannot be read") from error
    except heads.InvalidRecordedHead as error:
        raise ChainBroken(str(error)) from error


def _check_exists(name: str, recorded: dict[int, RecordedHead]) -> None:
    """A recorded chain has a head or a row."""
    if recorded and first_seq(name) is None and not Head.objects.filter(chain=name).exists():
        raise ChainBroken(f"it is missing as a whole: {recorded[max(recorded)]}")


def _check_recorded(seq: int, hash_: str, recorded: dict[int, RecordedHead]) -> None:
    """A row that was recorded as the newest still has the recorded hash."""
    told = recorded.get(seq)
    if told and told.hash != hash_:
        raise ChainBroken(f"row {seq} is another one than it was: {told}, with another hash")


def _check_not_shorter(seq: int, recorded: dict[int, RecordedHead]) -> None:
    """The chain reaches the furthest recorded head, so that no older head was put back."""
    furthest = max(recorded, default=0)
    if furthest > seq:
        raise ChainBroken(
            f"row {seq + 1} is missing, though the head names none behind it: {recorded[furthest]}"
        )


def _check_calls(name: str) -> None:
    """Each call has an outcome or is open, so that a worker will close it."""
    for one in calls_without_outcome(name):
        if not one.open:
            raise ChainBroken(
                f"row {one.seq}: its call {one.call} has no outcome, and the row that says it is open was removed"
            )


def _furthest_anchor(name: str) -> Anchor | None:
    """The anchor that covers most; raises ChainBroken when it cannot be read."""
    try:
        row = anchors.newest_row(name)
    except UNREADABLE as error:
        raise ChainBroken("row with an anchor cannot be read") from error
    return _parse_anchor(row) if row else None


def _parse_anchor(row: dict[str, Any]) -> Anchor:
    try:
        return anchors.parse(row)
    except anchors.InvalidAnchor as error:
        raise ChainBroken(f"row {row['seq']} is no anchor: {error}") from error


def _start(name: str, anchor: Anchor | None) -> tuple[int, str]:
    """The number and hash before the first row that is left.

    Pruning deletes from the front and may have been interrupted, so the chain may start anywhere up to the anchored
    row. That hash is trusted here, and proved when the walk arrives at the anchored row (_check_anchor).
    """
    try:
        first = Entry.objects.filter(chain=name).order_by("seq").values("seq", "prev").first()
    except UNREADABLE:
        return 0, chain.FIRST_PREV
    if first is None or first["seq"] == 1 or anchor is None:
        return 0, chain.FIRST_PREV
    if isinstance(first["seq"], int) and first["seq"] <= anchor.covers:
        return first["seq"] - 1, first["prev"]
    return anchor.covers, anchor.hash


def _check_anchor(row: dict[str, Any], hash_: str, anchor: Anchor | None) -> None:
    """An anchor row is valid, and the last row under the furthest anchor has the anchored hash."""
    if row["kind"] == ANCHOR:
        _parse_anchor(row)
    if anchor and row["seq"] == anchor.covers and hash_ != anchor.hash:
        raise ChainBroken(f"row {row['seq']} is not what the anchor in row {anchor.seq} states")


def _rows_after(name: str, after: int) -> Iterator[dict[str, Any]]:
    """The rows in order. On a page that cannot be read, rows are read one by one to find the bad one."""
    size = CHUNK
    while True:
        try:
            page = _page_after(name, after, size)
        except UNREADABLE as error:
            if size == 1:
                raise ChainBroken(f"row {after + 1} cannot be read") from error
            size = 1
            continue
        if not page:
            return
        yield from page  # the caller stops at a row that is out of place
        after = page[-1]["seq"]


def _check_start(name: str) -> None:
    """No row has a number below 1, where the walk would not see it."""
    if Entry.objects.filter(chain=name, seq__lt=1).exists():
        raise ChainBroken("a row was added before row 1")


def _page_after(name: str, after: int, size: int) -> list[dict[str, Any]]:
    wanted = Entry.objects.filter(chain=name, seq__gt=after).order_by("seq")
    return list(wanted.values(*COLUMNS, "hash")[:size])


def _check_row(row: dict[str, Any], seq: int, prev: str) -> str:
    """Check a row's number, link and hash; returns the hash."""
    if row["seq"] != seq:
        raise ChainBroken(f"row {seq} is missing (the next is {row['seq']!r})")
    if row["prev"] != prev:
        raise ChainBroken(f"row {seq} does not follow row {seq - 1}: its link was changed")
    hash_ = row.pop("hash")
    try:
        actual = chain.row_hash(row)
    except (TypeError, ValueError) as error:
        raise ChainBroken(f"row {seq} was changed: it holds what no row can hold") from error
    if actual != hash_:
        raise ChainBroken(f"row {seq} was changed: its hash does not fit")
    if row["kind"] == HEAD_BROKEN:
        raise ChainBroken(f"the head was changed before row {seq} was written: rows before it may be missing")
    return actual


def authentic_head(name: str) -> Head:
    """The head, its HMAC checked; raises ChainBroken."""
    try:
        head = Head.objects.filter(chain=name).first()
    except UNREADABLE as error:
        raise ChainBroken("the head cannot be read") from error
    if head is None:
        raise ChainBroken("the head is missing")
    if not chain.is_head_authentic(head):
        raise ChainBroken(
            "the head was changed, or ENCRYPTION_KEYS does not hold the key that it was written with"
        )
    return head


def _check_end(head: Head, seq: int, prev: str) -> None:
    """The head names the newest row, so that missing newest rows are found."""
    if head.seq > seq:
        raise ChainBroken(f"row {seq + 1} is missing: the head names row {head.seq} as the newest")
    if head.seq < seq or head.hash != prev:
        raise ChainBroken(
            f"row {head.seq + 1} was added behind the head" if head.seq < seq else f"row {seq} was replaced"
        )


def _check_bodies(row: dict[str, Any]) -> None:
    """The bodies that a row names are there and fit their hashes."""
    for column in ("request_body", "answer_body"):
        if row[column]:
            _check_body(row, column)


def _check_body(row: dict[str, Any], column: str) -> None:
    what = f"row {row['seq']}: its {column.replace('_', ' ')}"
    try:
        kept = Body.objects.filter(chain=row["chain"], sha256=row[column]).first()
    except UNREADABLE as error:
        raise ChainBroken(f"{what} cannot be read") from error
    if kept is None:
        raise ChainBroken(f"{what} is missing")
    if hashlib.sha256(_decompressed(kept.content)).hexdigest() != row[column]:
        raise ChainBroken(f"{what} was changed")


def _decompressed(content: Any) -> bytes:
    """A stored body's text; empty for damaged or oversized data."""
    try:
        box = zlib.decompressobj()
        text = box.decompress(memoryview(content), bodies.LARGEST)
    except (zlib.error, TypeError, ValueError):
        return b""
    return text if box.eof and not box.unused_data else b""
