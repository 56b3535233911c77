"""Reads of runs and of who is at work."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind
from fini_admin.ingestion.models import Item, Outcome, Run, Worker
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

ALIVE = timedelta(seconds=15)


def worker_alive() -> bool:
    """Whether any worker said so in the last 15 seconds."""
    return Worker.objects.filter(seen_at__gt=datetime.now(UTC) - ALIVE).exists()


def run_of(workspace: Workspace, number: int) -> Run | None:
    """A workspace's run by its number."""
    return Run.objects.filter(workspace=workspace, number=number).first()


def sources_by_state(workspace: Workspace) -> dict[str, int]:
    """How many sources are in which state, in the order of the states, those without any left out."""
    counted = Source.objects.filter(workspace=workspace).values_list("state").annotate(Count("pk")).order_by()
    counts = dict(counted)
    return {state: counts[state] for state in State.values if state in counts}


def latest_runs(workspace: Workspace) -> list[Run]:
    """The ten latest runs, newest first, each with how many of its IDs have their end as `ended`."""
    ended = Count("items", filter=Q(items__outcome__isnull=False))
    return list(Run.objects.filter(workspace=workspace).annotate(ended=ended).order_by("-number")[:10])


def outcomes(run: Run) -> dict[str, int]:
    """How many IDs of a run came to which end."""
    counted = Item.objects.filter(run=run, outcome__isnull=False).values_list("outcome").annotate(Count("pk"))
    return dict.fromkeys(Outcome.values, 0) | dict(counted.order_by())


def calls(run: Run) -> int:
    """The calls made for a run."""
    return Entry.objects.filter(chain=str(run.workspace_id), run=run.number, kind=CallKind.ASKED).count()


def summary(run: Run) -> dict[str, Any]:
    """A run as `manage.py run` prints it (design 5)."""
    return {
        "number": run.number,
        "kind": run.kind,
        "state": run.state,
        "total": run.total,
        "outcomes": outcomes(run),
        "calls": calls(run),
    }
