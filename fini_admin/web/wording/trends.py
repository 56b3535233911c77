"""Home's charts: how many sources became usable, and how long that took, over a day and over a month."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from urllib.parse import quote

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone

from fini_admin.lib.paging import COUNTED, counted_text
from fini_admin.sources.trends import (
    TimeToUsable,
    became_usable,
    times_to_usable,
)
from fini_admin.web.charts import Column, ColumnChart, LineChart, Moment, column_chart, line_chart
from fini_admin.web.wording.times import SECOND, duration, in_address, median_and_p95, percentiles_in_words
from fini_admin.workspaces.models import Workspace

HOURS, DAYS = 24, 30


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time up to now, cut at `starts`; `label` tells a time of it."""

    name: str
    text: str
    starts: list[datetime]
    label: Callable[[datetime], str]

    def place(self, at: datetime) -> int:
        """The number of the piece that holds this time."""
        return bisect_right(self.starts, at) - 1


def day_of_hours() -> Period:
    """The last 24 hours, this one included."""
    now = timezone.localtime().replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    starts = [now - timedelta(hours=back) for back in reversed(range(HOURS))]
    return Period("day", "24 hours", starts, lambda at: f"{timezone.localtime(at):%a %H:%M}")


def month_of_days() -> Period:
    """The last 30 days, today included, each from midnight in the viewer's zone."""
    today, zone = timezone.localdate(), timezone.get_current_timezone()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    starts = [datetime.combine(day, time.min, zone).astimezone(UTC) for day in days]
    return Period("month", "30 days", starts, _day)


def _day(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local.day} {local:%b}"


PERIODS: dict[str, Callable[[], Period]] = {"day": day_of_hours, "month": month_of_days}


@dataclass(frozen=True, slots=True)
class Trends:
    """Both charts of a period with their headlines; `query` lists the sources that are counted."""

    period: Period
    number: str
    query: str
    usable: ColumnChart
    took: LineChart
    middle: str
    slow: str


def trends_of(workspace: Workspace, name: str) -> Trends:
    period = PERIODS[name]()
    since = period.starts[0]
    took = times_to_usable(workspace, since)
    seconds, moments = [one.seconds for one in took], became_usable(workspace, since)
    return Trends(
        period,
        counted_text(len(moments)),
        f"?state=usable&since={quote(in_address(since), safe=':')}",
        _usable_chart(period, moments[:COUNTED]),
        _took_chart(period, took),
        *map(_in_words, median_and_p95(seconds)),
    )


def _usable_chart(period: Period, moments: Sequence[datetime]) -> ColumnChart:
    numbers = [0] * len(period.starts)
    for at in moments:
        numbers[period.place(at)] += 1
    columns = [
        Column(period.label(start), number, intcomma(number))
        for start, number in zip(period.starts, numbers, strict=True)
    ]
    return column_chart(columns, first=columns[0].label, last="now" if period.name == "day" else "today")


def _took_chart(period: Period, took: Sequence[TimeToUsable]) -> LineChart:
    pieces: list[list[float]] = [[] for _ in period.starts]
    for one in took:
        pieces[period.place(one.at)].append(one.seconds)
    moments = [
        Moment(period.label(start), median_and_p95(piece), percentiles_in_words(piece, _in_words))
        for start, piece in zip(period.starts, pieces, strict=True)
    ]
    return line_chart(moments, first=moments[0].label, last="now" if period.name == "day" else "today")


def _in_words(seconds: float | None) -> str:
    return "" if seconds is None else duration(max(timedelta(seconds=seconds), SECOND))
