"""Permissions are checked here and nowhere else (P6). workspaces/permissions has their names and the role map.

Every view has one rule: `@requires(Permission.…)`, `@signed_in`, `@superuser_only` or `@public`. A test walks the
URLconf and fails for a view without one. What a person cannot see is 404; what they see but may not do is 403.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirect, HttpResponseRedirectBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from fini_admin.audit.names import By
from fini_admin.ingestion.now import Now, now_in
from fini_admin.people import second_factor
from fini_admin.people.sealing import UNREADABLE
from fini_admin.web import live
from fini_admin.web.body_size import discard_body, stated_size
from fini_admin.web.middleware import encryption_key_missing
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Role, User, Workspace
from fini_admin.workspaces.permissions import ALLOWED, Permission


class Rule(StrEnum):
    """Rules of views outside any workspace."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    SUPERUSER = "superuser"


class SignedInRequest(HttpRequest):
    """A request of somebody who is logged in."""

    user: User
    by: By  # the actor for the audit trail
    htmx: HtmxDetails


class WorkspaceRequest(SignedInRequest):
    """A request to a view with `requires`, after the check."""

    workspace: Workspace
    role: Role
    permissions: frozenset[Permission]
    now: Now
    seen: live.Seen | None


View = Callable[..., HttpResponseBase]
# Where the pages of an account are, and the headers of a redirect, htmx's included.
ACCOUNTS = "/accounts/"
REDIRECTS = ("Location", "HX-Redirect")
P = ParamSpec("P")


def _set_rule(view: View, rule: Permission | Rule) -> View:
    """Set the rule on a view, and whether the view needs a log-in.

    The test that walks the URLconf reads the rule. Both are always set, because `wraps` copies `login_required=False`
    from allauth's views. Methods other than GET, HEAD, OPTIONS and POST get 405: allauth's views would treat PUT as
    POST.
    """
    ours: View = require_http_methods(["GET", "HEAD", "OPTIONS", "POST"])(view)
    ours.__dict__.update(rule=rule, login_required=rule != Rule.PUBLIC)
    return ours


def requires(
    permission: Permission,
) -> Callable[[Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]], View]:
    """Decorate a workspace's view, whose URL has `slug`; the person needs the permission.

    The view gets `request.workspace`, `.role` and `.permissions` instead of the slug. Raises Http404 for a workspace
    that the person is no member of, PermissionDenied without the permission (P6).
    """

    def decorate(view: Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]) -> View:
        @wraps(view)
        def checked(
            request: WorkspaceRequest, slug: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            held = queries.place_of(request.user, slug)
            if held is None:
                raise Http404
            _enter(request, *held)
            # A page's version is read before the page, so that no write between the two is missed.
            whole = request.method == "GET" and not request.htmx
            now = partial(now_in, request.workspace)
            request.now = now() if whole else SimpleLazyObject(now)  # type: ignore[assignment]  # as good as read
            check_permissions(request, permission)
            request.by = By.in_browser(request.user.email)
            request.seen = live.seen_by(request)
            return live.early_answer(request) or view(request, *args, **kwargs)

        return _set_rule(checked, permission)

    return decorate


def check_permissions(request: WorkspaceRequest, *needed: Permission) -> None:
    """Raise PermissionDenied unless the person has all of these: for what a view needs beyond its rule."""
    if not request.permissions.issuperset(needed):
        raise PermissionDenied


def _enter(request: HttpRequest, workspace: Workspace, role: Role) -> None:
    """Set the workspace of a request, and what its person is and may do there."""
    request.__dict__.update(workspace=workspace, role=role, permissions=ALLOWED[role])


def signed_in(view: View) -> View:
    """Decorate a view outside any workspace that is open to everybody who is logged in.

    `in` in its address names the workspace whose menu it keeps, if the person may see that; so does the page that it
    redirects to, if that is an account's as well.
    """

    @wraps(view)
    def checked(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.by = By.in_browser(request.user.email)
        held = queries.place_of(request.user, request.GET["in"]) if "in" in request.GET else None
        if held is not None:
            _enter(request, *held)
            request.__dict__["now"] = SimpleLazyObject(partial(now_in, held[0]))
        answer = view(request, *args, **kwargs)
        return _keeping_menu(answer, held[0]) if held else answer

    return _set_rule(checked, Rule.SIGNED_IN)


def _keeping_menu(answer: HttpResponseBase, workspace: Workspace) -> HttpResponseBase:
    for name in REDIRECTS:
        url = answer.headers.get(name, "")
        if url.startswith(ACCOUNTS) and "?" not in url:
            answer.headers[name] = f"{url}?in={workspace.slug}"
    return answer


def superuser_only(view: View) -> View:
    """Decorate a view for superusers; everybody else gets Http404."""

    @wraps(view)
    def checked(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise Http404
        request.by = By.in_browser(request.user.email)
        return view(request, *args, **kwargs)

    return _set_rule(checked, Rule.SUPERUSER)


def public(view: View) -> View:
    """Decorate a view that needs no log-in."""
    return _set_rule(view, Rule.PUBLIC)


class LoginRequired(LoginRequiredMiddleware):
    """Asks for a log-in before every view that is not `@public`."""

    def process_view(
        self, request: HttpRequest, view_func: View, view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """As Django's, but a public view does not load the user: probes answer during an outage of the database."""
        if not getattr(view_func, "login_required", True):
            return None
        try:
            return super().process_view(request, view_func, view_args, view_kwargs)
        except (
            UNREADABLE
        ) as error:  # from the trail's row of a timed-out session; `process_exception` misses it
            return encryption_key_missing(error)

    def handle_no_permission(  # type: ignore[override]  # the stubs know only Django's own redirect
        self, request: HttpRequest, view_func: View
    ) -> HttpResponseRedirectBase:
        """Redirect to the log-in page, for htmx as a full page load. What was sent is taken in and dropped."""
        discard_body(request, min(stated_size(request), settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
        return redirect_first(request, resolve_url(self.get_login_url(view_func)))


class SecondFactorRequired:
    """Redirects a person who must have a second factor and has none to the page that sets one up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: View, view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Runs after LoginRequired, so a view that is not public has a person who is logged in."""
        open_to_all = not getattr(view_func, "login_required", True)
        if open_to_all or getattr(view_func, "enrols", False) or not second_factor.is_missing(request):
            return None
        return redirect_first(request, reverse("mfa_activate_totp"))


def enrols(view: View) -> View:
    """Mark a view that stays open to a person who must set up a second factor first (SECOND_FACTOR_REQUIRED)."""
    view.__dict__["enrols"] = True
    return view


def redirect_first(request: HttpRequest, url: str) -> HttpResponseRedirectBase:
    """Redirect to a page that must come first and returns here afterwards; for htmx as a full page load."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by HtmxMiddleware
    try:
        back = (htmx.current_url_abs_path or "/") if htmx else request.get_full_path()
    except ValueError:  # HX-Current-URL is no address
        back = "/"
    there = redirect_to_login(back, url).url
    return HttpResponseClientRedirect(there) if htmx else HttpResponseRedirect(there)
