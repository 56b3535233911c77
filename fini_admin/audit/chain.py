"""The hash chain: appending rows, and recording where each chain's head is (P2).

A chain belongs to a workspace (named by its ID) or to the installation (named `-`). The hash of a row covers all its
columns, among them `prev`, the hash of the row before. The head holds the number and hash of the newest row, with an
HMAC, and moves in the transaction that appends. The installation's chain also records the heads of all others, so that
an older copy of a chain cannot be put back unnoticed (heads.py).
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from fini_admin.audit import heads, names
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.names import HEAD_BROKEN, HEAD_RECORDED, OF_MEMBERS_AND_KEYS, By
from fini_admin.fini.wire import clean_values
from fini_admin.lib import keyring
from fini_admin.lib.outage import outage_of
from fini_admin.lib.prepared import prepared, prepared_update

log = logging.getLogger(__name__)
INSTALLATION = names.INSTALLATION
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_KEY_NUMBER = re.compile(r"[0-9a-f]{8}", re.ASCII)
PAGE = 1_000
FIRST_PREV = "0" * 64
MAC_PURPOSE = "audit head"
COLUMNS = tuple(field.name for field in Entry._meta.concrete_fields if field.name not in ("pk", "hash"))


def utc_now_text() -> str:
    """The time as the trail stores it: UTC, microseconds, fixed width, so it sorts as text."""
    return utc_text(datetime.now(UTC))


def utc_text(at: datetime) -> str:
    """Format an aware time as the trail stores times."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def time_of(text: object) -> datetime | None:
    """The time that `utc_text` wrote; None where a row was tampered with."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def canonical_json(values: dict[str, Any]) -> str:
    """The JSON that hashes are taken of: sorted keys, no spaces, no ASCII escapes.

    Part of the export's format: `verify_export.py` and other people's scripts build the same text.
    """
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def row_hash(values: dict[str, Any]) -> str:
    """SHA-256, in hex, of a row's columns less `hash`."""
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()


def head_mac(chain: str, seq: int, hash_: str) -> str:
    """The HMAC of a head, made with the newest encryption key."""
    return keyring.sign(_head_message(chain, seq, hash_), MAC_PURPOSE)


def is_head_authentic(head: Head) -> bool:
    """Whether a head's HMAC was made with one of ENCRYPTION_KEYS. A column of another type was tampered with."""
    try:
        return keyring.is_signed(_head_message(head.chain, head.seq, head.hash), MAC_PURPOSE, head.mac)
    except (AttributeError, TypeError):
        return False


def check_head_key(chain: str) -> None:
    """Raise keyring.UnknownKey when ENCRYPTION_KEYS lacks the key that a chain's head was signed with."""
    for mac in Head.objects.filter(chain=chain).values_list("mac", flat=True):
        _check_signing_key(mac)


def _check_signing_key(mac: str) -> None:
    """Raise keyring.UnknownKey for a key number that ENCRYPTION_KEYS lacks; a malformed MAC passes."""
    if isinstance(mac, str) and _KEY_NUMBER.match(mac):
        keyring.by_number(bytes.fromhex(mac[:8]))


def _head_message(chain: str, seq: int, hash_: str) -> bytes:
    return f"{chain}|{seq}|{hash_}".encode()


def start_chain(chain: str) -> None:
    """Create a chain's head, and record the new chain in the installation's. Call it where the workspace is created.

    Raises keyring.UnknownKey when ENCRYPTION_KEYS is another installation's, whose signature would look as good.
    """
    check_head_key(INSTALLATION)
    head, made = Head.objects.get_or_create(
        chain=chain, defaults={"seq": 0, "hash": FIRST_PREV, "mac": head_mac(chain, 0, FIRST_PREV)}
    )
    if made and chain != INSTALLATION:
        append_recorded_head(head.chain, head.seq, head.hash)


def lock_head(chain: str) -> Head:
    """A chain's head, locked until the transaction ends. Raises Head.DoesNotExist."""
    found: list[Head] = _HEAD(chain)
    if not found:
        raise Head.DoesNotExist(chain)
    return found[0]


_HEAD = prepared(lambda _, chain: Head.objects.select_for_update().filter(chain=chain))


_NEWEST = prepared(
    lambda _, chain: Entry.objects.filter(chain=chain).order_by("-seq").values_list("seq", "hash", "at")[:1]
)


class NewestRow(NamedTuple):
    """A chain's newest row. What was tampered with in it is left out here; `verify` reports it."""

    seq: int = 0
    hash: str = FIRST_PREV
    at: str = ""


def _newest_row(chain: str) -> NewestRow:
    try:
        found = next(iter(_NEWEST(chain)), None)
    except DatabaseError:
        return NewestRow()
    if not found or not isinstance(found[0], int):
        return NewestRow()
    seq, hash_, at = found
    readable = isinstance(at, str) and _TIME.fullmatch(at)
    return NewestRow(seq, hash_ if isinstance(hash_, str) else FIRST_PREV, at if readable else "")


def append(chain: str, values: dict[str, Any]) -> int:
    """Append one row and move the head, inside the caller's transaction; returns the row's number.

    A head with a wrong HMAC, or behind the newest row, was changed or put back, perhaps to hide missing rows. A
    `head_broken` row is then written first, because the new head would make the chain look whole again. Raises
    keyring.UnknownKey when ENCRYPTION_KEYS lacks the key that the head was signed with.

    The head stays locked until the transaction ends, so append last, and never before a call to Fini.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "a trail row belongs to the transaction of what it records"
        )
    head = lock_head(chain)
    newest = _newest_row(chain)
    at = _time_after(newest)
    broken = not is_head_authentic(head)
    if broken:
        _check_signing_key(head.mac)  # wrong ENCRYPTION_KEYS are not tampering
    if broken or newest.seq > head.seq:
        told = canonical_json({"seq": head.seq, "hash": str(head.hash)})
        head = _append_row(_from_newest(head, newest), {"kind": HEAD_BROKEN, "detail": told}, at)
    return _append_row(head, values, at).seq


def _from_newest(head: Head, newest: NewestRow) -> Head:
    """The head from which the chain goes on: the newest row's, unless the head names a later one, which is missing."""
    if not isinstance(head.seq, int) or not isinstance(head.hash, str) or newest.seq >= head.seq:
        head.seq, head.hash = newest.seq, newest.hash
    return head


def _append_row(head: Head, values: dict[str, Any], at: str) -> Head:
    """Insert the row behind a locked head; returns the head as it is then."""
    row = dict.fromkeys(COLUMNS) | clean_values(values)
    row |= {"chain": head.chain, "seq": head.seq + 1, "at": at, "prev": head.hash}
    head.seq, head.hash = head.seq + 1, row_hash(row)
    head.mac = head_mac(head.chain, head.seq, head.hash)
    Entry.objects.create(**row, hash=head.hash)
    _MOVE_HEAD(head.chain, head.seq, head.hash, head.mac)
    return head


_MOVE_HEAD = prepared_update(
    lambda _, chain, seq, hash_, mac: (
        Head.objects.filter(chain=chain),
        {"seq": seq, "hash": hash_, "mac": mac},
    )
)


def _time_after(newest: NewestRow) -> str:
    """The time of the next row: now, but never before the newest row's time, should the clock have been set back."""
    return max(utc_now_text(), newest.at)


def in_pages(rows: QuerySet[Entry], after: int, *columns: str) -> Iterator[dict[str, Any]]:
    """These columns of a chain's rows behind number `after`, in order, PAGE rows a query; `seq` is among them."""
    while True:
        page = list(rows.filter(seq__gt=after).order_by("seq").values(*columns)[:PAGE])
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]["seq"]


def record(
    *,
    chain: str,
    kind: str,
    by: By,
    detail: dict[str, object] | None = None,
    run: int | None = None,
) -> None:
    """Append an activity in the transaction of what was done; after members and keys the head is recorded as well."""
    values = {"kind": str(kind), "actor": by.actor, "origin": str(by.origin), "run": run}
    append(chain, values | {"detail": canonical_json(detail) if detail else None})
    if kind in OF_MEMBERS_AND_KEYS:
        record_head_on_commit(chain)


def append_recorded_head(name: str, seq: int, hash_: str) -> None:
    """Append a head of another chain to the installation's, inside the caller's transaction."""
    values = {"kind": HEAD_RECORDED, "detail": canonical_json(heads.detail(name, seq, hash_))}
    append(INSTALLATION, values)


def _unrecorded_head(name: str) -> Head | None:
    """A chain's head, if it moved since it was last recorded; None also for one with a wrong HMAC."""
    head, last = Head.objects.filter(chain=name).first(), heads.newest_recorded(name)
    if head is None or not is_head_authentic(head):
        return None
    return None if last and (last.seq, last.hash) == (head.seq, head.hash) else head


def record_head(name: str) -> None:
    """Record a chain's head in the installation's chain, if it moved. A transaction of its own.

    Locks the installation's head only, and reads the other one under that lock, so that recorded heads never go back.
    Raises keyring.UnknownKey.
    """
    if not _unrecorded_head(name):
        return
    with transaction.atomic(durable=True):
        lock_head(INSTALLATION)
        head = _unrecorded_head(name)
        if head:
            append_recorded_head(head.chain, head.seq, head.hash)


def record_head_on_commit(name: str) -> None:
    """Call record_head once the caller's transaction is committed."""
    transaction.on_commit(partial(_try_to_record_head, name))


def record_heads() -> None:
    """Record every head that moved, and every chain that was never recorded.

    An error in one chain is logged and does not stop the others; an outage of the database is raised.
    """
    for name in Head.objects.exclude(chain=INSTALLATION).order_by("chain").values_list("chain", flat=True):
        failed = _try_to_record_head(name)
        if failed and outage_of(failed):
            raise failed


def _try_to_record_head(name: str) -> Exception | None:
    """Call record_head; returns an error after logging it. The next record_heads makes up for it."""
    try:
        record_head(name)
    except keyring.UnknownKey as error:
        log.warning("head of %s: %s", name, error)
    except Exception as error:  # what is committed stays, and the other chains go on
        if not outage_of(error):
            log.exception("head of %s", name)
        return error
    return None
