"""A workspace's home: how its sources stand, and its latest runs."""

from django.http import HttpResponse
from django.shortcuts import render

from fini_admin.ingestion import queries
from fini_admin.permissions import Permission, WorkspaceRequest, requires


@requires(Permission.SOURCES_READ)
def home(request: WorkspaceRequest) -> HttpResponse:
    """The workspace in numbers."""
    context = {
        "states": queries.sources_by_state(request.workspace),
        "runs": queries.latest_runs(request.workspace),
    }
    return render(request, "ingestion/home.html", context)
