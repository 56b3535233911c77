"""What is told above the list of calls: counts to narrow it by, bars over time, errors by cause and route."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Protocol

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone

from fini_admin.audit.matching import KINDS, TrailFilter
from fini_admin.audit.newest import MOST_COUNTED, CallFacts, ErrorGroup, NewestCalls, error_groups
from fini_admin.audit.usage import share_in_words
from fini_admin.web.charts import Column, ColumnChart, LineChart, Moment, column_chart, line_chart
from fini_admin.web.wording.times import median_and_p95, percentiles_in_words

MOST_BARS, MOST_FACETS, MOST_GROUPS = 60, 4, 20
WIDTHS = tuple(
    timedelta(minutes=minutes)
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 10_080, 43_200, 525_600)
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
_SENT = {str(kind): name for name, kind in KINDS.items()}


class SearchLinks(Protocol):
    """The search that is narrowed (forms.audit.TrailFilters): what it may be searched by, and addresses of others."""

    fields: dict[str, Any]

    def with_terms(self, values: Mapping[str, str], **changes: str) -> str:
        """The search with these values."""
        ...

    def within(self, since: datetime, until: datetime) -> str:
        """The search in a span of time."""
        ...


@dataclass(frozen=True, slots=True)
class Facet:
    """A value with how many of the counted calls have it, and the search for these."""

    said: str
    number: str
    query: str


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """A group of errors, and the search for them."""

    group: ErrorGroup
    query: str


@dataclass(frozen=True, slots=True)
class CallSummary:
    """What was counted; `cut` says that older calls match and were not."""

    number: str
    cut: str
    share: str
    middle: str
    slow: str
    width: str
    rate: str
    facets: list[Facet]
    chart: ColumnChart | None
    took: LineChart | None
    errors: list[ErrorLine]
    more_errors: int


def summary_of(links: SearchLinks, wanted: TrailFilter, found: NewestCalls) -> CallSummary:
    calls = found.calls
    errors = sum(call.error is not None for call in calls)
    times = _durations(calls)
    groups = error_groups(found)
    middle, slow = map(_milliseconds, median_and_p95(times))
    width, pieces = _pieces(wanted, calls, cut=found.cut)
    return CallSummary(
        number=intcomma(len(calls)),
        cut=_cut(found),
        share=share_in_words(errors, len(calls)) if errors else "",
        middle=middle,
        slow=slow,
        width=_width_in_words(width),
        rate=_rate(pieces, width),
        facets=list(_facets(links, calls)),
        chart=_calls_chart(links, pieces, width) if calls else None,
        took=_took_chart(links, pieces, width) if times else None,
        errors=[ErrorLine(group, _errors_query(links, group)) for group in groups[:MOST_GROUPS]],
        more_errors=max(len(groups) - MOST_GROUPS, 0),
    )


def _cut(found: NewestCalls) -> str:
    """Which of the calls that match were counted, where it is not all of them."""
    if not found.cut:
        return ""
    if len(found.calls) == MOST_COUNTED:
        return f"the newest {MOST_COUNTED:,}"
    return "those among the newest that were looked through"


def _facets(links: SearchLinks, calls: Sequence[CallFacts]) -> Iterable[Facet]:
    """The most frequent values of each key that not all calls share, as far as this person may search by it."""
    for key, value_of in FACETS.items():
        if key not in links.fields:
            continue
        counted = Counter(value for call in calls for value in value_of(call) if value)
        for value, number in counted.most_common(MOST_FACETS):
            if number < len(calls):
                said = value if key != "run" else f"run {value}"
                yield Facet(said, intcomma(number), links.with_terms({key: value}))


def _outcomes(call: CallFacts) -> tuple[str, ...]:
    """What went wrong, as a search finds it: a lost call is *unknown* as well; nothing for *done*, which most are."""
    return () if call.error is None else (call.outcome, _SENT.get(call.kind, ""))


def _status_class(call: CallFacts) -> str:
    return "" if call.status is None or call.status < 300 else f"{call.status // 100}xx"


FACETS: dict[str, Callable[[CallFacts], tuple[str, ...]]] = {
    "outcome": _outcomes,
    "status": lambda call: (_status_class(call),),
    "method": lambda call: (call.method,),
    "route": lambda call: (call.route,),
    "who": lambda call: (call.actor,),
    "key": lambda call: (call.key,),
    "run": lambda call: (str(call.run or ""),),
}


def _pieces(
    wanted: TrailFilter, calls: Sequence[CallFacts], *, cut: bool
) -> tuple[timedelta, dict[datetime, list[CallFacts]]]:
    """The calls by stretches of time of one width, with stretches that have none; from the oldest that was counted."""
    if not calls:
        return WIDTHS[0], {}
    first = calls[-1].time if cut or not wanted.since else min(wanted.since, calls[-1].time)
    last = wanted.until or max(datetime.now(UTC), calls[0].time)
    width = next((width for width in WIDTHS if ceil((last - first) / width) < MOST_BARS), WIDTHS[-1])
    start = _beginning(first, width)
    number = (last - start) // width + 1
    pieces: dict[datetime, list[CallFacts]] = {start + width * place: [] for place in range(number)}
    for call in calls:
        pieces.setdefault(_beginning(call.time, width), []).append(call)
    return width, pieces


def _beginning(at: datetime, width: timedelta) -> datetime:
    """Where the stretch of a time begins: of days at midnight in the viewer's zone, as it is now."""
    epoch = EPOCH - (timezone.localtime().utcoffset() or timedelta(0)) if width >= DAY else EPOCH
    return epoch + (at - epoch) // width * width


def _rate(pieces: dict[datetime, list[CallFacts]], width: timedelta) -> str:
    """The calls per minute of the highest bar."""
    most = max(map(len, pieces.values()), default=0) / (width / timedelta(minutes=1))
    return f"{most:,.0f}" if most >= 10 else f"{most:.1f}".removesuffix(".0") if most >= 0.1 else "under 0.1"


def _calls_chart(
    links: SearchLinks, pieces: dict[datetime, list[CallFacts]], width: timedelta
) -> ColumnChart:
    columns = [
        Column(
            _moment(start, width),
            len(calls),
            _said(calls),
            bad=sum(call.error is not None for call in calls),
            url=f"?{links.within(start, start + width)}" if calls else "",
        )
        for start, calls in pieces.items()
    ]
    return column_chart(columns, first=columns[0].label, last=columns[-1].label)


def _took_chart(links: SearchLinks, pieces: dict[datetime, list[CallFacts]], width: timedelta) -> LineChart:
    moments = []
    for start, calls in pieces.items():
        times = _durations(calls)
        said = percentiles_in_words(times, _milliseconds)
        url = f"?{links.within(start, start + width)}" if times else ""
        moments.append(Moment(_moment(start, width), median_and_p95(times), said, url))
    return line_chart(moments, first=moments[0].label, last=moments[-1].label)


def _said(calls: Sequence[CallFacts]) -> str:
    errors = sum(call.error is not None for call in calls)
    number = f"{intcomma(len(calls))} call{'' if len(calls) == 1 else 's'}"
    return f"{number}, {share_in_words(errors, len(calls))} errors" if errors else number


def _durations(calls: Iterable[CallFacts]) -> list[int]:
    return [call.duration_ms for call in calls if call.duration_ms is not None]


def _milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{round(value)} ms" if value < 1_000 else f"{value / 1_000:.1f} s"


def _moment(at: datetime, width: timedelta) -> str:
    # Where clocks changed since, midnight is an hour off: the day is the one that most of the stretch lies in.
    local = timezone.localtime(at + timedelta(hours=2) if width >= DAY else at)
    day = f"{local.day} {local:%b}"
    return day if width >= DAY else f"{day} {local:%H:%M}"


def _width_in_words(width: timedelta) -> str:
    minutes = width // timedelta(minutes=1)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 1_440:
        return f"{minutes // 60} h"
    days = minutes // 1_440
    return f"{days} day{'' if days == 1 else 's'}"


def _errors_query(links: SearchLinks, group: ErrorGroup) -> str:
    return links.with_terms({"error": group.cause, "route": group.route})
