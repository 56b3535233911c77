"""The pages of no app: the root, the probes, the frame round every page, and how a page is answered."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from fini_admin.audit import chain
from fini_admin.ingestion.queries import footer, queue_length, running_runs, worker_alive
from fini_admin.lib import outage
from fini_admin.lib.keyring import UnknownKey
from fini_admin.web.permissions import Request, public, signed_in
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.permissions import Permission

log = logging.getLogger(__name__)
# How long /readyz waits for whoever writes: most probes give up soon after.
PROBE_SECONDS = 2


@dataclass(frozen=True)
class Entry:
    """One line of the side menu; `group` begins a group of that name, `note` is a short text beside the line."""

    text: str
    view: str
    permission: Permission
    group: str = ""
    note: Callable[[Workspace], str] | None = None


# In the order and with the words of design 5.
MENU = (
    Entry("Home", "workspace", Permission.SOURCES_READ),
    Entry("Discover", "discover", Permission.SOURCES_DISCOVER),
    Entry("Register", "register", Permission.SOURCES_REGISTER),
    Entry("Queue", "queue", Permission.QUEUE_READ, note=queue_length),
    Entry("Sources", "sources", Permission.SOURCES_READ),
    Entry("Runs", "runs", Permission.RUNS_READ, note=running_runs),
    Entry("Audit", "calls", Permission.CALLS_READ, group="prove"),
    Entry("Activity", "activity", Permission.ACTIVITY_READ),
    Entry("Keys", "keys", Permission.KEYS_MANAGE, group="manage"),
    Entry("Members", "members", Permission.MEMBERS_MANAGE),
    Entry("Settings", "settings", Permission.SETTINGS_MANAGE),
)


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, object],
    *,
    parts: tuple[str, ...] = ("list",),
    status: int = 200,
) -> HttpResponse:
    """The page, or for htmx the part of it that `?part=` names, the first by default."""
    if not request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return render(request, template, context, status=status)
    part = request.GET.get("part")
    return render(request, f"{template}#{part if part in parts else parts[0]}", context, status=status)


def go(request: HttpRequest, url: str) -> HttpResponse:
    """On to another page, for htmx as a whole page too."""
    if request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return HttpResponseClientRedirect(url)
    answer = redirect(url)
    answer.status_code = 303
    return answer


def in_the_viewers_zone(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: times in the zone that the browser named (frame.js); UTC, and said so, until it did."""

    def zoned(request: HttpRequest) -> HttpResponseBase:
        try:
            timezone.activate(ZoneInfo(request.COOKIES.get("zone", "UTC")))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            timezone.deactivate()
        return get_response(request)

    return zoned


@signed_in
def home(request: Request) -> HttpResponse:
    """The one workspace of who has one, else the choice."""
    workspaces = list(queries.workspaces_of(request.user))
    if len(workspaces) == 1:
        return redirect("workspace", workspaces[0].slug)
    return render(request, "pages/choose.html", {"workspaces": workspaces})


@signed_in
def switch(request: Request) -> HttpResponse:
    """The workspaces one may go to, for the switch in the frame."""
    return render(request, "pages/_switch.html", {"workspaces": queries.workspaces_of(request.user)})


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process answers; asks nobody else."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@public
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether the work can be done: 200, or 503 with what is missing (design 5).

    `database` when it takes no write within PROBE_SECONDS, with `why` (then nobody knows of the rest); `worker` when
    none is alive; `encryption_keys` when what was signed last is signed with a key that ENCRYPTION_KEYS lacks.
    """
    try:
        with outage.lock_timeout(PROBE_SECONDS):
            cache.set("readyz", "", timeout=1)
        found = {"encryption_keys": keys_fit(), "worker": worker_alive()}
    except DatabaseError as error:
        away = outage.outage_of(error)
        why = f"{away.what}: {away.cure}" if away else "The database refuses a write; the log says more."
        log.exception("not ready")
        return JsonResponse({"ready": False, "missing": ["database"], "why": why}, status=503)
    missing = [name for name, there in found.items() if not there]
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)


def keys_fit() -> bool:
    """Whether ENCRYPTION_KEYS holds the key of the installation's own chain."""
    try:
        chain.check_head_key(chain.INSTALLATION)
    except UnknownKey:
        return False
    return True


def frame(request: HttpRequest) -> dict[str, object]:
    """Context of every page: the menu, holding only what this person may open (a template decides nothing).

    What is counted is counted only by a template that shows it: a fragment has no frame and asks nothing.
    """
    workspace = getattr(request, "workspace", None)
    allowed: frozenset[Permission] = getattr(request, "permissions", frozenset())
    if workspace is None:
        return {"menu": []}
    entries = [entry for entry in MENU if entry.permission in allowed]
    menu = [line(entry, request, workspace) for entry in entries]
    return {"menu": menu, "foot": partial(footer, workspace)} if menu else {"menu": []}


def line(entry: Entry, request: HttpRequest, workspace: Workspace) -> dict[str, object]:
    """A line of the menu for a template."""
    url = reverse(entry.view, args=[workspace.slug])
    here = url == request.path or (entry.view != "workspace" and request.path.startswith(url))
    told = {"text": entry.text, "url": url, "here": here, "group": entry.group, "view": entry.view}
    return told | {"counted": bool(entry.note), "note": partial(entry.note, workspace) if entry.note else ""}
