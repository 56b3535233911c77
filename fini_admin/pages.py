"""The pages of no app: the root, the probes, and the frame round every page."""

from dataclasses import dataclass

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from fini_admin.ingestion.queries import worker_alive
from fini_admin.permissions import Permission, Request, public, signed_in
from fini_admin.workspaces import queries


@dataclass(frozen=True)
class Entry:
    """One line of the side menu."""

    text: str
    view: str
    permission: Permission


# In the order and with the words of design 5; an empty text is a line between groups.
MENU = (Entry("Home", "workspace", Permission.SOURCES_READ),)


@signed_in
def home(request: Request) -> HttpResponse:
    """The one workspace of who has one, else the choice."""
    workspaces = list(queries.workspaces_of(request.user))
    if len(workspaces) == 1:
        return redirect("workspace", workspaces[0].slug)
    return render(request, "workspaces/choose.html", {"workspaces": workspaces})


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process answers; asks nobody else."""
    return HttpResponse("ok", content_type="text/plain")


@public
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether the work can be done: 200, or 503 with what is missing (design 5)."""
    missing = missing_parts()
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)


def missing_parts() -> list[str]:
    """`database` when it does not answer (then nobody knows of the worker), `worker` when none is alive."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return [] if worker_alive() else ["worker"]
    except DatabaseError:
        return ["database"]


def frame(request: HttpRequest) -> dict[str, object]:
    """Context of every page: the menu, holding only what this person may open (a template decides nothing)."""
    workspace = getattr(request, "workspace", None)
    allowed: frozenset[Permission] = getattr(request, "permissions", frozenset())
    if workspace is None:
        return {"menu": []}
    entries = [
        (entry, reverse(entry.view, args=[workspace.slug])) for entry in MENU if entry.permission in allowed
    ]
    return {"menu": [{"text": entry.text, "url": url, "here": url == request.path} for entry, url in entries]}
