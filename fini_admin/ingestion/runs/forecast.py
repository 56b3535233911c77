"""When a run is expected to end: from what runs of its kind took in this workspace, its own pace, and the budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from fini_admin.ingestion.budget import BudgetWait, budget_as_read, wait_for
from fini_admin.ingestion.models import Run, RunKind, RunState
from fini_admin.ingestion.runs.steps import batch_size_by
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences_as_read

ENOUGH, LATEST = 3, 20
# Before so much of a run has ended its own pace says nothing.
TELLING = 0.05


@dataclass(frozen=True, slots=True)
class Forecast:
    """IDs a minute so far, and the seconds that are left; None where nothing tells."""

    rate: int | None
    left: int | None


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that ended, with so many IDs."""

    ids: int
    begun: datetime
    ended: datetime

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.begun).total_seconds()


def past_runs(
    workspace: Workspace, kind: str, provider: str, ways: Sequence[bool]
) -> dict[bool, list[PastRun]]:
    """The latest runs of this kind and provider that nobody steered, by whether they ingested what they registered."""
    alike = Run.objects.filter(workspace=workspace, kind=kind, provider=provider, then_ingest__in=ways)
    ended = alike.filter(state=RunState.ENDED, steered_at=None, error="", total__gt=0, ended_at__isnull=False)
    rows = ended.order_by("-number").values_list("then_ingest", "total", "created_at", "ended_at")
    found: dict[bool, list[PastRun]] = {way: [] for way in ways}
    for way, total, start, end in rows[: LATEST * len(ways)]:
        if end:
            found[way].append(PastRun(total, start, end))
    return found


def by_past(ids: int, past: Sequence[tuple[int, float]]) -> float | None:
    """Predict what `ids` IDs take, a constant plus a part for each, fitted to `past`: pairs of IDs and what they took.

    The fit is weighted so that an error counts relative to what the run took. None with fewer than ENOUGH runs. Pure.
    """
    if len(past) < ENOUGH:
        return None
    rows = [(n, max(seconds, 0.1), 1 / max(seconds, 0.1) ** 2) for n, seconds in past]
    weight = sum(w for *_, w in rows)
    mean_n = sum(n * w for n, _, w in rows) / weight
    mean_s = sum(s * w for _, s, w in rows) / weight
    spread = sum(w * (n - mean_n) ** 2 for n, _, w in rows)
    each = max(0.0, sum(w * (n - mean_n) * (s - mean_s) for n, s, w in rows) / spread) if spread else 0.0
    return max(0.1, mean_s + each * (ids - mean_n))


def seconds_left(
    *, total: int, ended: int, passed: float | None, whole: float | None, floor: float
) -> float | None:
    """The seconds that a run still takes; None where nothing tells. Pure.

    `passed`: since its start, None if it was paused meanwhile; `whole`: what such a run takes; `floor`: what the budget
    needs for the calls that are left. The more has ended, the more its own pace counts.
    """
    share = ended / total if total else 0.0
    own = passed * (1 - share) / share if passed is not None and share >= TELLING else None
    past = None
    if whole is not None:
        past = whole * (1 - share) if passed is None else max(whole - passed, 0.0)
    if own is not None and past is not None:
        return max(share * own + (1 - share) * past, floor)
    guess = past if own is None else own
    return None if guess is None else max(guess, floor)


def wait_of(run: Run) -> BudgetWait:
    """What the budget makes the calls wait for that a run still has to make."""
    budget, held = budget_as_read(run.workspace), preferences_as_read(run.workspace)
    return wait_for(budget, ceil(run.waiting / batch_size_by(budget, held)), held.calls_per_minute)


def forecast(run: Run, floor: float) -> Forecast:
    """How fast a run goes, and when it will have ended; `floor`: what the budget needs (`wait_of`)."""
    if run.state != RunState.RUNNING or not run.total or run.kind == RunKind.SYNC:  # nobody knows of how many
        return Forecast(None, None)
    passed = (datetime.now(UTC) - run.created_at).total_seconds() if run.steered_at is None else None
    past = past_runs(run.workspace, run.kind, run.provider, [run.then_ingest])[run.then_ingest]
    left = seconds_left(
        total=run.total,
        ended=run.ended,
        passed=passed,
        whole=by_past(run.total, [(one.ids, one.seconds) for one in past]),
        floor=floor,
    )
    rate = round(run.ended * 60 / passed) if passed and run.ended else None
    return Forecast(rate, None if left is None else round(left))
