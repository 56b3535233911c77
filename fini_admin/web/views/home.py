"""A workspace's home: the funnel, what needs a person, the latest runs; at first, the first steps."""

from collections.abc import Iterable

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from fini_admin.ingestion import queries
from fini_admin.web.pages import MENU, show
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import home as overview
from fini_admin.web.wording.home import FirstStep, Need, Number
from fini_admin.workspaces.permissions import Permission, roles_with

WAY = {entry.view: entry.permission for entry in MENU}
MAY_DISCOVER = roles_with(Permission.SOURCES_DISCOVER)


@requires(Permission.SOURCES_READ)
def home(request: WorkspaceRequest) -> HttpResponse:
    """The workspace in numbers, each leading to what it counts; `?part=frame` is what every page asks for by itself."""
    if request.htmx and request.GET.get("part") == "frame":
        return render(request, "components/_foot.html")
    workspace = request.workspace
    context: dict[str, object] = {
        "steps": with_ways(request, overview.first_steps(workspace)),
        "funnel": with_ways(request, overview.funnel(workspace)),
        "needs": with_ways(request, overview.needs(workspace, MAY_DISCOVER)),
        "may_retry": {Permission.SOURCES_INGEST, Permission.SOURCES_REFRESH} <= request.permissions,
        "runs": queries.latest_runs(workspace),
    }
    return show(request, "home.html", context)


def with_ways(
    request: WorkspaceRequest, lines: Iterable[Number | Need | FirstStep]
) -> list[tuple[Number | Need | FirstStep, str]]:
    """Each line with the address it leads to, empty where this person may not go."""
    return [(line, way(request, line.page, getattr(line, "query", ""))) for line in lines]


def way(request: WorkspaceRequest, page: str, query: str = "") -> str:
    """A page's address, empty for who may not open it."""
    allowed = WAY.get(page) in request.permissions
    return reverse(page, args=[request.workspace.slug]) + query if allowed else ""
