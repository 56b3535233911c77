"""How much each key was used lately, and by whom, from the newest 50,000 calls of a chain (P7)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection

from fini_admin.audit import chain as trail
from fini_admin.audit.names import where_from

DAYS = (1, 7, 30)
MOST = 50_000
# The write probe of a verification is meant to be refused (routes.write_probe), so it is not counted as an error.
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


def share_in_words(part: int, whole: int) -> str:
    """A percentage; what is not nothing never reads as 0."""
    share = part / whole
    return f"{share:.1%}" if share >= 0.001 or not part else "under 0.1%"


@dataclass(slots=True)
class KeyUse:
    """A key's calls in 24 hours, 7 and 30 days; `errors` and `who` (the busiest first) are of the 30 days.

    `cut` says for each period whether 50,000 calls were reached before its beginning.
    """

    calls: list[int] = field(default_factory=lambda: [0, 0, 0])
    errors: int = 0
    who: list[tuple[str, int]] = field(default_factory=list)
    cut: tuple[bool, ...] = (False, False, False)

    @property
    def numbers(self) -> list[str]:
        return [f"{intcomma(n)}{'+' if cut else ''}" for n, cut in zip(self.calls, self.cut, strict=True)]

    @property
    def share(self) -> str:
        """The percentage of calls that failed."""
        return share_in_words(self.errors, self.calls[-1]) if self.calls[-1] else "none made"


def by_key(chain: str, now: datetime) -> dict[str, KeyUse]:
    """Use by key ID; keys without a call in 30 days are left out."""
    day, week, month = (trail.utc_text(now - timedelta(days=days)) for days in DAYS)
    with connection.cursor() as cursor:
        cursor.execute(RECENT, [day, week, chain, month, MOST])
        rows = cursor.fetchall()
    uses: dict[str, KeyUse] = {}
    for key_id, actor, origin, in_month, in_day, in_week, errors, _ in sorted(rows, key=lambda row: -row[3]):
        use = uses.setdefault(key_id, KeyUse())
        use.calls = [a + b for a, b in zip(use.calls, (in_day, in_week, in_month), strict=True)]
        use.errors += errors
        use.who.append((f"{actor} {where_from(origin)}".strip(), in_month))
    beyond = _cut_windows(
        (row[3] for row in rows), min((row[-1] for row in rows), default=""), (day, week, month)
    )
    for use in uses.values():
        use.cut = beyond
    return uses


def _cut_windows(counts: Iterable[int], oldest: str, starts: tuple[str, ...]) -> tuple[bool, ...]:
    full = sum(counts) >= MOST
    return tuple(full and oldest >= start for start in starts)
