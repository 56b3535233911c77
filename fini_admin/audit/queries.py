"""Reads of the trail: calls and activity, newest first, in constant work (P7).

A call's row in a list is its outcome's, which repeats what was asked. What is in flight has none and is told apart.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q, QuerySet

from fini_admin.audit import bodies
from fini_admin.audit import chain as trail
from fini_admin.audit.expressions import Hundreds, IsOutcome
from fini_admin.audit.models import HAS_OUTCOME, Entry, OpenCall
from fini_admin.audit.names import CallKind

IN_FLIGHT = "in flight"
KINDS = {"lost": CallKind.LOST, "unsent": CallKind.UNSENT}
# Rows stand in the order in which they were written. Their times follow, but for what the clocks of several
# machines differ: so a time is looked for this much around.
CLOCKS_DIFFER = timedelta(minutes=10)
BEYOND = 2**63 - 1
MOST_IN_FLIGHT = 50
MOST_ATTEMPTS = 50
# Who acts in a workspace, each by one step through the index.
ACTORS = """
WITH RECURSIVE who(actor) AS (
  SELECT MIN(actor) FROM trail_entry WHERE chain = %s AND outcome IS NOT NULL
  UNION ALL
  SELECT (SELECT MIN(actor) FROM trail_entry WHERE chain = %s AND outcome IS NOT NULL AND actor > who.actor)
  FROM who WHERE who.actor IS NOT NULL
) SELECT actor FROM who WHERE actor IS NOT NULL LIMIT 500
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: what is empty does not matter. `status` is 500 or 5xx; `since` and `until` (exclusive) are aware."""

    method: str = ""
    route: str = ""
    status: str = ""
    outcome: str = ""
    who: str = ""
    key: str = ""
    run: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what was asked, and what came of it. `flying`: it may still be answered."""

    asked: Entry | None
    outcome: Entry | None
    flying: bool

    @property
    def entry(self) -> Entry:
        """The row that tells most."""
        entry = self.outcome or self.asked
        if entry is None:
            raise ValueError("a call without a row")
        return entry

    @property
    def rows(self) -> list[Entry]:
        """Its rows in the trail, in order."""
        return [row for row in (self.asked, self.outcome) if row]


def calls(chain: str, wanted: Wanted) -> QuerySet[Entry]:
    """The outcomes of the calls that match; to be ordered and paged by `seq`."""
    if wanted.outcome == IN_FLIGHT:
        return Entry.objects.none()
    found = Entry.objects.filter(HAS_OUTCOME, same(wanted), chain=chain)
    if wanted.status:
        low, high = bounds_of(wanted.status)
        found = found.alias(hundreds=Hundreds("status")).filter(
            hundreds=low // 100, status__gte=low, status__lte=high
        )
    if wanted.outcome in KINDS:
        # Neither ever has another outcome (transport.outcome_kind), and outcomes have an index.
        of_kind = "unknown" if wanted.outcome == "lost" else "not done"
        found = found.filter(kind=KINDS[wanted.outcome], outcome=of_kind)
    elif wanted.outcome:
        found = found.filter(outcome=wanted.outcome)
    return within(found, chain, wanted)


def same(wanted: Wanted) -> Q:
    """What both rows of a call must say."""
    values = {
        "method": wanted.method,
        "route": wanted.route,
        "actor": wanted.who,
        "key": wanted.key,
        "run": wanted.run,
    }
    return Q(**{name: value for name, value in values.items() if value})


def bounds_of(status: str) -> tuple[int, int]:
    """The lowest and the highest status that are meant."""
    if status.endswith("xx"):
        low = int(status[0]) * 100
        return low, low + 99
    return int(status), int(status)


def within(found: QuerySet[Entry], chain: str, wanted: Wanted) -> QuerySet[Entry]:
    """The calls between two times. Their numbers are bounded too, or the list would be walked to its end."""
    if wanted.since:
        first = number_at(chain, wanted.since - CLOCKS_DIFFER)
        if first is None:
            return found.none()
        found = found.filter(at__gte=trail.text_of(wanted.since), seq__gte=first)
    if wanted.until:
        last = number_at(chain, wanted.until + CLOCKS_DIFFER) or BEYOND
        found = found.filter(at__lt=trail.text_of(wanted.until), seq__lt=last)
    return found


def number_at(chain: str, at: datetime) -> int | None:
    """The number of the first call that ended at a time or after it."""
    later = Entry.objects.filter(HAS_OUTCOME, chain=chain, at__gte=trail.text_of(at)).order_by("at", "seq")
    return later.values_list("seq", flat=True).first()


def in_flight(chain: str, wanted: Wanted) -> list[Entry]:
    """What was asked and has no outcome yet, newest first; none where an outcome is wanted."""
    if wanted.status or wanted.outcome not in ("", IN_FLIGHT):
        return []
    flying = OpenCall.objects.filter(chain=chain).values("call")
    found = Entry.objects.filter(same(wanted), chain=chain, kind=CallKind.ASKED, call__in=flying)
    found = found.filter(at__gte=trail.text_of(wanted.since)) if wanted.since else found
    found = found.filter(at__lt=trail.text_of(wanted.until)) if wanted.until else found
    # Few are ever in flight; ordered by the database, all rows of the chain would be looked at.
    return sorted(found, key=lambda row: -row.seq)[:MOST_IN_FLIGHT]


def actors(chain: str) -> list[str]:
    """Who calls were made for, by name."""
    with connection.cursor() as cursor:
        cursor.execute(ACTORS, [chain, chain])
        return [actor for (actor,) in cursor.fetchall()]


def call_of(chain: str, call: str) -> Call | None:
    """One call of a chain by its ID."""
    flying = OpenCall.objects.filter(chain=chain, call=call).exists()
    rows = Entry.objects.filter(chain=chain, call=call)
    asked = rows.filter(kind=CallKind.ASKED).first()
    outcome = rows.filter(IsOutcome("kind")).first()
    return Call(asked, outcome, flying and outcome is None) if asked or outcome else None


class Damaged(Exception):
    """What was kept of a body is not there any more, or cannot be read."""


def kept_text(chain: str, sha256: str | None) -> str:
    """What was kept of a body, empty when there was none; raises Damaged."""
    if sha256 is None:
        return ""
    try:
        text = bodies.load(chain, sha256)
    except zlib.error as error:
        raise Damaged(sha256) from error
    if text is None:
        raise Damaged(sha256)
    return text


def attempts(entry: Entry) -> list[Entry]:
    """The calls that carried the same request for the same run, oldest first, this one among them.

    A list page is asked for again to see what is new, which is no attempt. Of very many the newest are told.
    """
    if entry.run is None or entry.route == "list":
        return []
    rows = Entry.objects.filter(
        chain=entry.chain,
        run=entry.run,
        route=entry.route,
        path=entry.path,
        request_sha256=entry.request_sha256,
    ).order_by("-seq")[: 2 * MOST_ATTEMPTS]
    return one_a_call(rows)[-MOST_ATTEMPTS:]


def one_a_call(rows: Iterable[Entry]) -> list[Entry]:
    """Of rows newest first one for each call, its outcome where it has one; oldest first."""
    told: dict[str | None, Entry] = {}
    for row in rows:
        told.setdefault(row.call, row)
    return sorted(told.values(), key=lambda row: row.seq)


def activity(
    chain: str, *, kind: str = "", who: str = "", since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Entry]:
    """What people did, to be ordered and paged by `seq`; `who` is a part of a name."""
    found = Entry.objects.filter(chain=chain, call__isnull=True)
    found = found.filter(kind=kind) if kind else found
    found = found.filter(actor__icontains=who) if who else found
    found = found.filter(at__gte=trail.text_of(since)) if since else found
    return found.filter(at__lt=trail.text_of(until)) if until else found
