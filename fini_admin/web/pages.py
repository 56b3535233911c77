"""Helpers shared by all pages, and the frame round them: the menu, the foot."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django_htmx.http import HttpResponseClientRedirect

from fini_admin.ingestion.now import Now
from fini_admin.web import live
from fini_admin.web.forms.base import Filters
from fini_admin.web.permissions import WorkspaceRequest
from fini_admin.web.wording.explanations import explanation
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.permissions import Permission


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
    MenuEntry("Sources", "sources", Permission.SOURCES_READ, "circle-stack", "watch"),
    MenuEntry("Audit", "calls", Permission.CALLS_READ, "shield-check", "prove"),
    MenuEntry("Activity", "activity", Permission.ACTIVITY_READ, "clock", "prove"),
    MenuEntry("Keys", "keys", Permission.KEYS_MANAGE, "key", "manage"),
    MenuEntry("Members", "members", Permission.MEMBERS_MANAGE, "users", "manage"),
    MenuEntry("Settings", "settings", Permission.SETTINGS_MANAGE, "cog-6-tooth", "manage"),
)


PERMISSION_OF_PAGE = {entry.view: entry.permission for entry in MENU}


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


def keep_valid_filters(request: HttpRequest, form: Filters, **changes: str) -> None:
    """Reduce GET to the valid filters, so that links and polling never repeat a key typed into one (P5)."""
    request.GET = QueryDict(form.query(**changes))


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect after a POST, for htmx as a full page load."""
    if request.htmx:  # type: ignore[attr-defined]  # set by HtmxMiddleware
        return HttpResponseClientRedirect(url)
    answer = redirect(url)
    answer.status_code = 303
    return answer


def unknown_action() -> HttpResponse:
    """The answer to a form that names no action of its page."""
    text = "Unknown action. Load the page again and repeat it."
    return HttpResponseBadRequest(text, content_type="text/plain")


def url_if_allowed(request: WorkspaceRequest, page: str, query: str = "") -> str:
    """The URL of a page in the menu; empty for a person who may not open it."""
    allowed = PERMISSION_OF_PAGE.get(page) in request.permissions
    return reverse(page, args=[request.workspace.slug]) + query if allowed else ""


def frame(request: HttpRequest) -> dict[str, object]:
    """Context processor: the menu with what this person may open, the foot, the mark (live.py), what the page is for.

    `keep` is a query: with it an account's page keeps the menu. `keys_url` is empty for who may not open Keys. What is
    read of the workspace is callable: a fragment, which shows no frame, runs no query for it.
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
    manages_keys = PERMISSION_OF_PAGE["keys"] in allowed
    return found | {
        "menu": menu,
        "foot": now,
        "mark": mark,
        "keep": f"?in={workspace.slug}",
        "keys_url": reverse("keys", args=[workspace.slug]) if manages_keys else "",
    }


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
