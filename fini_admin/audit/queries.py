"""Reading the trail for pages: calls and activity, newest first, in constant work (P7).

The list of calls is made of outcome rows, which repeat what was asked; calls in flight are read separately.
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
# Rows are in the order of writing, and clocks of several machines differ: a time is looked for this much around.
CLOCKS_DIFFER = timedelta(minutes=10)
BEYOND = 2**63 - 1
MOST_IN_FLIGHT = 50
MOST_ATTEMPTS = 50
# Distinct actors, each found by one step through the index `call_by_actor`.
ACTORS = """
WITH RECURSIVE who(actor) AS (
  SELECT MIN(actor) FROM trail_entry WHERE chain = %s AND outcome IS NOT NULL
  UNION ALL
  SELECT (SELECT MIN(actor) FROM trail_entry WHERE chain = %s AND outcome IS NOT NULL AND actor > who.actor)
  FROM who WHERE who.actor IS NOT NULL
) SELECT actor FROM who WHERE actor IS NOT NULL LIMIT 500
"""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; empty fields match all. `status` is like 500 or 5xx; `until` is exclusive."""

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
class RecordedCall:
    """A call's two rows; `flying` while it may still be answered."""

    asked: Entry | None
    outcome: Entry | None
    flying: bool

    @property
    def entry(self) -> Entry:
        """The outcome, or what was asked while there is none."""
        entry = self.outcome or self.asked
        if entry is None:
            raise ValueError("a call without a row")
        return entry

    @property
    def rows(self) -> list[Entry]:
        return [row for row in (self.asked, self.outcome) if row]


def calls(chain: str, wanted: CallFilter) -> QuerySet[Entry]:
    """The outcome rows of matching calls; the caller orders and pages by `seq`."""
    if wanted.outcome == IN_FLIGHT:
        return Entry.objects.none()
    found = Entry.objects.filter(HAS_OUTCOME, _same_columns(wanted), chain=chain)
    if wanted.status:
        low, high = _status_bounds(wanted.status)
        found = found.alias(hundreds=Hundreds("status")).filter(
            hundreds=low // 100, status__gte=low, status__lte=high
        )
    if wanted.outcome in KINDS:
        # Outcomes have an index, kinds have none; these kinds always have these outcomes.
        of_kind = "unknown" if wanted.outcome == "lost" else "not done"
        found = found.filter(kind=KINDS[wanted.outcome], outcome=of_kind)
    elif wanted.outcome:
        found = found.filter(outcome=wanted.outcome)
    return _in_time(found, chain, wanted)


def _same_columns(wanted: CallFilter) -> Q:
    """The conditions on columns that both rows of a call have."""
    values = {
        "method": wanted.method,
        "route": wanted.route,
        "actor": wanted.who,
        "key": wanted.key,
        "run": wanted.run,
    }
    return Q(**{name: value for name, value in values.items() if value})


def _status_bounds(status: str) -> tuple[int, int]:
    if status.endswith("xx"):
        low = int(status[0]) * 100
        return low, low + 99
    return int(status), int(status)


def _in_time(found: QuerySet[Entry], chain: str, wanted: CallFilter) -> QuerySet[Entry]:
    """Limit by time, and by number as well: else the list would be walked to its end."""
    if wanted.since:
        first = _first_seq_at(chain, wanted.since - CLOCKS_DIFFER)
        if first is None:
            return found.none()
        found = found.filter(at__gte=trail.utc_text(wanted.since), seq__gte=first)
    if wanted.until:
        last = _first_seq_at(chain, wanted.until + CLOCKS_DIFFER) or BEYOND
        found = found.filter(at__lt=trail.utc_text(wanted.until), seq__lt=last)
    return found


def _first_seq_at(chain: str, at: datetime) -> int | None:
    """The number of the first call that ended at a time or later."""
    later = Entry.objects.filter(HAS_OUTCOME, chain=chain, at__gte=trail.utc_text(at)).order_by("at", "seq")
    return later.values_list("seq", flat=True).first()


def in_flight(chain: str, wanted: CallFilter) -> list[Entry]:
    """Asked rows of calls without an outcome, newest first; empty when the filter asks for an outcome."""
    if wanted.status or wanted.outcome not in ("", IN_FLIGHT):
        return []
    flying = OpenCall.objects.filter(chain=chain).values("call")
    found = Entry.objects.filter(_same_columns(wanted), chain=chain, kind=CallKind.ASKED, call__in=flying)
    found = found.filter(at__gte=trail.utc_text(wanted.since)) if wanted.since else found
    found = found.filter(at__lt=trail.utc_text(wanted.until)) if wanted.until else found
    # Few calls are in flight at a time. ORDER BY would make SQLite walk the whole chain.
    return sorted(found, key=lambda row: -row.seq)[:MOST_IN_FLIGHT]


def actors(chain: str) -> list[str]:
    """Who calls were made for, at most 500 names, in order."""
    with connection.cursor() as cursor:
        cursor.execute(ACTORS, [chain, chain])
        return [actor for (actor,) in cursor.fetchall()]


def find_call(chain: str, call: str) -> RecordedCall | None:
    """A call by its ID; None when the chain has no such call."""
    flying = OpenCall.objects.filter(chain=chain, call=call).exists()
    rows = Entry.objects.filter(chain=chain, call=call)
    asked = rows.filter(kind=CallKind.ASKED).first()
    outcome = rows.filter(IsOutcome("kind")).first()
    return RecordedCall(asked, outcome, flying and outcome is None) if asked or outcome else None


class BodyDamaged(Exception):
    """A body that is missing or cannot be decompressed."""


def body_text(chain: str, sha256: str | None) -> str:
    """What is kept of a body, empty when there was none; raises BodyDamaged."""
    if sha256 is None:
        return ""
    try:
        text = bodies.load_text(chain, sha256)
    except zlib.error as error:
        raise BodyDamaged(sha256) from error
    if text is None:
        raise BodyDamaged(sha256)
    return text


def attempts(entry: Entry) -> list[Entry]:
    """The calls that sent the same request for the same run, oldest first, at most the newest 50.

    Empty for list pages: a poll sends the same request to see what is new, which is no retry.
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
    return _newest_row_per_call(rows)[-MOST_ATTEMPTS:]


def _newest_row_per_call(rows: Iterable[Entry]) -> list[Entry]:
    """One row per call, its outcome if there is one, oldest first; `rows` come newest first."""
    told: dict[str | None, Entry] = {}
    for row in rows:
        told.setdefault(row.call, row)
    return sorted(told.values(), key=lambda row: row.seq)


def activity(
    chain: str, *, kind: str = "", who: str = "", since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Entry]:
    """Activity rows; the caller orders and pages by `seq`. `who` matches part of a name."""
    found = Entry.objects.filter(chain=chain, call__isnull=True)
    found = found.filter(kind=kind) if kind else found
    found = found.filter(actor__icontains=who) if who else found
    found = found.filter(at__gte=trail.utc_text(since)) if since else found
    return found.filter(at__lt=trail.utc_text(until)) if until else found
