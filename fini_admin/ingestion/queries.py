"""Reads of runs, of workers, and of one source's part in runs, queue and calls."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet, Subquery

from fini_admin.audit.expressions import IsOutcome
from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind
from fini_admin.audit.queries import _newest_row_per_call
from fini_admin.fini.errors import ScopeMissing
from fini_admin.ingestion.holding import busy_items
from fini_admin.ingestion.items import RUNNING, SENT
from fini_admin.ingestion.models import (
    NOT_ENDED,
    Item,
    ItemOutcome,
    QueueEntry,
    Run,
    Step,
    Worker,
)
from fini_admin.lib.paging import DIGITS, RowCount
from fini_admin.lib.prepared import prepared
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

ALIVE = timedelta(seconds=15)
# Two hosts' clocks may differ by as much.
MARGIN = timedelta(minutes=1)
NO_KEY = (
    "The workspace has no key that Fini takes. Add one, or switch to one; the run then goes on by itself."
)
NO_KEY_OPENS = (
    "The workspace has no key that can be opened with ENCRYPTION_KEYS. An operator puts the missing encryption key"
    " back, or you add the API key again and switch to it; the work then goes on by itself."
)
# While work is due a worker tries again at least this often.
_TRIED = timedelta(minutes=1)


def worker_alive() -> bool:
    """Whether a worker is at work."""
    return living_workers(datetime.now(UTC)).exists()


def living_workers(now: datetime) -> QuerySet[Worker]:
    """The workers that reported within the last 15 s; hosts' clocks may differ by a minute."""
    return Worker.objects.filter(seen_at__gt=now - ALIVE, seen_at__lt=now + MARGIN)


def run_of(workspace: Workspace, number: int) -> Run | None:
    """A workspace's run by its number."""
    if number >= 10**DIGITS:  # no column holds it
        return None
    return next(iter(_RUN(workspace.pk, number)), None)


def _run(_: datetime, workspace: UUID, number: int) -> QuerySet[Run]:
    known = ("preview", "retry_of", "workspace__budget", "workspace__settings")
    return Run.objects.filter(workspace=workspace, number=number).select_related(*known)


_RUN = prepared(_run)


def latest_runs(workspace: Workspace) -> list[Run]:
    """The ten latest runs, newest first."""
    return _LATEST(workspace.pk)


_LATEST = prepared(lambda _, workspace: Run.objects.filter(workspace=workspace).order_by("-number")[:10])


def running(workspace: Workspace) -> QuerySet[Run]:
    """Runs that have not ended, oldest first."""
    return Run.objects.filter(workspace=workspace, state__in=NOT_ENDED).order_by("number")


def oldest_running(workspace: Workspace) -> Run | None:
    """The oldest run that has not ended."""
    return next(iter(_OLDEST(workspace.pk)), None)


_OLDEST = prepared(
    lambda _, workspace: Run.objects.filter(workspace=workspace, state__in=NOT_ENDED).order_by("number")[:1]
)


def calls_of_run(run: Run) -> QuerySet[Entry]:
    """The *asked* rows of a run's calls."""
    return Entry.objects.filter(chain=str(run.workspace_id), run=run.number, kind=CallKind.ASKED)


def runs(workspace: Workspace, *, kind: str = "", state: str = "") -> QuerySet[Run]:
    """A workspace's runs of this kind and in this state."""
    found = Run.objects.filter(workspace=workspace)
    found = found.filter(kind=kind) if kind else found
    return found.filter(state=state) if state else found


_SHOWN = (
    *("position", "stage", "provider", "external_id", "resource", "outcome", "reason"),
    *(f"source__{name}" for name in ("fini_id", "title", "provider", "original_url", "state")),
)


def items_of_run(run: Run, outcome: str = "") -> QuerySet[Item]:
    """A run's items with their sources, as far as its page shows them, for it is polled.

    `outcome` is one of the five, or *sent*, *running* or *waiting* before that.
    """
    found = Item.objects.filter(run=run).select_related("source").only(*_SHOWN)
    if outcome in ItemOutcome.values:
        return found.filter(outcome=outcome)
    open_ = {"sent": SENT, "running": RUNNING, "waiting": ~SENT & ~RUNNING, "open": Q()}
    return found.filter(open_[outcome], outcome=None) if outcome in open_ else found


@dataclass(frozen=True, slots=True)
class DeletedAtFini:
    """What Fini said it deleted: how many of each, and the first ones (`id`, `title`)."""

    number_of_sources: int
    number_of_articles: int
    sources: list[dict[str, str]]
    articles: list[dict[str, str]]


def deleted_by(run: Run, *, most: int = 50) -> DeletedAtFini:
    """What Fini said a run's calls deleted, in the order of the calls."""
    steps = Step.objects.filter(run=run, deleted__isnull=False).order_by("number")
    numbers = {"sources": 0, "articles": 0}
    first: dict[str, list[dict[str, str]]] = {"sources": [], "articles": []}
    for said in steps.values_list("deleted", flat=True).iterator():
        for what in numbers:
            rows = (said or {}).get(what) or []
            numbers[what] += len(rows)
            first[what] += rows[: most - len(first[what])]
    return DeletedAtFini(numbers["sources"], numbers["articles"], first["sources"], first["articles"])


def no_key_opens(no_key_until: datetime | None) -> bool:
    """Whether a worker found within the last minute that the workspace's key cannot be opened, by its budget."""
    return no_key_until is not None and no_key_until > datetime.now(UTC) - _TRIED


def why_list_unreadable(error: str | None, kind: str | None) -> str:
    """Why Fini's list, by which sources are matched and followed, cannot be read; empty if it can (P8).

    `error` and `kind` are those of the workspace's watch, None if it has none.
    """
    if not error:
        return ""
    if kind == ScopeMissing.__name__:
        return (
            "Fini does not let the API key read its list of sources: nothing can be matched or followed."
            " Make a key with the scopes read and write in Fini, add it and switch to it; the work then goes on"
            " by itself."
        )
    return (
        "Fini's list of sources cannot be read: nothing can be matched or followed."
        f" {error.rstrip('.')}. Reading again is safe and happens by itself, at least once a minute;"
        " if it goes on, the calls tell what Fini answered."
    )


def open_entry_of(source: Source) -> QueueEntry | None:
    """The source's open queue entry with its run."""
    return QueueEntry.objects.filter(source=source, closed_at=None).select_related("run").first()


@dataclass(frozen=True, slots=True)
class SourceInRuns:
    """A source's latest items with run and step, newest first, and what all of them tell.

    `attempts`: how often it was sent to ingestion, or is about to be: the runs that had a place in a lane for it.
    `busy`: the number of the run that follows it or is to delete it.
    """

    items: list[Item]
    attempts: int = 0
    busy: int | None = None


def source_in_runs(source: Source, *, most: int) -> SourceInRuns:
    """By one query."""
    mine = Item.objects.filter(source=source)
    found = mine.select_related("run__retry_of", "step").annotate(
        attempts=RowCount(mine.exclude(lane="").exclude(outcome=ItemOutcome.SKIPPED)),
        busy=Subquery(busy_items([source.pk]).values("run__number")[:1]),
    )
    items = list(found.order_by("-pk")[:most])
    return SourceInRuns(list(items), items[0].attempts, items[0].busy) if items else SourceInRuns([])


def latest_call_rows(workspace: Workspace, ids: Collection[str]) -> list[Entry]:
    """The newest row of each of these calls, newest first."""
    rows = Entry.objects.filter(chain=str(workspace.pk), call__in=set(ids))
    # Each has an index of its own.
    asked, ended = rows.filter(kind=CallKind.ASKED), rows.filter(IsOutcome("kind"))
    newest_first = sorted(asked.union(ended, all=True), key=lambda row: -row.seq)
    return _newest_row_per_call(newest_first)[::-1]
