"""Retention: deleting rows from the front of a chain once a signed anchor covers them (P2).

Safe to interrupt and to run again: first the chain is verified, then the anchor is committed, then rows are deleted in
batches from the first on, then bodies that no row names.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from fini_admin.audit import anchors, chain, heads
from fini_admin.audit.models import Body, CallName, Entry, Head
from fini_admin.audit.names import ANCHOR, OUTCOME_KINDS, By, CallKind
from fini_admin.audit.verify import authentic_head, verify

BATCH = 1_000
PAUSE = 0.005  # between batches: SQLite has no queue of writers, so others need a gap


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows `first` to `last` may be deleted, written from `since` to `until`; `hash` is the last one's."""

    first: int
    last: int
    since: str
    until: str
    hash: str

    @property
    def rows(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class RowSummary:
    """The columns of a row that decide whether it may be deleted."""

    seq: int
    at: str
    kind: str
    call: str | None
    hash: str


def plan(name: str, days: int) -> Plan | None:
    """What may be deleted of a chain whose rows are kept for `days`; None when nothing may.

    Verifies the whole chain first, because a broken one is evidence. Raises ChainBroken.
    """
    verify(name)
    return _covered_rows(name, chain.utc_text(datetime.now(UTC) - timedelta(days=days)))


def _covered_rows(name: str, before: str) -> Plan | None:
    """The rows from the first on that were written before a time, up to where every call has its outcome.

    Never the newest row. Keeps only the calls without an outcome in memory, not the rows.
    """
    newest = Head.objects.get(chain=name).seq
    open_calls: set[str | None] = set()
    first, last = None, None
    rows = Entry.objects.filter(chain=name)
    for columns in chain.in_pages(rows, 0, "seq", "at", "kind", "call", "hash"):
        row = RowSummary(**columns)
        if row.at >= before or row.seq >= newest:
            break
        first = first or row
        if row.kind == CallKind.ASKED:
            open_calls.add(row.call)
        elif row.kind in OUTCOME_KINDS:
            open_calls.discard(row.call)
        last = last if open_calls else row
    return Plan(first.seq, last.seq, first.at, last.at, last.hash) if first and last else None


def commit_anchor(name: str, wanted: Plan, *, days: int, by: By) -> None:
    """Write the anchor for these rows and commit it, unless an earlier anchor covers them.

    Raises ChainBroken when the head was changed since the chain was verified.
    """
    with transaction.atomic(durable=True):
        chain.lock_head(name)
        authentic_head(name)
        earlier = anchors.newest_row(name)
        if not earlier or earlier["covers"] < wanted.last:
            write_anchor(name, wanted, days=days, by=by)


def write_anchor(name: str, wanted: Plan, *, days: int, by: By) -> None:
    """Append the anchor, inside the caller's transaction."""
    if name == chain.INSTALLATION:
        _restate_recorded_heads(wanted.last)
    facts = {"rows": wanted.rows, "since": wanted.since, "until": wanted.until, "days": days}
    detail = anchors.signed_detail(name, wanted.last, wanted.hash, **facts)
    values = {
        "kind": ANCHOR,
        "actor": by.actor,
        "origin": str(by.origin),
        "covers": wanted.last,
        "detail": detail,
    }
    chain.append(name, values)


def _restate_recorded_heads(last: int) -> None:
    """Record again the newest recorded head of each chain whose record is about to be deleted.

    Otherwise no head of a chain that was idle for the whole retention period would be recorded, and the chain could be
    removed unnoticed.
    """
    for name in sorted(heads.recorded_chains()):
        told = heads.newest_recorded(name)
        if told and told.row <= last:
            chain.append_recorded_head(told.chain, told.seq, told.hash)


def remove_rows(name: str, wanted: Plan, told: Callable[[int], None]) -> None:
    """Delete the rows of an anchored plan, a batch a transaction; `told` gets the number of rows so far."""
    for start in range(wanted.first, wanted.last + 1, BATCH):
        upto = min(start + BATCH - 1, wanted.last)
        with transaction.atomic(durable=True):
            rows = Entry.objects.filter(chain=name, seq__gte=start, seq__lte=upto)
            calls = list(rows.filter(kind__in=OUTCOME_KINDS).values_list("call", flat=True))
            CallName.objects.filter(chain=name, call__in=calls).delete()
            rows.delete()
        told(upto - wanted.first + 1)
        time.sleep(PAUSE)


def remove_bodies(name: str) -> int:
    """Delete the bodies that no row names; returns how many."""
    gone, after = 0, ""
    while True:
        found = Body.objects.filter(chain=name, sha256__gt=after).order_by("sha256")
        page = list(found.values_list("sha256", flat=True)[:BATCH])
        if not page:
            return gone
        gone += _remove_unreferenced(name, after, page[-1])
        after = page[-1]
        time.sleep(PAUSE)


def _remove_unreferenced(name: str, after: str, upto: str) -> int:
    """Delete those of the bodies between two hashes that no row names.

    The head's lock is what makes this safe: a body is stored under it, before the row that names it
    (bodies.store_text).
    """
    with transaction.atomic(durable=True):
        chain.lock_head(name)
        return _unreferenced_bodies(name, after, upto).delete()[0]


def _unreferenced_bodies(name: str, after: str, upto: str) -> QuerySet[Body]:
    rows = Entry.objects.filter(chain=OuterRef("chain"))
    return Body.objects.filter(
        ~Exists(rows.filter(request_body=OuterRef("sha256"))),
        ~Exists(rows.filter(answer_body=OuterRef("sha256"))),
        chain=name,
        sha256__gt=after,
        sha256__lte=upto,
    )
