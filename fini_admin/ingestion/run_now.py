"""How a run stands at this moment, as its page tells it."""

from dataclasses import dataclass

from django.db.models import Subquery

from fini_admin.ingestion import standstill
from fini_admin.ingestion.forecast import Forecast, forecast, wait_of
from fini_admin.ingestion.models import Run, RunState
from fini_admin.ingestion.queries import calls_of_run
from fini_admin.lib.paging import RowCount, count, counted_text
from fini_admin.workspaces.queries import facts


@dataclass(frozen=True, slots=True)
class RunNow:
    """How many calls a run made, why it stands still (empty if it does not), and when it is expected to end."""

    calls: str
    waits: str
    forecast: Forecast


def run_now(run: Run) -> RunNow:
    """By two queries; `run` as `queries.run_of` reads it."""
    calls = calls_of_run(run)
    if run.state == RunState.ENDED:
        return RunNow(count(calls), "", Forecast(None, None))
    wait = wait_of(run)
    found = facts(
        run.workspace_id,
        *standstill.FIELDS,
        calls=RowCount(calls),
        freed_at=Subquery(wait.slot.values("sent_at")[:1]),
        **standstill.questions(run),
    )
    left = forecast(run, wait.seconds(found["freed_at"]))
    return RunNow(counted_text(found["calls"]), standstill.reason_by(run, found), left)
