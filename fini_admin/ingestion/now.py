"""A workspace as the frame of every page shows it, and its version, by which a page knows whether it is old."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection

from fini_admin.ingestion.models import NOT_ENDED
from fini_admin.ingestion.runs.queries import ALIVE, MARGIN
from fini_admin.sources.counts import Counted
from fini_admin.sources.states import State
from fini_admin.workspaces.models import KeyState, Workspace
from fini_admin.workspaces.preferences import limit_in_force

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Now:
    """`rows` and `writes` move with each write: `rows` counts the audit trail, `writes` what took the budget's lock.

    `used` of `limit` calls were sent in the last minute, the last one at `last`. `worker`: one is alive. `running` runs
    have not ended, `waiting` entries of the queue are open. `trouble`: sources failed, or Fini refuses the live key.
    `key`: there is a live key that Fini did not refuse.
    """

    rows: int
    writes: int
    used: int
    last: datetime | None
    limit: int
    worker: bool
    running: int
    waiting: int
    trouble: bool
    key: bool

    @property
    def icon(self) -> str:
        """What the tab's icon tells: *trouble* needs a person, *running* is a run, else *calm*."""
        return "trouble" if self.trouble else "running" if self.running else "calm"

    @property
    def version(self) -> str:
        """Another text whenever a page of the workspace may look different, time alone excepted."""
        return f"{self.rows}.{self.writes}.{self.used}.{self.worker:d}"

    @property
    def running_note(self) -> str:
        """How many runs go on, for the menu; empty for none."""
        return f"{intcomma(self.running)} under way" if self.running else ""

    @property
    def waiting_note(self) -> str:
        """How many entries are open, for the menu; empty for none."""
        return intcomma(self.waiting) if self.waiting else ""


# By hand, for every page and every poll asks it: to put it together would take far longer than to answer it.
_NOW = """
    SELECT head.seq, budget.version, settings.calls_per_minute,
        (SELECT count(*) FROM ingestion_slot slot
            WHERE slot.workspace_id = %(key)s AND slot.sent_at > %(minute_ago)s AND slot.sent_at <= %(now)s),
        (SELECT slot.sent_at FROM ingestion_slot slot
            WHERE slot.workspace_id = %(key)s AND slot.sent_at <= %(now)s ORDER BY slot.number DESC LIMIT 1),
        (SELECT count(*) FROM ingestion_worker WHERE seen_at > %(alive)s AND seen_at < %(soon)s),
        (SELECT count(*) FROM ingestion_run WHERE workspace_id = %(key)s AND state IN (%(going)s)),
        (SELECT sum(number) FROM sources_count WHERE workspace_id = %(key)s AND kind = %(entries)s),
        (SELECT count(*) FROM sources_count
            WHERE workspace_id = %(key)s AND kind = %(sources)s AND value = %(failed)s AND number > 0),
        (SELECT CASE WHEN refused_at IS NULL THEN 0 ELSE 1 END FROM workspaces_apikey
            WHERE workspace_id = %(key)s AND state = %(live)s)
    FROM audit_head head
        LEFT JOIN ingestion_budget budget ON budget.workspace_id = %(key)s
        LEFT JOIN workspaces_workspacesettings settings ON settings.workspace_id = %(key)s
    WHERE head.chain = %(chain)s
""".replace("%(going)s", ", ".join(f"'{state}'" for state in NOT_ENDED))


def now_in(workspace: Workspace) -> Now:
    """The workspace as it is now. What is read after this is at least as new as the version."""
    now = datetime.now(UTC)
    at = {"now": now, "minute_ago": now - MINUTE, "alive": now - ALIVE, "soon": now + MARGIN}
    values = {name: connection.ops.adapt_datetimefield_value(moment) for name, moment in at.items()}
    values |= {"chain": str(workspace.pk), "entries": Counted.ENTRIES.value}
    values |= {"sources": Counted.SOURCES.value, "failed": State.FAILED.value, "live": KeyState.LIVE.value}
    values["key"] = Workspace._meta.pk.get_db_prep_value(workspace.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(_NOW, values)
        rows, writes, limit, used, last, workers, running, waiting, failed, refused = cursor.fetchone()
    return Now(
        rows,
        writes or 0,
        used,
        _moment(last),
        limit_in_force(limit),
        workers > 0,
        running,
        int(waiting or 0),
        trouble=failed > 0 or refused == 1,
        key=refused == 0,
    )


def _moment(stored: datetime | str | None) -> datetime | None:
    """A time as the database gives it: SQLite's are in UTC, and do not say so."""
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
