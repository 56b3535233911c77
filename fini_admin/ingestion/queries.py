"""Reads of runs and of who is at work."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count

from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind
from fini_admin.ingestion.models import Item, Outcome, Run, Worker
from fini_admin.workspaces.models import Workspace

ALIVE = timedelta(seconds=15)


def worker_alive() -> bool:
    """Whether any worker said so in the last 15 seconds."""
    return Worker.objects.filter(seen_at__gt=datetime.now(UTC) - ALIVE).exists()


def run_of(workspace: Workspace, number: int) -> Run | None:
    """A workspace's run by its number."""
    return Run.objects.filter(workspace=workspace, number=number).first()


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
