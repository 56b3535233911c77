"""Helpers shared by all pages, and the pages outside any workspace: the root, the workspace switch, the probes."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django_htmx.http import HttpResponseClientRedirect

from fini_admin.audit import chain
from fini_admin.ingestion.now import Now
from fini_admin.ingestion.queries import worker_alive
from fini_admin.lib import outage
from fini_admin.lib.keyring import UnknownKey
from fini_admin.web import live
from fini_admin.web.permissions import SignedInRequest, public, signed_in
from fini_admin.web.wording.across import workspace_lines
from fini_admin.web.wording.explanations import explanation
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.permissions import Permission

log = logging.getLogger(__name__)
# How long /readyz waits for another writer. Most probes time out soon after.
PROBE_SECONDS = 2
MOST_WORKSPACES = 100


@dataclass(frozen=True)
class MenuEntry:
    """A link in the side menu with its heroicon. `group` starts a group of that name; `note` is a count beside it."""

    text: str
    view: str
    permission: Permission
    icon: str = "globe-alt"
    group: str = ""
    note: Callable[[Now], str] | None = None


# Order and texts are stable: people's scripts and habits rely on them.
MENU = (
    MenuEntry("Home", "workspace", Permission.SOURCES_READ, "home"),
    MenuEntry("Runs", "runs", Permission.RUNS_READ, "play", note=lambda now: now.running_note),
    MenuEntry("Discover", "discover", Permission.SOURCES_DISCOVER, "magnifying-glass", "bring in"),
    MenuEntry("Register", "register", Permission.SOURCES_REGISTER, "plus", "bring in"),
    MenuEntry("Web", "web", Permission.SOURCES_CRAWL, "globe-alt", "bring in"),
    MenuEntry(
        "Queue", "queue", Permission.QUEUE_READ, "queue-list", "bring in", lambda now: now.waiting_note
    ),
    MenuEntry("Sources", "sources", Permission.SOURCES_READ, "circle-stack", "keep right"),
    MenuEntry("Audit", "calls", Permission.CALLS_READ, "shield-check", "prove"),
    MenuEntry("Activity", "activity", Permission.ACTIVITY_READ, "clock", "prove"),
    MenuEntry("Keys", "keys", Permission.KEYS_MANAGE, "key", "manage"),
    MenuEntry("Members", "members", Permission.MEMBERS_MANAGE, "users", "manage"),
    MenuEntry("Settings", "settings", Permission.SETTINGS_MANAGE, "cog-6-tooth", "manage"),
)


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, object],
    *,
    parts: tuple[str, ...] = ("list",),
    status: int = 200,
) -> HttpResponse:
    """Render the template, for htmx the part that `?part=` names, for a page that asks for news what differs."""
    shown = parts_shown(request, parts)
    if not shown:
        return render(request, template, context, status=status)
    if getattr(request, "seen", None):
        return live.news(request, template, context, shown)
    return render(request, f"{template}#{shown[0]}", context, status=status)


def parts_shown(request: HttpRequest, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Which of a page's parts the answer has: for htmx one, the first by default; none means the whole page."""
    seen: live.Seen | None = getattr(request, "seen", None)
    if seen:
        return tuple(part for part in parts if part in seen.parts)
    if not request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return ()
    part = request.GET.get("part")
    return (part if part in parts else parts[0],)


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect after a POST, for htmx as a full page load."""
    if request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return HttpResponseClientRedirect(url)
    answer = redirect(url)
    answer.status_code = 303
    return answer


@signed_in
def home(request: SignedInRequest) -> HttpResponse:
    """The person's only workspace, or what goes on in each of several."""
    workspaces = list(queries.workspaces_of(request.user)[: MOST_WORKSPACES + 1])
    if len(workspaces) == 1:
        return redirect("workspace", workspaces[0].slug)
    shown = workspaces[:MOST_WORKSPACES]
    context = {"lines": workspace_lines(shown), "more": len(workspaces) > len(shown)}
    return render_page(request, "pages/choose.html", context)


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
    """Context processor: the menu with what this person may open, the foot, the mark (live.py), what the page is for.

    `keep` is a query: with it an account's page keeps the menu. What is read of the workspace is callable: a fragment,
    which shows no frame, runs no query for it.
    """
    workspace = getattr(request, "workspace", None)
    allowed: frozenset[Permission] = getattr(request, "permissions", frozenset())
    at = request.resolver_match
    found: dict[str, object] = {"menu": [], "keep": "", "explained": explanation(at.url_name if at else "")}
    if workspace is None:
        return found
    entries = [entry for entry in MENU if entry.permission in allowed]
    if not entries:
        return found
    now: Now = request.now  # type: ignore[attr-defined]  # set by permissions.requires, as the workspace
    menu = SimpleLazyObject(partial(_menu, request, workspace, entries))
    # A page that is refused has no news.
    mark = partial(live.mark_of, now) if hasattr(request, "seen") else ""
    return found | {"menu": menu, "foot": now, "mark": mark, "keep": f"?in={workspace.slug}"}


def _menu(
    request: HttpRequest, workspace: Workspace, entries: Iterable[MenuEntry]
) -> list[dict[str, object]]:
    return [_menu_line(entry, request, workspace) for entry in entries]


def _menu_line(entry: MenuEntry, request: HttpRequest, workspace: Workspace) -> dict[str, object]:
    url = reverse(entry.view, args=[workspace.slug])
    here = url == request.path or (entry.view != "workspace" and request.path.startswith(url))
    return {
        "text": entry.text,
        "icon": entry.icon,
        "url": url,
        "here": here,
        "group": entry.group,
        "view": entry.view,
        "counted": bool(entry.note),
        "note": partial(entry.note, request.now) if entry.note else "",  # type: ignore[attr-defined]  # the same
    }
