"""The search across pages (`Ctrl K`)."""

from django.http import HttpResponse
from django.shortcuts import render

from fini_admin.web.pages import MENU
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.wording import palette as wording
from fini_admin.web.wording.palette import Found, Searcher
from fini_admin.workspaces.permissions import Permission

LONGEST = 200


@requires(Permission.SOURCES_READ)
def results(request: WorkspaceRequest) -> HttpResponse:
    """What was found for `q`, in groups; without it the pages and what can be done."""
    typed = " ".join(request.GET.get("q", "").split())[:LONGEST]
    who = Searcher(request.workspace, request.permissions)
    groups = {
        "Go to": _pages(who, typed),
        "Sources": wording.sources(who, typed),
        "Runs": wording.runs_found(who, typed),
        "Calls": wording.calls(who, typed) if Permission.CALLS_READ in request.permissions else [],
        "Do": wording.actions(who, typed),
    }
    found = {name: lines for name, lines in groups.items() if lines}
    number = sum(len(lines) for lines in found.values())
    return render(request, "components/_palette.html", {"groups": found, "number": number})


def _pages(who: Searcher, typed: str) -> list[Found]:
    """The menu's pages that this person may open and whose names have these words."""
    allowed = [entry for entry in MENU if entry.permission in who.permissions]
    words = typed.casefold().split()
    named = [entry for entry in allowed if all(word in entry.text.casefold() for word in words)]
    return [Found(entry.text, who.url(entry.view)) for entry in named]
