"""How much each key was used lately, and by whom: one bounded look at the newest calls of a chain (P7)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection

from fini_admin.audit import chain as trail
from fini_admin.audit.names import where_from

DAYS = (1, 7, 30)
MOST = 50_000
# A verification's write probe is refused on purpose, or finds a scope missing (routes.write_probe): that is no error.
RECENT = """
SELECT key_id, actor, origin, COUNT(*),
  SUM(CASE WHEN at >= %s THEN 1 ELSE 0 END), SUM(CASE WHEN at >= %s THEN 1 ELSE 0 END),
  SUM(CASE WHEN outcome = 'done' OR (route = 'crawl' AND status IN (400, 403) AND run IS NULL) THEN 0 ELSE 1 END),
  MIN(at)
FROM (
  SELECT key_id, actor, origin, at, outcome, route, status, run FROM trail_entry
  WHERE chain = %s AND outcome IS NOT NULL AND at >= %s ORDER BY at DESC, seq DESC LIMIT %s
) AS recent GROUP BY key_id, actor, origin
"""


@dataclass(slots=True)
class Use:
    """A key's calls in 24 hours, 7 and 30 days; `errors` of those in 30 days; `who` made them, the busiest first.

    `cut` says of each of the three periods whether the limit of rows was reached before it was counted whole.
    """

    calls: list[int] = field(default_factory=lambda: [0, 0, 0])
    errors: int = 0
    who: list[tuple[str, int]] = field(default_factory=list)
    cut: tuple[bool, ...] = (False, False, False)

    @property
    def numbers(self) -> list[str]:
        """The calls as a page shows them."""
        return [f"{intcomma(n)}{'+' if cut else ''}" for n, cut in zip(self.calls, self.cut, strict=True)]

    @property
    def share(self) -> str:
        """The share of calls that did not end well."""
        if not self.calls[-1]:
            return "none made"
        share = self.errors / self.calls[-1]
        return f"{share:.1%}" if share >= 0.001 or not self.errors else "under 0.1%"


def by_key(chain: str, now: datetime) -> dict[str, Use]:
    """Each key's use by the key's ID, those without a call in 30 days left out. At most 50,000 calls are looked at."""
    day, week, month = (trail.text_of(now - timedelta(days=days)) for days in DAYS)
    with connection.cursor() as cursor:
        cursor.execute(RECENT, [day, week, chain, month, MOST])
        rows = cursor.fetchall()
    uses: dict[str, Use] = {}
    for key_id, actor, origin, in_month, in_day, in_week, errors, _ in sorted(rows, key=lambda row: -row[3]):
        use = uses.setdefault(key_id, Use())
        use.calls = [a + b for a, b in zip(use.calls, (in_day, in_week, in_month), strict=True)]
        use.errors += errors
        use.who.append((f"{actor} {where_from(origin)}".strip(), in_month))
    beyond = cut((row[3] for row in rows), min((row[-1] for row in rows), default=""), (day, week, month))
    for use in uses.values():
        use.cut = beyond
    return uses


def cut(counts: Iterable[int], oldest: str, starts: tuple[str, ...]) -> tuple[bool, ...]:
    """For each window whether the look ended before it had seen the whole of it."""
    full = sum(counts) >= MOST
    return tuple(full and oldest >= start for start in starts)
