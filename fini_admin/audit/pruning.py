"""Retention: rows older than it go from the front of a chain, once a signed anchor covers them (P2).

The order is what makes it safe to be stopped anywhere: the chain is verified, the anchor is durable, then rows go in
batches from the first on, then bodies that no row names. Begun again, it goes on where it was.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from fini_admin.audit import anchors, chain, heads
from fini_admin.audit.models import Body, Entry, Head
from fini_admin.audit.names import ANCHOR, OUTCOME_KINDS, By, CallKind
from fini_admin.audit.verify import own_head, verify

BATCH = 1_000
PAUSE = 0.005  # SQLite's waiting is not fair: others get their turn between two batches


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rows go: from number `first` to number `last`, of these times. `hash` is the last one's."""

    first: int
    last: int
    since: str
    until: str
    hash: str

    @property
    def rows(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Place:
    """As much of a row as is needed to say whether it may go."""

    seq: int
    at: str
    kind: str
    call: str | None
    hash: str


def plan(name: str, days: int) -> Plan | None:
    """What may go of a chain that is kept for so many days; None when nothing may. Raises Broken.

    The chain is verified first, whole: only its head says that the rows are ours, and what is broken is evidence.
    """
    verify(name)
    return whole_calls(name, chain.text_of(datetime.now(UTC) - timedelta(days=days)))


def whole_calls(name: str, before: str) -> Plan | None:
    """The rows from the first on that are older than a time, up to where every call has ended; never the newest.

    What is held meanwhile is the calls that are open at one place, not the rows.
    """
    newest = Head.objects.get(chain=name).seq
    flying: set[str | None] = set()
    first, last = None, None
    for place in places(name):
        if place.at >= before or place.seq >= newest:
            break
        first = first or place
        if place.kind == CallKind.ASKED:
            flying.add(place.call)
        elif place.kind in OUTCOME_KINDS:
            flying.discard(place.call)
        last = last if flying else place
    return Plan(first.seq, last.seq, first.at, last.at, last.hash) if first and last else None


def places(name: str) -> Iterator[Place]:
    """A chain's rows in order."""
    after = 0
    while True:
        rows = Entry.objects.filter(chain=name, seq__gt=after).order_by("seq")
        page = [Place(*row) for row in rows.values_list("seq", "at", "kind", "call", "hash")[:BATCH]]
        yield from page
        if len(page) < BATCH:
            return
        after = page[-1].seq


def anchor(name: str, wanted: Plan, *, days: int, by: By) -> None:
    """The row that lets the others go, durable when this returns; none where an earlier one covers them all.

    Raises Broken when the head was changed since the chain was verified.
    """
    with transaction.atomic(durable=True):
        Head.objects.select_for_update().get(chain=name)
        own_head(name)
        earlier = anchors.newest(name)
        if not earlier or earlier["covers"] < wanted.last:
            write_anchor(name, wanted, days=days, by=by)


def write_anchor(name: str, wanted: Plan, *, days: int, by: By) -> None:
    """That row itself, inside the caller's transaction; in the installation's chain behind what must not go."""
    if name == chain.INSTALLATION:
        keep_recorded_heads(wanted.last)
    facts = {"rows": wanted.rows, "since": wanted.since, "until": wanted.until, "days": days}
    detail = anchors.stated(name, wanted.last, wanted.hash, **facts)
    values = {
        "kind": ANCHOR,
        "actor": by.actor,
        "origin": str(by.origin),
        "covers": wanted.last,
        "detail": detail,
    }
    chain.append(name, values)


def keep_recorded_heads(last: int) -> None:
    """State anew, as it was, the head that was recorded last of each chain, where the row that states it goes.

    Else a chain that stood still for as long would be named no more, and could be taken away unseen.
    """
    for name in sorted(heads.names()):
        told = heads.newest(name)
        if told and told.row <= last:
            chain.append_head(told.chain, told.seq, told.hash)


def remove_rows(name: str, wanted: Plan, told: Callable[[int], None]) -> None:
    """The rows that are covered, from the first on, each batch in a transaction of its own; `told` hears how many."""
    for start in range(wanted.first, wanted.last + 1, BATCH):
        upto = min(start + BATCH - 1, wanted.last)
        with transaction.atomic(durable=True):
            Entry.objects.filter(chain=name, seq__gte=start, seq__lte=upto).delete()
        told(upto - wanted.first + 1)
        time.sleep(PAUSE)


def remove_bodies(name: str) -> int:
    """What is kept of bodies that no row names any more; returns how many went."""
    gone, after = 0, ""
    while True:
        found = Body.objects.filter(chain=name, sha256__gt=after).order_by("sha256")
        page = list(found.values_list("sha256", flat=True)[:BATCH])
        if not page:
            return gone
        gone += remove_unnamed(name, after, page[-1])
        after = page[-1]
        time.sleep(PAUSE)


def remove_unnamed(name: str, after: str, upto: str) -> int:
    """Of the bodies between two hashes those that no row names.

    A body is stored with the head locked, before the row that names it is written (bodies.store). Here the head is
    locked, too: so the row is there and seen, or its writer waits and stores the body anew.
    """
    with transaction.atomic(durable=True):
        Head.objects.select_for_update().get(chain=name)
        return unnamed(name, after, upto).delete()[0]


def unnamed(name: str, after: str, upto: str) -> QuerySet[Body]:
    """The bodies with a hash above one and up to another that no row of the chain names."""
    rows = Entry.objects.filter(chain=OuterRef("chain"))
    return Body.objects.filter(
        ~Exists(rows.filter(request_body=OuterRef("sha256"))),
        ~Exists(rows.filter(answer_body=OuterRef("sha256"))),
        chain=name,
        sha256__gt=after,
        sha256__lte=upto,
    )
