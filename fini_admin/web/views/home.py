"""A workspace's home: first steps, funnel, what needs attention, latest runs."""

from collections.abc import Iterable

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from fini_admin.ingestion import queries
from fini_admin.web.pages import MENU, render_page
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import home as overview
from fini_admin.web.wording.home import AttentionItem, FirstStep, LinkedCount
from fini_admin.workspaces.permissions import Permission, roles_with

PERMISSION_OF_PAGE = {entry.view: entry.permission for entry in MENU}
MAY_DISCOVER = roles_with(Permission.SOURCES_DISCOVER)


@requires(Permission.SOURCES_READ)
def home(request: WorkspaceRequest) -> HttpResponse:
    """The home page; `?part=frame` is the menu's counts and the foot, which every page polls."""
    if request.htmx and request.GET.get("part") == "frame":
        return render(request, "components/_foot.html")
    workspace = request.workspace
    context: dict[str, object] = {
        "steps": _with_urls(request, overview.first_steps(workspace)),
        "funnel": _with_urls(request, overview.funnel(workspace)),
        "needs": _with_urls(request, overview.attention_items(workspace, MAY_DISCOVER)),
        "may_retry": {Permission.SOURCES_INGEST, Permission.SOURCES_REFRESH} <= request.permissions,
        "runs": queries.latest_runs(workspace),
    }
    return render_page(request, "home.html", context)


def _with_urls(
    request: WorkspaceRequest, lines: Iterable[LinkedCount | AttentionItem | FirstStep]
) -> list[tuple[LinkedCount | AttentionItem | FirstStep, str]]:
    """Each line with the URL it leads to, empty where this person may not go."""
    return [(line, url_if_allowed(request, line.page, getattr(line, "query", ""))) for line in lines]


def url_if_allowed(request: WorkspaceRequest, page: str, query: str = "") -> str:
    """The URL of a page in the menu; empty for a person who may not open it."""
    allowed = PERMISSION_OF_PAGE.get(page) in request.permissions
    return reverse(page, args=[request.workspace.slug]) + query if allowed else ""
