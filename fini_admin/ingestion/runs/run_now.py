"""How a run stands at this moment, as its page tells it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from fini_admin.ingestion.budget import sent_at
from fini_admin.ingestion.models import Run, RunState
from fini_admin.ingestion.runs import standstill
from fini_admin.ingestion.runs.forecast import Forecast, forecast, wait_of
from fini_admin.ingestion.runs.queries import calls_of_run
from fini_admin.lib.paging import RowCount, count, counted_text
from fini_admin.lib.prepared import prepared
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.queries import facts_query


@dataclass(frozen=True, slots=True)
class RunNow:
    """How many calls a run made, why it stands still (empty if it does not), and when it is expected to end.

    Who paused or stopped it stands elsewhere on its page.
    """

    calls: str
    waits: str
    forecast: Forecast


def run_now(run: Run) -> RunNow:
    """How the run stands, by two queries; `run` as `queries.run_of` reads it."""
    calls = calls_of_run(run)
    if run.state == RunState.ENDED:
        return RunNow(count(calls), "", Forecast(None, None))
    wait = wait_of(run)
    [found] = _FACTS(run.workspace_id, run.pk, run.number, wait.slot)
    left = forecast(run, wait.seconds(found["freed_at"]))
    return RunNow(counted_text(found["calls"]), standstill.reason_by(run, found, names=False), left)


def _facts(
    now: datetime, workspace: UUID, key: int, number: int, slot: int
) -> QuerySet[Workspace, dict[str, Any]]:
    """What the page of a run that goes on asks of its workspace."""
    run = Run(pk=key, workspace_id=workspace, number=number)
    return facts_query(
        workspace,
        *standstill.FIELDS,
        calls=RowCount(calls_of_run(run)),
        freed_at=sent_at(workspace, slot),
        **standstill.questions(run, now),
    )


_FACTS = prepared(_facts)
