"""Helpers shared by all pages, and the pages outside any workspace: the root, the workspace switch, the probes."""

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
from fini_admin.web.permissions import SignedInRequest, public, signed_in
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.permissions import Permission

log = logging.getLogger(__name__)
# How long /readyz waits for another writer. Most probes time out soon after.
PROBE_SECONDS = 2


@dataclass(frozen=True)
class MenuEntry:
    """A link in the side menu. `group` starts a group of that name; `note` counts something, shown beside it."""

    text: str
    view: str
    permission: Permission
    group: str = ""
    note: Callable[[Workspace], str] | None = None


# Order and texts are stable: people's scripts and habits rely on them.
MENU = (
    MenuEntry("Home", "workspace", Permission.SOURCES_READ),
    MenuEntry("Discover", "discover", Permission.SOURCES_DISCOVER),
    MenuEntry("Register", "register", Permission.SOURCES_REGISTER),
    MenuEntry("Queue", "queue", Permission.QUEUE_READ, note=queue_length),
    MenuEntry("Sources", "sources", Permission.SOURCES_READ),
    MenuEntry("Runs", "runs", Permission.RUNS_READ, note=running_runs),
    MenuEntry("Audit", "calls", Permission.CALLS_READ, group="prove"),
    MenuEntry("Activity", "activity", Permission.ACTIVITY_READ),
    MenuEntry("Keys", "keys", Permission.KEYS_MANAGE, group="manage"),
    MenuEntry("Members", "members", Permission.MEMBERS_MANAGE),
    MenuEntry("Settings", "settings", Permission.SETTINGS_MANAGE),
)


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, object],
    *,
    parts: tuple[str, ...] = ("list",),
    status: int = 200,
) -> HttpResponse:
    """Render the template, or for htmx the part of it that `?part=` names, the first of `parts` by default."""
    if not request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return render(request, template, context, status=status)
    part = request.GET.get("part")
    return render(request, f"{template}#{part if part in parts else parts[0]}", context, status=status)


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect after a POST, for htmx as a full page load."""
    if request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return HttpResponseClientRedirect(url)
    answer = redirect(url)
    answer.status_code = 303
    return answer


def viewer_time_zone(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: activate the time zone that the browser named in a cookie (frame.js); UTC without one."""

    def zoned(request: HttpRequest) -> HttpResponseBase:
        try:
            timezone.activate(ZoneInfo(request.COOKIES.get("zone", "UTC")))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            timezone.deactivate()
        return get_response(request)

    return zoned


@signed_in
def home(request: SignedInRequest) -> HttpResponse:
    """The person's only workspace, or the list to choose from."""
    workspaces = list(queries.workspaces_of(request.user))
    if len(workspaces) == 1:
        return redirect("workspace", workspaces[0].slug)
    return render(request, "pages/choose.html", {"workspaces": workspaces})


@signed_in
def switch_workspace(request: SignedInRequest) -> HttpResponse:
    """The workspaces that the menu's switch offers."""
    return render(request, "pages/_switch.html", {"workspaces": queries.workspaces_of(request.user)})


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process answers. Reads neither database nor worker."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@public
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when work can be done, else 503 with the names of what is missing.

    `database`: it takes no write within PROBE_SECONDS; `why` says more, and the rest is unknown. `worker`: none is
    alive. `encryption_keys`: ENCRYPTION_KEYS lacks the key of the newest signature.
    """
    try:
        with outage.lock_timeout(PROBE_SECONDS):
            cache.set("readyz", "", timeout=1)
        found = {"encryption_keys": _encryption_keys_fit(), "worker": worker_alive()}
    except DatabaseError as error:
        away = outage.outage_of(error)
        why = f"{away.what}: {away.cure}" if away else "The database refuses a write; the log says more."
        log.exception("not ready")
        return JsonResponse({"ready": False, "missing": ["database"], "why": why}, status=503)
    missing = [name for name, there in found.items() if not there]
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)


def _encryption_keys_fit() -> bool:
    """Whether ENCRYPTION_KEYS holds the key that signed the installation's chain."""
    try:
        chain.check_head_key(chain.INSTALLATION)
    except UnknownKey:
        return False
    return True


def frame(request: HttpRequest) -> dict[str, object]:
    """Context processor: the menu with the entries that this person may open, and the foot.

    Counts are callables: a fragment, which shows no frame, runs no query for them.
    """
    workspace = getattr(request, "workspace", None)
    allowed: frozenset[Permission] = getattr(request, "permissions", frozenset())
    if workspace is None:
        return {"menu": []}
    entries = [entry for entry in MENU if entry.permission in allowed]
    menu = [_menu_line(entry, request, workspace) for entry in entries]
    return {"menu": menu, "foot": partial(footer, workspace)} if menu else {"menu": []}


def _menu_line(entry: MenuEntry, request: HttpRequest, workspace: Workspace) -> dict[str, object]:
    url = reverse(entry.view, args=[workspace.slug])
    here = url == request.path or (entry.view != "workspace" and request.path.startswith(url))
    told = {"text": entry.text, "url": url, "here": here, "group": entry.group, "view": entry.view}
    return told | {"counted": bool(entry.note), "note": partial(entry.note, workspace) if entry.note else ""}
