"""Which rows of the trail a search finds, newest first, in constant work (P7).

One or two conditions choose an index, which is scanned in the rows' order; the others are wrapped in `Aside`, so that
no index serves them, and filter at most MOST_LOOKED_AT rows of that scan. So the cost is decided here, and not by a
planner's guess. Rows are numbered in the order of their times (chain.append), so a span of time is a span of numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
)

from fini_admin.audit import call_names
from fini_admin.audit import chain as trail
from fini_admin.audit.distinct import errors_with
from fini_admin.audit.expressions import Aside, Hundreds, IsNotTrue, IsOutcome
from fini_admin.audit.models import HAS_ERROR, HAS_OUTCOME, IS_ACTIVITY, CallName, Entry
from fini_admin.audit.names import CallKind

MOST_LOOKED_AT = 50_000
# So many different messages are each looked up; of more, all errors are looked through.
MOST_MESSAGES = 20
FEW = 100  # rows of a page
IN_FLIGHT, ERROR = "in flight", "error"
KINDS = {"lost": CallKind.LOST, "unsent": CallKind.UNSENT}
# Rows of older versions have the time of each machine's own clock: a time is looked for this much around.
CLOCKS_DIFFER = timedelta(minutes=10)
BEYOND = 2**63 - 1
NOTHING = Q(pk__in=[])
# Columns that are compared as they are, by the names of their fields in a TrailFilter.
COLUMNS = {
    "method": "method",
    "route": "route",
    "who": "actor",
    "key": "key",
    "origin": "origin",
    "run": "run",
}
# What only a call has, so that no activity matches it.
OF_CALLS = ("method", "route", "status", "outcome", "key", "provider", "error", "call", "duration", "names")
OF_ACTIVITY = ("kind",)
OF_OUTCOMES = ("status", "error", "duration", "kind")


@dataclass(frozen=True, slots=True)
class Duration:
    """Longer, or shorter, than so many milliseconds."""

    longer: bool
    milliseconds: int


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which rows to list; empty fields match all.

    `status` is like 500 or 5xx; `outcome` also `lost`, `unsent`, `in flight` and `error` (any but done); `kind` is an
    activity's; `until` is exclusive. Each of `names` is a set of which a call must have one: what it was about
    (call_names.py), or its own ID. Each of `without` has one condition, and what matches it is left out.
    """

    method: str = ""
    route: str = ""
    status: str = ""
    outcome: str = ""
    who: str = ""
    origin: str = ""
    key: str = ""
    provider: str = ""
    error: str = ""
    call: str = ""
    kind: str = ""
    run: int | None = None
    duration: Duration | None = None
    since: datetime | None = None
    until: datetime | None = None
    names: tuple[frozenset[str], ...] = ()
    without: tuple["TrailFilter", ...] = ()

    def given(self) -> dict[str, Any]:
        """The conditions but time and exceptions, by their names."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value for name, value in told.items() if value and name not in ("since", "until", "without")
        }


@dataclass(frozen=True, slots=True)
class Matches:
    """The rows that match among those that are looked at: down to number `floor`, or to the end where it is None."""

    rows: QuerySet[Entry]
    floor: int | None = None


def calls(chain: str, wanted: TrailFilter, *, before: int = BEYOND, most: int = 51) -> Matches:
    """The outcome rows of matching calls below number `before`: all of them, or at least the newest `most`."""
    given = wanted.given()
    if wanted.outcome == IN_FLIGHT or any(name in given for name in OF_ACTIVITY):
        return Matches(Entry.objects.none())
    before = _end_of(chain, wanted, before, HAS_OUTCOME)
    rows = Entry.objects.filter(HAS_OUTCOME, _span(chain, wanted, before, HAS_OUTCOME), chain=chain)
    if given.keys() == {"error"} and not wanted.without and most <= FEW:
        messages = errors_with(chain, wanted.error)
        if messages is not None and len(messages) <= MOST_MESSAGES:
            return _with_text(rows, messages, most) if messages else Matches(rows.none())
    walk = _walk(chain, rows, given, before)
    rest = [_aside(chain, name, value) for name, value in given.items() if name not in walk.used]
    rest += [_exception(chain, one) for one in wanted.without]
    return _looked_through(walk, rest)


def activity(chain: str, wanted: TrailFilter, *, before: int = BEYOND) -> Matches:
    """The activity rows that match, below number `before`."""
    given = wanted.given()
    if any(name in given for name in OF_CALLS):
        return Matches(Entry.objects.none())
    before = _end_of(chain, wanted, before, IS_ACTIVITY)
    rows = Entry.objects.filter(IS_ACTIVITY, _span(chain, wanted, before, IS_ACTIVITY), chain=chain)
    leading = next((name for name in ("kind", "who", "run") if name in given), "")
    if leading:
        rows = rows.filter(**{COLUMNS.get(leading, leading): given[leading]})
    rest = [_aside(chain, name, value) for name, value in given.items() if name != leading]
    rest += [_exception(chain, one) for one in wanted.without]
    return _looked_through(Walk(rows), rest)


def of_open_calls(chain: str, wanted: TrailFilter) -> Q:
    """The conditions on the *asked* row of a call without an outcome; none meets one about its outcome."""
    given = wanted.given()
    if given.pop("outcome", IN_FLIGHT) != IN_FLIGHT or any(name in given for name in OF_OUTCOMES):
        return NOTHING
    told = Q(*(_aside(chain, name, value) for name, value in given.items()))
    left_out = [one for one in wanted.without if not set(OF_OUTCOMES) & one.given().keys()]
    flying = NOTHING if any(one.outcome == IN_FLIGHT for one in wanted.without) else Q()
    return told & flying & Q(*(_exception(chain, one) for one in left_out if not one.outcome))


class Walk(NamedTuple):
    """Rows that an index yields in order, and the conditions it answers.

    A walk that is `short` may leave out what is older than row `oldest`, of which the span of time may hold none.
    """

    rows: QuerySet[Entry]
    used: frozenset[str] = frozenset()
    short: bool = False
    oldest: int | None = None


def _looked_through(walk: Walk, rest: Sequence[Q]) -> Matches:
    """The rows of a walk that meet the rest of the conditions, among its first MOST_LOOKED_AT."""
    if not rest and walk.oldest is None:
        return Matches(walk.rows)
    floor = _floor(walk)
    found = walk.rows.filter(*rest)
    return Matches(found if floor is None else found.filter(seq__gte=floor), floor)


def _floor(walk: Walk) -> int | None:
    """The number of the last row of a walk that is looked at; None where it is looked through to its end."""
    if walk.short:
        return walk.oldest
    numbers = walk.rows.values_list("seq", flat=True)
    return numbers.order_by("-seq")[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT].first()


def _walk(chain: str, rows: QuerySet[Entry], given: dict[str, Any], before: int) -> Walk:
    """The rows that an index yields in order for the rarest of these conditions, and the conditions it answers."""
    return (
        _of_one_thing(chain, rows, given, before)
        or _of_rare_values(rows, given)
        or _of_frequent_values(rows, given)
    )


def _of_one_thing(chain: str, rows: QuerySet[Entry], given: dict[str, Any], before: int) -> Walk | None:
    """Walks of a call, of what calls were about, and of a run: each is short."""
    if "call" in given:
        return Walk(rows.filter(IsOutcome("kind"), call=given["call"]), frozenset({"call"}))
    if "names" in given:
        names = given["names"][0]
        named = call_names.newest_calls(chain, names, below=_newest_below(chain, before))
        found = rows.filter(IsOutcome("kind"), call__in=[*named, *names])
        used = frozenset({"names"} if len(given["names"]) == 1 else ())
        return Walk(found, used, short=True, oldest=_oldest_of(chain, named, before))
    return Walk(rows.filter(run=given["run"]), frozenset({"run"})) if "run" in given else None


def _oldest_of(chain: str, named: Sequence[str], before: int) -> int | None:
    """The oldest row below `before` of these calls, if there may be more of them than were named; else None."""
    if len(named) < call_names.MOST_NAMED:
        return None
    ended = Entry.objects.filter(HAS_OUTCOME, chain=chain, call__in=named, seq__lt=before)
    return ended.order_by("seq").values_list("seq", flat=True).first()


def _of_rare_values(rows: QuerySet[Entry], given: dict[str, Any]) -> Walk | None:
    """Walks of what went wrong."""
    status, outcome = given.get("status", ""), given.get("outcome", "")
    if outcome == ERROR:
        walk = _of_columns(rows.filter(HAS_ERROR), given, most=1)
        return walk._replace(used=walk.used | {"outcome"})
    if outcome in KINDS:
        return Walk(rows.filter(HAS_ERROR, kind=KINDS[outcome]), frozenset({"outcome"}))
    if status and not status.startswith("2"):
        return Walk(_of_status(rows, status), frozenset({"status"}))
    return Walk(rows.filter(outcome=outcome), frozenset({"outcome"})) if outcome not in ("", "done") else None


def _of_frequent_values(rows: QuerySet[Entry], given: dict[str, Any]) -> Walk:
    """Walks of one or two of the conditions that many calls meet, or of all calls."""
    walk = _of_columns(rows, given, most=2)
    if walk.used:
        return walk
    if "error" in given:
        return Walk(rows.filter(HAS_ERROR))
    if "status" in given:
        return Walk(_of_status(rows, given["status"]), frozenset({"status"}))
    leading = next((name for name in ("outcome", "method") if name in given), "")
    return Walk(rows.filter(**{leading: given[leading]}), frozenset({leading})) if leading else Walk(rows)


def _of_columns(rows: QuerySet[Entry], given: dict[str, Any], *, most: int) -> Walk:
    """The rows by the first of who, key and route that are asked for: any two have an index together."""
    chosen = [name for name in ("who", "key", "route") if name in given][:most]
    return Walk(rows.filter(**{COLUMNS[name]: given[name] for name in chosen}), frozenset(chosen))


def _of_status(rows: QuerySet[Entry], status: str) -> QuerySet[Entry]:
    if status.endswith("xx"):
        return rows.alias(hundreds=Hundreds("status")).filter(hundreds=int(status[0]))
    return rows.filter(status=int(status))


def _aside(chain: str, name: str, value: Any) -> Q:
    """A condition that no index answers."""
    if name in (*COLUMNS, "kind", "call"):
        return Q(Exact(Aside(COLUMNS.get(name, name)), value))
    if name == "error":
        return _says(chain, value)
    return ASIDE[name](value)


def _aside_status(value: str) -> Q:
    low, high = _status_bounds(value)
    return Q(GreaterThanOrEqual(Aside("status"), low)) & Q(LessThanOrEqual(Aside("status"), high))


def _aside_duration(value: Duration) -> Q:
    compared = GreaterThan if value.longer else LessThan
    return Q(compared(Aside("duration_ms"), value.milliseconds))


def _aside_outcome(value: str) -> Q:
    if value == ERROR:
        return Q(IsNull(Aside("error"), False))  # noqa: FBT003 - Django's signature
    if value == IN_FLIGHT:  # an outcome row is none
        return NOTHING
    column, wanted = ("kind", KINDS[value]) if value in KINDS else ("outcome", value)
    return Q(Exact(Aside(column), wanted))


def _named(names: set[str] | frozenset[str]) -> Q:
    keys = [call_names.key_of(name) for name in names]
    return Q(Exists(CallName.objects.filter(chain=OuterRef("chain"), name__in=keys, call=OuterRef("call"))))


def _says(chain: str, text: str) -> Q:
    """An error with this text, among the distinct messages; among all rows where there are too many of those."""
    messages = errors_with(chain, text)
    if messages is None:
        return Q(error__icontains=text)
    return Q(In(Aside("error"), messages)) if messages else NOTHING


def _exception(chain: str, unwanted: TrailFilter) -> Q:
    """The condition that an excluded one does not hold."""
    [(name, value)] = unwanted.given().items()
    held = _aside(chain, name, value)
    if held is NOTHING:
        return Q()
    return Q(IsNotTrue(ExpressionWrapper(held, output_field=BooleanField())))


def _with_text(rows: QuerySet[Entry], messages: Sequence[str], most: int) -> Matches:
    """The newest `most` of the rows with one of these errors: each is walked by itself, and all are merged."""
    walks = [
        rows.filter(HAS_ERROR, error=message)
        .order_by("-seq")
        .values_list("seq")[:most]
        .query.sql_with_params()
        for message in messages
    ]
    sql = " UNION ALL ".join(f"SELECT seq FROM ({walk}) AS walk_{n}" for n, (walk, _) in enumerate(walks))  # noqa: S608 - Django's own SQL
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for _, values in walks for value in values])
        found = sorted((seq for (seq,) in cursor.fetchall()), reverse=True)
    return Matches(rows.filter(seq__in=found[:most]))


def _newest_below(chain: str, before: int) -> QuerySet[Entry, Any] | None:
    """The newest calls with an outcome in a row below number `before`; None where that is no bound."""
    if before == BEYOND:
        return None
    rows = Entry.objects.filter(HAS_OUTCOME, chain=chain, seq__lt=before).order_by("-seq")
    return rows.values("call")[:FEW]


def _end_of(chain: str, wanted: TrailFilter, before: int, of: Q) -> int:
    """The number below which rows are looked for: `before`, or the first that was written after the time asked for."""
    after = _first_seq_at(chain, wanted.until + CLOCKS_DIFFER, of) if wanted.until else None
    return before if after is None else min(before, after)


def _span(chain: str, wanted: TrailFilter, before: int, of: Q) -> Q:
    """Times as numbers too, else the list would be walked to its end; nothing where there is nothing as late."""
    span = Q() if before == BEYOND else Q(seq__lt=before)
    if wanted.since:
        first = _first_seq_at(chain, wanted.since - CLOCKS_DIFFER, of)
        since = Q(GreaterThanOrEqual(Aside("at"), trail.utc_text(wanted.since)))
        span &= Q(seq__gte=BEYOND if first is None else first) & since
    if wanted.until:
        span &= Q(LessThan(Aside("at"), trail.utc_text(wanted.until)))
    return span


def _first_seq_at(chain: str, at: datetime, of: Q) -> int | None:
    """The number of the first row of calls, or of activity, that was written at a time or later."""
    later = Entry.objects.filter(of, chain=chain, at__gte=trail.utc_text(at)).order_by("at", "seq")
    return later.values_list("seq", flat=True).first()


def _status_bounds(status: str) -> tuple[int, int]:
    if status.endswith("xx"):
        low = int(status[0]) * 100
        return low, low + 99
    return int(status), int(status)


ASIDE: dict[str, Callable[[Any], Q]] = {
    "status": _aside_status,
    "outcome": _aside_outcome,
    "duration": _aside_duration,
    "provider": lambda value: _named({call_names.provider_name(value)}),
    "names": lambda value: Q(*(_named(names) | Q(In(Aside("call"), sorted(names))) for names in value)),
}
