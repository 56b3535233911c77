"""What a preview's run will cost: its writes exactly, about all its calls, and its time by what such runs took."""

from dataclasses import dataclass

from fini_admin.audit.queries import calls_within
from fini_admin.ingestion.budget import seconds_until_sent
from fini_admin.ingestion.models import PAGE, Preview, RunKind
from fini_admin.ingestion.planning.chosen import is_chosen
from fini_admin.ingestion.planning.planned_calls import CallPlan
from fini_admin.ingestion.runs.forecast import by_past, past_runs

# What starts jobs, and the polls at the head of the list that show nothing new while they run.
JOBS = {RunKind.INGEST, RunKind.REFRESH, RunKind.WEB}
POLLS = 2


@dataclass(frozen=True, slots=True)
class Effort:
    """Calls that write, all calls with the reads that follow, and seconds, which are None before enough runs."""

    writes: int
    calls: int
    seconds: int | None = None


def effort_of(plan: CallPlan, ids: int, *, then_ingest: bool) -> Effort:
    """What a run of so many IDs of this preview costs: `ids` may be fewer than it holds, or more with twins let in."""
    return _efforts(plan, ids, [then_ingest])[0]


def efforts_of(preview: Preview, plan: CallPlan, ids: int, *, choose: bool) -> list[tuple[str, Effort]]:
    """The effort of each way to confirm a preview, by what its button says; without words where there is one way."""
    if not choose:
        return [("", effort_of(plan, ids, then_ingest=preview.then_ingest))]
    return list(zip(("Register", "Register and ingest"), _efforts(plan, ids, [False, True]), strict=True))


def _efforts(plan: CallPlan, ids: int, ways: list[bool]) -> list[Effort]:
    """The effort of each way, with and without an ingest, by at most three queries."""
    preview, workspace = plan.preview, plan.preview.workspace
    past = past_runs(workspace, preview.kind, preview.provider, ways)
    # Reads serve all runs at once: what was called meanwhile is counted, whichever run it was for.
    spans = {run: (run.begun, run.ended) for way in ways for run in past[way]}
    made = dict(zip(spans, calls_within(str(workspace.pk), list(spans.values())), strict=True))
    calls = {
        way: by_past(_batches(plan, ids), [(_batches(plan, run.ids), made[run]) for run in past[way]])
        for way in ways
    }
    writes = {way: _writes(plan, ids, then_ingest=way) for way in ways}
    needed = {way: max(writes[way], round(number)) for way, number in calls.items() if number is not None}
    least = seconds_until_sent(workspace, needed) if needed else {}
    return [
        Effort(
            writes[way],
            needed[way],
            max(1, round(max(by_past(ids, [(run.ids, run.seconds) for run in past[way]]) or 0, least[way]))),
        )
        if way in needed
        else Effort(writes[way], writes[way] + _reads(plan, ids, then_ingest=way))
        for way in ways
    ]


def _batches(plan: CallPlan, ids: int) -> int:
    """How many batches so many IDs make; reads grow like them, for they come in pages of about the same size."""
    return -(-ids // plan.size)


def _writes(plan: CallPlan, ids: int, *, then_ingest: bool) -> int:
    """A register's IDs and addresses are ticked, and have one provider; what is registered may be ingested as well."""
    if plan.preview.kind not in (RunKind.REGISTER, RunKind.WEB) or is_chosen(plan.preview):
        return plan.number
    if plan.preview.kind == RunKind.WEB:
        return _batches(plan, ids)
    return _batches(plan, ids) * (2 if then_ingest else 1)


def _reads(plan: CallPlan, ids: int, *, then_ingest: bool) -> int:
    """The reads that follow where all goes well: what was registered is read once, and each job twice until its end."""
    pages, kinds = -(-ids // PAGE), plan.kinds
    jobs = then_ingest or bool(kinds & JOBS)
    return pages * (RunKind.REGISTER in kinds) + (2 * pages + POLLS) * jobs
