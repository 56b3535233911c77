"""Times and durations as people read them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil

from django.utils import timezone

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
WEEK = 7


def in_address(at: datetime) -> str:
    """A time, to the minute, as forms.base.TimeField reads it from an address: in the viewer's zone.

    In an hour that clocks repeat the second has its offset, for without one the first is meant.
    """
    local = timezone.localtime(at)
    written = local.isoformat(timespec="minutes")
    return written if local.fold else written[: len("2026-11-24T09:30")]


def moment(at: datetime) -> str:
    """A time in the viewer's zone: 3 min ago for an hour, then 14:02, then Tue 14:02, then 3 Nov."""
    now, local = timezone.localtime(), timezone.localtime(at)
    passed = now.astimezone(UTC) - at  # not of local clocks, which are set twice a year
    if timedelta(0) <= passed < MINUTE:
        return "just now"
    if MINUTE <= passed < HOUR:
        return f"{passed // MINUTE} min ago"
    days = abs((now.date() - local.date()).days)
    if days < WEEK:
        return f"{local:%a %H:%M}" if days else f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local.day} {local:%b %Y}"


def exactly(at: datetime) -> str:
    """A time to the second in the viewer's zone, the zone named, and in UTC: what hovering over it tells."""
    local = timezone.localtime(at)
    utc = f"{timezone.localtime(at, timezone.get_fixed_timezone(0)):%Y-%m-%d %H:%M:%S} UTC"
    return utc if not local.utcoffset() else f"{local:%Y-%m-%d %H:%M:%S} {zone_name(local)}, {utc}"


def zone_name(local: datetime) -> str:
    """The zone's short name at a time: CET, UTC-03."""
    name = local.tzname() or ""
    return name if name[:1].isalpha() else f"UTC{name}"


def duration(took: timedelta) -> str:
    """A duration in its largest unit: 31 s, 4 min, 2 h, 3 days; at once for less than a second."""
    if took < SECOND:
        return "at once"
    for unit, step, name in ((MINUTE, SECOND, "s"), (HOUR, MINUTE, "min"), (DAY, HOUR, "h")):
        if took < unit:
            return f"{took // step} {name}"
    days = took // DAY
    return f"{days} day{'' if days == 1 else 's'}"


def median_and_p95(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The value that half of these do not exceed, and the one that 95 of 100 do not; None of nothing."""
    return _percentile(values, 0.5), _percentile(values, 0.95)


def _percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that this share of the values does not exceed; None of nothing."""
    ordered = sorted(values)
    return ordered[max(ceil(share * len(ordered)), 1) - 1] if ordered else None


def percentiles_in_words(values: Sequence[float], in_words: Callable[[float | None], str]) -> str:
    """Within what half of these are, and 95 of 100; empty of nothing."""
    median, p95 = median_and_p95(values)
    return f"half within {in_words(median)}, 95 of 100 within {in_words(p95)}" if values else ""


def took(passed: timedelta) -> str:
    """How long something took: "took 31 s", "at once"."""
    said = duration(passed)
    return said if passed < SECOND else f"took {said}"
