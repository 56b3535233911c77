"""The hash chain: append a row, and say what a row's hash is of (P2).

A chain is a workspace's (its ID) or the installation's own (`-`). A row's hash covers its whole line, the line
holds the hash of the row before, and the head moves in the same transaction. Where the heads of the other chains are
is recorded in the installation's (heads.py).
"""

import hashlib
import json
import logging
import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import DatabaseError, transaction

from fini_admin.audit import heads, names
from fini_admin.audit.models import Entry, Head
from fini_admin.audit.names import HEAD_BROKEN, HEAD_RECORDED, OF_MEMBERS_AND_KEYS, By
from fini_admin.fini.wire import clean
from fini_admin.lib import keyring
from fini_admin.lib.outage import outage_of

log = logging.getLogger(__name__)
INSTALLATION = names.INSTALLATION
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
START = "0" * 64
PURPOSE = "audit head"
COLUMNS = tuple(field.name for field in Entry._meta.concrete_fields if field.name not in ("pk", "hash"))


def now_text() -> str:
    """The time as the trail writes it: UTC, microseconds, fixed width, so that it sorts as text."""
    return text_of(datetime.now(UTC))


def text_of(at: datetime) -> str:
    """A time as the trail writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def line(values: dict[str, Any]) -> str:
    """A row's line without its hash: sorted keys, no spaces, null where not meant (design 5)."""
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(values: dict[str, Any]) -> str:
    """SHA-256 in hex of a row's line."""
    return hashlib.sha256(line(values).encode()).hexdigest()


def head_mac(chain: str, seq: int, hash_: str) -> str:
    """What the head of a chain is authenticated with."""
    return keyring.sign(head_message(chain, seq, hash_), PURPOSE)


def head_holds(head: Head) -> bool:
    """Whether a head was written by someone who holds an encryption key."""
    return keyring.signed(head_message(head.chain, head.seq, head.hash), PURPOSE, head.mac)


def check_key(chain: str) -> None:
    """Raises keyring.UnknownKey when ENCRYPTION_KEYS lacks the key that a chain's head was written with."""
    for mac in Head.objects.filter(chain=chain).values_list("mac", flat=True):
        check_signer(mac)


def check_signer(mac: str) -> None:
    """Raises keyring.UnknownKey when ENCRYPTION_KEYS lacks the key that a signature names; garbage names none."""
    try:
        named = bytes.fromhex(mac[:8])
    except ValueError:
        return
    keyring.by_number(named)


def head_message(chain: str, seq: int, hash_: str) -> bytes:
    """The text that a head's MAC is of."""
    return f"{chain}|{seq}|{hash_}".encode()


def start(chain: str) -> None:
    """Make a chain's head, together with what the chain is of, and name the chain in the installation's.

    Not with another installation's ENCRYPTION_KEYS, which would sign it as willingly: raises keyring.UnknownKey.
    """
    check_key(INSTALLATION)
    head, made = Head.objects.get_or_create(
        chain=chain, defaults={"seq": 0, "hash": START, "mac": head_mac(chain, 0, START)}
    )
    if made and chain != INSTALLATION:
        append_head(head.chain, head.seq, head.hash)


def append(chain: str, values: dict[str, Any]) -> int:
    """Append one row and move the head, inside the caller's transaction; returns the row's number.

    If the head's MAC is wrong, a `head_broken` row is written first, so that the tampering stays visible: otherwise
    whoever moved the head back would have the next row cover what is missing. Raises keyring.UnknownKey when
    ENCRYPTION_KEYS lacks the key that the head was written with.

    The head's lock is held until that transaction ends: append last, and never before a call (spike 10).
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "a trail row belongs to the transaction of what it records"
        )
    head = Head.objects.select_for_update().get(chain=chain)
    if not head_holds(head):
        check_signer(head.mac)  # wrong ENCRYPTION_KEYS are no tampering
        head = put(head, {"kind": HEAD_BROKEN, "detail": line({"seq": head.seq, "hash": head.hash})})
    return put(head, values).seq


def put(head: Head, values: dict[str, Any]) -> Head:
    """One row behind the head; returns where the head is then."""
    row = dict.fromkeys(COLUMNS) | {
        name: clean(value) if isinstance(value, str) else value for name, value in values.items()
    }
    row |= {"chain": head.chain, "seq": head.seq + 1, "at": time_after(head), "prev": head.hash}
    head.seq, head.hash = head.seq + 1, digest(row)
    head.mac = head_mac(head.chain, head.seq, head.hash)
    Entry.objects.create(**row, hash=head.hash)
    Head.objects.filter(chain=head.chain).update(seq=head.seq, hash=head.hash, mac=head.mac)
    return head


def time_after(head: Head) -> str:
    """The time of the row behind a head: now, and never before the row that the head names, whatever the clock does.

    A row whose time was changed to what is none stops nothing: it counts as none.
    """
    now = now_text()
    try:
        before = Entry.objects.filter(chain=head.chain, seq=head.seq).values_list("at", flat=True).first()
    except DatabaseError:
        return now
    return max(now, before) if isinstance(before, str) and TIME.fullmatch(before) else now


def record(
    *,
    chain: str,
    kind: str,
    by: By,
    detail: dict[str, object] | None = None,
    run: int | None = None,
) -> None:
    """Record something a person did, in the transaction that does it."""
    values = {"kind": str(kind), "actor": by.actor, "origin": str(by.origin), "run": run}
    append(chain, values | {"detail": line(detail) if detail else None})
    if kind in OF_MEMBERS_AND_KEYS:
        record_head_on_commit(chain)


def append_head(name: str, seq: int, hash_: str) -> None:
    """The row of the installation's chain that states a head of another; inside the caller's transaction."""
    values = {"kind": HEAD_RECORDED, "detail": line(heads.detail_of(name, seq, hash_))}
    append(INSTALLATION, values)


def moved(name: str) -> Head | None:
    """A chain's head, when it is not what was recorded last; None as well for one that somebody changed."""
    head, last = Head.objects.filter(chain=name).first(), heads.newest(name)
    if head is None or not head_holds(head):
        return None
    return None if last and (last.seq, last.hash) == (head.seq, head.hash) else head


def record_head(name: str) -> None:
    """Record where a chain's head is, when it moved since the last time. A transaction of its own.

    Only the installation's chain is locked. The other head is read, never locked, and under that lock, so that what is
    recorded of a chain never goes back. Raises keyring.UnknownKey.
    """
    if not moved(name):
        return
    with transaction.atomic(durable=True):
        Head.objects.select_for_update().get(chain=INSTALLATION)
        head = moved(name)
        if head:
            append_head(head.chain, head.seq, head.hash)


def record_head_on_commit(name: str) -> None:
    """Record a chain's head as soon as the caller's transaction is committed."""
    transaction.on_commit(partial(try_to_record_head, name))


def record_heads() -> None:
    """Record every head that moved since it was recorded last, and name each chain that never was.

    Raises what an outage of the database raises: there is no sense in going on with the others.
    """
    for name in Head.objects.exclude(chain=INSTALLATION).order_by("chain").values_list("chain", flat=True):
        failed = try_to_record_head(name)
        if failed and outage_of(failed):
            raise failed


def try_to_record_head(name: str) -> Exception | None:
    """Record a chain's head; what fails is returned and logged, and made up for by the next record_heads."""
    try:
        record_head(name)
    except keyring.UnknownKey as error:
        log.warning("head of %s: %s", name, error)
    except Exception as error:  # it undoes nothing that is committed and keeps no other chain
        if not outage_of(error):
            log.exception("head of %s", name)
        return error
    return None
