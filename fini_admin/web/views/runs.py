"""The runs, and one run with the outcome of each ID."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse

from fini_admin.ingestion.kinds import crawls, deletions, discovery_remarks, retries
from fini_admin.ingestion.models import Preview, Run, RunKind, RunState
from fini_admin.ingestion.runs import queries, steering
from fini_admin.ingestion.runs.run_now import run_now
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.paging import page
from fini_admin.web.forms.runs import RunFilters
from fini_admin.web.pages import redirect_to, render_page, url_if_allowed
from fini_admin.web.permissions import WorkspaceRequest, check_permissions, requires
from fini_admin.web.views import previews
from fini_admin.web.wording import runs as wording
from fini_admin.workspaces.permissions import Permission, permission_of

REASONS = 20
READABLE = 100  # so many failures are read while the page is polled


@requires(Permission.RUNS_READ)
def index(request: WorkspaceRequest) -> HttpResponse:
    """All runs, newest first."""
    form = RunFilters(request.GET)
    found = page(
        queries.runs(request.workspace, **form.values()), cursor=request.GET.get("after"), field="number"
    )
    context: dict[str, object] = {
        "form": form,
        "page": found,
        "runs": found.rows,
        "held_by": steering.holder_of(request.workspace),
        "may_hold": Permission.WORK_HOLD in request.permissions,
    }
    return render_page(request, "runs/runs.html", context)


@requires(Permission.RUNS_READ)
def run(request: WorkspaceRequest, number: int) -> HttpResponse:
    """A run: its outcomes, which add up to the total, the reasons of failures, each ID, and the run's calls."""
    found = _run_or_404(request, number)
    outcome, now, next_page = request.GET.get("outcome", ""), run_now(found), _next_page(found)
    items = page(
        queries.items_of_run(found, outcome),
        cursor=request.GET.get("after"),
        field="position",
        descending=False,
    )
    context: dict[str, object] = {
        "run": found,
        "segments": wording.segments(found),
        "percent": wording.percent(found),
        "pace": wording.pace(found, now.forecast),
        "outcome": outcome,
        "page": items,
        "calls": now.calls,
        "waits": now.waits,
        "next": next_page if url_if_allowed(request, next_page) else "",
        "may_steer": Permission.RUNS_STEER in request.permissions,
        "may_read_activity": Permission.ACTIVITY_READ in request.permissions,
        "truncated": crawls.truncated(found),
        "left_out": discovery_remarks.remarks_of_run(found),
        **_retry_context(request, found),
    }
    return render_page(request, "runs/run.html", context)


def _run_or_404(request: WorkspaceRequest, number: int) -> Run:
    """The workspace's run of this number. Raises Http404."""
    found = queries.run_of(request.workspace, number)
    if found is None:
        raise Http404
    return found


def _retry_context(request: WorkspaceRequest, run: Run) -> dict[str, object]:
    """What needs attention, with its actions; for a deletion, what Fini says it deleted."""
    # Reading every failure is for a run that has ended, and is not polled any more (P7).
    bad, ended = run.failed + run.refused + run.unknown, run.state == RunState.ENDED
    found = retries.reasons(run) if bad and (ended or bad <= READABLE) else []
    may = permission_of(run.kind) in request.permissions
    deleted = run.kind == RunKind.DELETE
    return {
        "reasons": found[:REASONS],
        "more_reasons": max(0, len(found) - REASONS),
        "retryable": sum(reason.retryable for reason in found),
        "unread": 0 if found else bad,
        "may_retry": may and ended,
        "why_no_retry": "" if may else "Your role does not allow a retry of this run",
        "retries": list(run.retries.order_by("number")) if ended else [],
        "deleted": queries.deleted_by(run) if deleted else None,
        "not_registered": deletions.NOT_REGISTERED,
        "registrable": deletions.number_to_register_again(run) if deleted and ended else 0,
        "may_register": Permission.SOURCES_REGISTER in request.permissions and ended,
    }


@requires(Permission.RUNS_STEER)
def retry(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Preview a retry of everything that needs attention, or with `reason` of the IDs with its cause."""
    found = _run_or_404(request, number)
    check_permissions(request, permission_of(found.kind))
    if request.method != "POST":
        return redirect_to(request, _url_of(found))
    return _show_preview(
        request, found, lambda: retries.freeze_run(run=found, reason=request.POST.get("reason"))
    )


@requires(Permission.RUNS_STEER)
def steer(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Pause, resume or stop a run."""
    found = _run_or_404(request, number)
    acts = {"pause": steering.pause, "resume": steering.resume, "stop": steering.stop}
    act = acts.get(request.POST.get("do", ""))
    if act:
        try:
            act(by=request.by, run=found)
        except steering.CannotSteer as error:
            messages.warning(request, f"{error}: nothing was changed.")
    return redirect_to(request, _url_of(found))


@requires(Permission.WORK_HOLD)
def hold(request: WorkspaceRequest) -> HttpResponse:
    """Hold all that the workspace sends, or let it go on."""
    act = {"hold": steering.hold, "release": steering.release}.get(request.POST.get("do", ""))
    if act:
        act(by=request.by, workspace=request.workspace)
    return redirect_to(request, reverse("runs", args=[request.workspace.slug]))


@requires(Permission.SOURCES_REGISTER)
def register_again(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Preview registering what a deletion deleted."""
    found = _run_or_404(request, number)
    if request.method != "POST":
        return redirect_to(request, _url_of(found))
    return _show_preview(request, found, lambda: deletions.register_again(run=found))


def _show_preview(request: WorkspaceRequest, run: Run, freeze: Callable[[], Preview]) -> HttpResponse:
    """A preview to confirm, or why there is none."""
    try:
        return previews.show_preview(request, freeze())
    except CannotStart as error:
        return previews.show_why_not_started(request, error, _url_of(run))


def _url_of(run: Run) -> str:
    return reverse("run", args=[run.workspace.slug, run.number])


def _next_page(run: Run) -> str:
    """The page of the next step after a run; empty when there is none."""
    if run.state != RunState.ENDED or run.error:
        return ""
    if run.kind == RunKind.DISCOVER:
        return "discover"
    if run.kind == RunKind.CRAWL and run.done and not run.then_ingest:
        return "web"
    return "queue" if run.kind == RunKind.REGISTER and not run.then_ingest else ""
