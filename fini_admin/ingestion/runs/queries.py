"""Reads of runs, of workers, and of one source's part in runs, queue and calls."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet, Subquery

from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind
from fini_admin.ingestion.models import NOT_ENDED, Item, ItemOutcome, Run, Step, Worker
from fini_admin.ingestion.runs.items import RUNNING, SENT, busy_items
from fini_admin.lib.paging import DIGITS, RowCount
from fini_admin.lib.prepared import prepared
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

ALIVE = timedelta(seconds=15)
# Two hosts' clocks may differ by as much.
MARGIN = timedelta(minutes=1)
NAMED = 50  # sources and articles that a deletion's page names


def worker_alive() -> bool:
    """Whether a worker is at work."""
    return living_workers(datetime.now(UTC)).exists()


def living_workers(now: datetime) -> QuerySet[Worker]:
    """The workers that reported within the last 15 s; hosts' clocks may differ by a minute."""
    return Worker.objects.filter(seen_at__gt=now - ALIVE, seen_at__lt=now + MARGIN)


def run_of(workspace: Workspace, number: int) -> Run | None:
    """A workspace's run by its number."""
    if not 0 < number < 10**DIGITS:  # runs count from 1, and no column holds more
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


def running(workspace: Workspace | UUID) -> QuerySet[Run]:
    """Runs that have not ended, oldest first."""
    return Run.objects.filter(workspace=workspace, state__in=NOT_ENDED).order_by("number")


def oldest_running(workspace: Workspace) -> Run | None:
    """The oldest run that has not ended."""
    return next(iter(_OLDEST(workspace.pk)), None)


_OLDEST = prepared(lambda _, workspace: running(workspace)[:1])


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


def items_of_run(run: Run, outcome: str) -> QuerySet[Item]:
    """A run's items with their sources, as far as its page shows them, for it is polled.

    `outcome` is one of the five, or *sent*, *running* or *waiting* before that; empty for all.
    """
    found = Item.objects.filter(run=run).select_related("source").only(*_SHOWN)
    if outcome in ItemOutcome.values:
        return found.filter(outcome=outcome)
    open_ = {"sent": SENT, "running": RUNNING, "waiting": ~SENT & ~RUNNING}
    return found.filter(open_[outcome], outcome=None) if outcome in open_ else found


@dataclass(frozen=True, slots=True)
class DeletedAtFini:
    """What Fini said it deleted: how many of each, and the first ones (`id`, `title`)."""

    number_of_sources: int
    number_of_articles: int
    sources: list[dict[str, str]]
    articles: list[dict[str, str]]


def deleted_by(run: Run) -> DeletedAtFini:
    """What Fini said a run's calls deleted, in the order of the calls; at most NAMED of each by name."""
    steps = Step.objects.filter(run=run, deleted__isnull=False).order_by("number")
    numbers = {"sources": 0, "articles": 0}
    first: dict[str, list[dict[str, str]]] = {"sources": [], "articles": []}
    for said in steps.values_list("deleted", flat=True).iterator():
        for what in numbers:
            rows = (said or {}).get(what) or []
            numbers[what] += len(rows)
            first[what] += rows[: NAMED - len(first[what])]
    return DeletedAtFini(numbers["sources"], numbers["articles"], first["sources"], first["articles"])


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
    """The latest runs' part in a source, and what all of them tell, by one query."""
    mine = Item.objects.filter(source=source)
    found = mine.select_related("run__retry_of", "step").annotate(
        attempts=RowCount(mine.exclude(lane="").exclude(outcome=ItemOutcome.SKIPPED)),
        busy=Subquery(busy_items([source.pk]).values("run__number")[:1]),
    )
    items = list(found.order_by("-pk")[:most])
    return SourceInRuns(list(items), items[0].attempts, items[0].busy) if items else SourceInRuns([])
