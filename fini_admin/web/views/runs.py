"""The runs, and a run with the outcome of every single ID."""

from django.http import Http404, HttpResponse

from fini_admin.ingestion import discovery_remarks, queries
from fini_admin.ingestion.models import ItemOutcome, Run, RunKind, RunState
from fini_admin.lib.paging import count, page
from fini_admin.web.forms.runs import RunFilters
from fini_admin.web.pages import show
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
    return show(request, "runs/runs.html", context)


@requires(Permission.RUNS_READ)
def run(request: WorkspaceRequest, number: int) -> HttpResponse:
    """A run: counts that add up, each ID with its outcome and reason, the calls it made."""
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
        "counts": counts(found),
        "outcome": outcome,
        "page": items,
        "calls": count(queries.calls_of_run(found)),
        "waits": queries.why_it_waits(found),
        "next": what_next(found),
        "left_out": discovery_remarks.remarks_of_run(found),
    }
    return show(request, "runs/run.html", context)


def counts(run: Run) -> list[dict[str, object]]:
    """The outcomes with their numbers and where their segment of the bar begins; what is open comes last."""
    told, begins = [], 0
    numbers = run.outcomes
    numbers[OPEN] = max(0, run.total - run.ended)
    for name in (*ItemOutcome.values, OPEN):
        told.append({"name": name, "number": numbers[name], "begins": begins})
        begins += numbers[name]
    return told


def what_next(run: Run) -> str:
    """The step that follows an ended run on the way to usable: the name of a page, empty when none does."""
    if run.state != RunState.ENDED or run.error:
        return ""
    if run.kind == RunKind.DISCOVER:
        return "discover"
    return "queue" if run.kind == RunKind.REGISTER and not run.then_ingest else ""
