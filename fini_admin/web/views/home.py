"""A workspace's home: what needs attention, its sources, how fast they become usable, its providers, latest runs."""

from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from django.http import HttpResponse

from fini_admin.ingestion.home_facts import home_facts
from fini_admin.ingestion.models import RunState
from fini_admin.ingestion.runs import queries
from fini_admin.ingestion.schedules import schedule_statuses
from fini_admin.web.pages import parts_shown, render_page, url_if_allowed
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import home as overview
from fini_admin.web.wording.home import AttentionItem, FirstStep
from fini_admin.web.wording.providers import provider_lines
from fini_admin.web.wording.trends import PERIODS, trends_of
from fini_admin.workspaces.permissions import Permission

MOST_NEEDS, MOST_RUNS = 3, 6
PARTS = ("list", "trends", "runs")

Line = TypeVar("Line", AttentionItem, FirstStep)


@requires(Permission.SOURCES_READ)
def home(request: WorkspaceRequest) -> HttpResponse:
    """The home page. `?trends=` names the period of the charts, which load after the page, as the providers do."""
    shown = parts_shown(request, PARTS) or PARTS
    period = request.GET.get("trends", "")
    context = _trends(request, period) if period in PERIODS and "trends" in shown else {}
    if "list" in shown or "runs" in shown:
        context |= _state_now(request)
    return render_page(request, "home/home.html", context, parts=PARTS)


def _state_now(request: WorkspaceRequest) -> dict[str, object]:
    """What is polled: first steps, needs, sources by state, runs."""
    workspace = request.workspace
    totals = overview.source_totals(workspace, partial(url_if_allowed, request, "sources"))
    facts, schedules = home_facts(workspace), schedule_statuses(workspace)
    needs = _with_urls(request, overview.attention_items(facts, totals, schedules, worker=request.now.worker))
    runs = list(queries.latest_runs(workspace)[:MOST_RUNS])
    may_send = Permission.SOURCES_INGEST in request.permissions
    return {
        "steps": _with_urls(request, overview.first_steps(facts)),
        "totals": totals,
        "needs": needs[:MOST_NEEDS],
        "further": needs[MOST_NEEDS:],
        "may_retry": {Permission.SOURCES_INGEST, Permission.SOURCES_REFRESH} <= request.permissions,
        "discover": url_if_allowed(request, "discover"),
        "waiting": facts.sendable if may_send else None,
        "runs": runs,
        "going": any(run.state != RunState.ENDED for run in runs),
    }


def _trends(request: WorkspaceRequest, period: str) -> dict[str, object]:
    """What loads after the page: both charts, and the providers."""
    return {
        "trends": trends_of(request.workspace, period),
        "periods": PERIODS,
        "providers": provider_lines(request.workspace),
        "may_discover": Permission.SOURCES_DISCOVER in request.permissions,
    }


def _with_urls(request: WorkspaceRequest, lines: Iterable[Line]) -> list[tuple[Line, str]]:
    """Each line with the URL it leads to, empty where this person may not go."""
    return [(line, url_if_allowed(request, line.page, getattr(line, "query", ""))) for line in lines]
