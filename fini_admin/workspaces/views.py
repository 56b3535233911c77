"""The list of workspaces and a workspace's first page."""

from django.http import HttpResponse
from django.shortcuts import render

from fini_admin.permissions import Permission, Request, WorkspaceRequest, requires, superuser_only
from fini_admin.workspaces import queries


@superuser_only
def index(request: Request) -> HttpResponse:
    """All workspaces."""
    return render(request, "workspaces/list.html", {"workspaces": queries.workspaces_of(request.user)})


@requires(Permission.SOURCES_READ)
def workspace(request: WorkspaceRequest) -> HttpResponse:
    """A workspace's home."""
    return render(request, "workspaces/home.html")
