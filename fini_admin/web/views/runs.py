"""The runs, and one run with the outcome of each ID."""

from django.http import Http404, HttpResponse

from fini_admin.ingestion import discovery_remarks, queries
from fini_admin.ingestion.models import ItemOutcome, Run, RunKind, RunState
from fini_admin.lib.paging import count, page
from fini_admin.web.forms.runs import RunFilters
from fini_admin.web.pages import render_page
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.workspaces.permissions import Permission

OPEN = "open"


@requires(Permission.RUNS_READ)
def index(request: WorkspaceRequest) -> HttpResponse:
    """All runs, newest first."""
    form = RunFilters(request.GET)
    found = page(
        queries.runs(request.workspace, **form.values()), cursor=request.GET.get("after"), field="number"
    )
    context: dict[str, object] = {"form": form, "page": found, "runs": found.rows}
    return render_page(request, "runs/runs.html", context)


@requires(Permission.RUNS_READ)
def run(request: WorkspaceRequest, number: int) -> HttpResponse:
    """A run: its outcomes, which add up to the total, each ID with its outcome and reason, and its calls."""
    found = queries.run_of(request.workspace, number)
    if found is None:
        raise Http404
    outcome = request.GET.get("outcome", "")
    items = page(
        queries.items_of_run(found, outcome),
        cursor=request.GET.get("after"),
        field="position",
        descending=False,
    )
    context: dict[str, object] = {
        "run": found,
        "counts": _outcome_counts(found),
        "outcome": outcome,
        "page": items,
        "calls": count(queries.calls_of_run(found)),
        "waits": queries.why_it_waits(found),
        "next": _next_page(found),
        "left_out": discovery_remarks.remarks_of_run(found),
    }
    return render_page(request, "runs/run.html", context)


def _outcome_counts(run: Run) -> list[dict[str, object]]:
    """The outcomes with their counts and the start of their segment in the bar; what is open comes last."""
    told, begins = [], 0
    numbers = run.outcomes
    numbers[OPEN] = max(0, run.total - run.ended)
    for name in (*ItemOutcome.values, OPEN):
        told.append({"name": name, "number": numbers[name], "begins": begins})
        begins += numbers[name]
    return told


def _next_page(run: Run) -> str:
    """The page of the next step after a run; empty when there is none."""
    if run.state != RunState.ENDED or run.error:
        return ""
    if run.kind == RunKind.DISCOVER:
        return "discover"
    return "queue" if run.kind == RunKind.REGISTER and not run.then_ingest else ""
