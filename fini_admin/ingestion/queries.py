"""Reads of runs, of workers, and of one source's part in runs, queue and calls."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from fini_admin.audit.expressions import IsOutcome
from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind
from fini_admin.audit.queries import _newest_row_per_call
from fini_admin.fini.errors import ScopeMissing
from fini_admin.ingestion.models import (
    Budget,
    Item,
    ItemOutcome,
    QueueEntry,
    Run,
    RunKind,
    RunState,
    Slot,
    Step,
    Watch,
    Worker,
)
from fini_admin.lib.paging import count
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences
from fini_admin.workspaces.queries import usable_key

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
    """Whether a worker reported within the last 15 s; hosts' clocks may differ by a minute."""
    now = datetime.now(UTC)
    return Worker.objects.filter(seen_at__gt=now - ALIVE, seen_at__lt=now + MARGIN).exists()


def run_of(workspace: Workspace, number: int) -> Run | None:
    """A workspace's run by its number."""
    return Run.objects.filter(workspace=workspace, number=number).first()


def latest_runs(workspace: Workspace) -> list[Run]:
    """The ten latest runs, newest first."""
    return list(Run.objects.filter(workspace=workspace).order_by("-number")[:10])


def running(workspace: Workspace) -> QuerySet[Run]:
    """Runs that have not ended, oldest first."""
    return Run.objects.filter(workspace=workspace, state=RunState.RUNNING).order_by("number")


def calls_of_run(run: Run) -> QuerySet[Entry]:
    """The *asked* rows of a run's calls."""
    return Entry.objects.filter(chain=str(run.workspace_id), run=run.number, kind=CallKind.ASKED)


def run_summary(run: Run) -> dict[str, Any]:
    """A run as `manage.py run` prints it; its keys are a stable interface."""
    return {
        "number": run.number,
        "kind": run.kind,
        "state": run.state,
        "total": run.total,
        "outcomes": run.outcomes,
        "calls": calls_of_run(run).count(),
    }


def queue_length(workspace: Workspace) -> str:
    """How many entries are open, for the menu; empty for none."""
    waiting = count(QueueEntry.objects.filter(workspace=workspace, closed_at=None))
    return "" if waiting == "0" else waiting


def running_runs(workspace: Workspace) -> str:
    """How many runs have not ended, for the menu; empty for none."""
    number = count(running(workspace))
    return "" if number == "0" else f"{number} running"


def footer(workspace: Workspace) -> dict[str, Any]:
    """Every page's foot: calls sent in the last minute, the limit, the last call's time, whether a worker is alive."""
    now = datetime.now(UTC)
    slots = Slot.objects.filter(workspace=workspace, sent_at__lte=now).order_by("-number")
    sent = list(slots.values_list("sent_at", flat=True)[: settings.FINI_CALLS_PER_MINUTE])
    return {
        "used": sum(at > now - timedelta(minutes=1) for at in sent),
        "limit": preferences(workspace).calls_per_minute,
        "last": sent[0] if sent else None,
        "worker": worker_alive(),
    }


def runs(workspace: Workspace, *, kind: str = "", state: str = "") -> QuerySet[Run]:
    """A workspace's runs of this kind and in this state."""
    found = Run.objects.filter(workspace=workspace)
    found = found.filter(kind=kind) if kind else found
    return found.filter(state=state) if state else found


def items_of_run(run: Run, outcome: str = "") -> QuerySet[Item]:
    """A run's items with their sources; `outcome` is one of the five, or `open` for those without."""
    found = Item.objects.filter(run=run).select_related("source")
    if outcome in ItemOutcome.values:
        return found.filter(outcome=outcome)
    return found.filter(outcome=None) if outcome == "open" else found


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


def why_it_waits(run: Run) -> str:
    """What keeps a run waiting that a person can see to; empty if nothing does (P8)."""
    if run.state == RunState.ENDED:
        return ""
    if not worker_alive():
        return "No worker is at work. Start one with manage.py run_worker; the run then goes on by itself."
    if not Workspace.objects.filter(usable_key("pk"), pk=run.workspace_id).exists():
        return NO_KEY
    if no_key_opens(run.workspace_id):
        return NO_KEY_OPENS
    blocked = Budget.objects.filter(workspace=run.workspace_id, blocked_until__gt=datetime.now(UTC)).first()
    if blocked and blocked.blocked_until:
        until = timezone.localtime(blocked.blocked_until)
        day = "" if until.date() == timezone.localdate() else f" on {until.day} {until:%b}"
        return f"Fini asked us to slow down. Calls go on at {until:%H:%M:%S %Z}{day}."
    return "" if run.kind == RunKind.DISCOVER else why_list_unreadable(run.workspace_id)


def no_key_opens(workspace_id: UUID) -> bool:
    """Whether a worker found within the last minute that the workspace's key cannot be opened."""
    return Budget.objects.filter(pk=workspace_id, no_key_until__gt=datetime.now(UTC) - _TRIED).exists()


def why_list_unreadable(workspace_id: UUID) -> str:
    """Why Fini's list, by which sources are matched and followed, cannot be read; empty if it can (P8)."""
    watch = Watch.objects.filter(pk=workspace_id).only("error", "error_kind").first()
    if watch is None or not watch.error:
        return ""
    if watch.error_kind == ScopeMissing.__name__:
        return (
            "Fini does not let the API key read its list of sources: nothing can be matched or followed."
            " Make a key with the scopes read and write in Fini, add it and switch to it; the work then goes on"
            " by itself."
        )
    return (
        "Fini's list of sources cannot be read: nothing can be matched or followed."
        f" {watch.error.rstrip('.')}. Reading again is safe and happens by itself, at least once a minute;"
        " if it goes on, the calls tell what Fini answered."
    )


def open_entry_of(source: Source) -> QueueEntry | None:
    """The source's open queue entry with its run."""
    return QueueEntry.objects.filter(source=source, closed_at=None).select_related("run").first()


def items_of_source(source: Source, *, most: int) -> list[Item]:
    """The source's latest items with run and step, newest first."""
    found = Item.objects.filter(source=source).select_related("run__retry_of", "step")
    return list(found.order_by("-pk")[:most])


def attempts(source: Source) -> int:
    """How often the source was sent to ingestion, or is about to be: the runs that had a place in a lane for it."""
    return Item.objects.filter(source=source).exclude(lane="").exclude(outcome=ItemOutcome.SKIPPED).count()


def latest_call_rows(workspace: Workspace, ids: Collection[str]) -> list[Entry]:
    """The newest row of each of these calls, newest first."""
    rows = Entry.objects.filter(chain=str(workspace.pk), call__in=set(ids))
    # Two queries, each of which has an index of its own.
    asked, ended = rows.filter(kind=CallKind.ASKED), rows.filter(IsOutcome("kind"))
    newest_first = sorted([*asked, *ended], key=lambda row: -row.seq)
    return _newest_row_per_call(newest_first)[::-1]
