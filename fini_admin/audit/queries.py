"""Reading the trail for pages: calls and activity, newest first, in constant work (P7).

The list of calls is made of outcome rows, which repeat what was asked; calls in flight are read separately.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import BinaryField, Count, Exists, Q, Subquery, Value

from fini_admin.audit import bodies, matching
from fini_admin.audit import chain as trail
from fini_admin.audit.expressions import IsOutcome
from fini_admin.audit.matching import BEYOND, Matches, TrailFilter
from fini_admin.audit.models import HAS_OUTCOME, Entry, OpenCall
from fini_admin.audit.names import CallKind
from fini_admin.lib.paging import SIZE, Page, whole_number

MOST_IN_FLIGHT = 50
MOST_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call's two rows; `flying` while it may still be answered.

    `kept`: the stored content of the bodies, by side, if they were asked for.
    """

    asked: Entry | None
    outcome: Entry | None
    flying: bool
    kept: dict[str, bytes | None] = field(default_factory=dict)

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

    def has(self, side: str) -> bool:
        """Whether there is a *request* or an *answer* of which a body may have been kept."""
        return (self.asked if side == "request" else self.outcome) is not None

    def body_text(self, side: str) -> str:
        """What is kept of the body of the *request* or the *answer*, empty without one; raises BodyDamaged."""
        request, answer = self.asked and self.asked.request_body, self.outcome and self.outcome.answer_body
        sha256 = request if side == "request" else answer
        if sha256 is None:
            return ""
        return bodies.text_of(self.kept.get(side))


def calls_page(chain: str, wanted: TrailFilter, *, cursor: str | None, size: int = SIZE) -> Page[Entry]:
    """A page of matching calls, as their outcome rows."""
    return _page_of([matching.calls(chain, wanted, before=_before(cursor), most=size + 1)], cursor, size)


def activity_page(chain: str, wanted: TrailFilter, *, cursor: str | None, size: int = SIZE) -> Page[Entry]:
    """A page of matching activity rows."""
    return _page_of([matching.activity(chain, wanted, before=_before(cursor))], cursor, size)


def timeline_page(chain: str, wanted: TrailFilter, *, cursor: str | None, size: int = SIZE) -> Page[Entry]:
    """A page of matching calls and activity, in one order."""
    before = _before(cursor)
    both = [
        matching.calls(chain, wanted, before=before, most=size + 1),
        matching.activity(chain, wanted, before=before),
    ]
    return _page_of(both, cursor, size)


def _before(cursor: str | None) -> int:
    start = whole_number(cursor)
    return BEYOND if start is None else start


def _page_of(found: Sequence[Matches], cursor: str | None, size: int) -> Page[Entry]:
    """The newest rows of all; `further` is where to look on when the rows that were looked through show no more."""
    rows = [row for one in found for row in one.rows.order_by("-seq")[: size + 1]]
    rows.sort(key=lambda row: -row.seq)
    # Below the highest floor not every list was looked at.
    floor = max((one.floor for one in found if one.floor is not None), default=None)
    rows = [row for row in rows if floor is None or row.seq >= floor]
    older = str(rows[size - 1].seq) if len(rows) > size else ""
    further = "" if floor is None or older else str(floor)
    return Page(rows[:size], older, whole_number(cursor) is None, further)


def in_flight(chain: str, wanted: TrailFilter) -> list[Entry]:
    """Asked rows of calls without an outcome, newest first; empty when the filter asks for an outcome."""
    flying = OpenCall.objects.filter(chain=chain).values("call")
    found = Entry.objects.filter(
        matching.of_open_calls(chain, wanted), chain=chain, kind=CallKind.ASKED, call__in=flying
    )
    found = found.filter(at__gte=trail.utc_text(wanted.since)) if wanted.since else found
    found = found.filter(at__lt=trail.utc_text(wanted.until)) if wanted.until else found
    # Few calls are in flight at a time. ORDER BY would make SQLite walk the whole chain.
    return sorted(found, key=lambda row: -row.seq)[:MOST_IN_FLIGHT]


def calls_within(chain: str, spans: Sequence[tuple[datetime, datetime]]) -> list[int]:
    """How many calls of a chain ended in each span of time, by one query."""
    made = [
        Entry.objects.filter(
            HAS_OUTCOME, chain=chain, at__gte=trail.utc_text(start), at__lte=trail.utc_text(end)
        )
        .annotate(place=Value(place))
        .order_by()
        .values("place")
        .annotate(number=Count("seq"))
        .values_list("place", "number")
        for place, (start, end) in enumerate(spans)
    ]
    found = dict(made[0].union(*made[1:], all=True)) if made else {}
    return [found.get(place, 0) for place in range(len(spans))]


def find_call(chain: str, call: str, *, with_bodies: bool = False) -> RecordedCall | None:
    """A call by its ID, by one query; None when the chain has no such call."""
    rows = Entry.objects.filter(chain=chain, call=call).annotate(
        open=Exists(OpenCall.objects.filter(chain=chain, call=call))
    )
    request, answer = (
        bodies.content_of(name) if with_bodies else Value(None, BinaryField())
        for name in ("request_body", "answer_body")
    )
    # Each has an index of its own.
    asked = rows.filter(kind=CallKind.ASKED).annotate(kept=request)
    found = list(asked.union(rows.filter(IsOutcome("kind")).annotate(kept=answer), all=True))
    if not found:
        return None
    by_side = {"request" if row.kind == CallKind.ASKED else "answer": row for row in found}
    flying = found[0].open and "answer" not in by_side
    kept = {side: row.kept for side, row in by_side.items()}
    return RecordedCall(by_side.get("request"), by_side.get("answer"), flying, kept)


def calls_beside(entry: Entry) -> tuple[Entry | None, Entry | None]:
    """The calls that ended before and after this one; after one in flight there is none. By one query."""
    ended = Entry.objects.filter(HAS_OUTCOME, chain=entry.chain).exclude(call=entry.call)
    older = ended.filter(seq__lt=entry.seq).order_by("-seq").values("seq")[:1]
    newer = ended.filter(seq__gt=entry.seq).order_by("seq").values("seq")[:1]
    beside = Entry.objects.filter(Q(seq=Subquery(older)) | Q(seq=Subquery(newer)), chain=entry.chain)
    found = {row.seq > entry.seq: row for row in beside}
    return found.get(False), found.get(True)


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


def latest_call_rows(chain: str, ids: Collection[str]) -> list[Entry]:
    """The newest row of each of these calls, newest first."""
    rows = Entry.objects.filter(chain=chain, call__in=set(ids))
    # Each has an index of its own.
    asked, ended = rows.filter(kind=CallKind.ASKED), rows.filter(IsOutcome("kind"))
    newest_first = sorted(asked.union(ended, all=True), key=lambda row: -row.seq)
    return _newest_row_per_call(newest_first)[::-1]
