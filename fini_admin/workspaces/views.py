"""The list of workspaces."""

from django.http import HttpResponse
from django.shortcuts import render

from fini_admin.permissions import Request, superuser_only
from fini_admin.workspaces import queries


@superuser_only
def index(request: Request) -> HttpResponse:
    """All workspaces."""
    return render(request, "workspaces/list.html", {"workspaces": queries.workspaces_of(request.user)})
