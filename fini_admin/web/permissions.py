"""Where a permission is checked, and the only place (P6); their names and the role map are in workspaces/permissions.

Every view carries one rule: `@requires(Permission.…)`, `@signed_in`, `@superuser_only` or `@public`. A test walks the
URLconf and fails for a view without one. Out of sight is 404; in sight and not allowed is 403.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirect, HttpResponseRedirectBase
from django.shortcuts import get_object_or_404, resolve_url
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from fini_admin.audit.names import By, Origin
from fini_admin.people import second_factor
from fini_admin.people.sealing import UNREADABLE
from fini_admin.web.middleware import keys_do_not_fit
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Role, User, Workspace
from fini_admin.workspaces.permissions import ALLOWED, Permission


class Rule(StrEnum):
    """The rules of views that belong to no workspace."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    SUPERUSER = "superuser"


class Request(HttpRequest):
    """A request of someone who is logged in."""

    user: User
    by: By  # who it is, for the trail
    htmx: HtmxDetails


class WorkspaceRequest(Request):
    """A request inside a workspace, after `requires` let it through."""

    workspace: Workspace
    role: Role
    permissions: frozenset[Permission]


View = Callable[..., HttpResponseBase]
P = ParamSpec("P")


def ruled(view: View, rule: Permission | Rule) -> View:
    """Record on the view its rule, for the test that walks the URLconf, and whether it needs a log-in.

    Both are always set, because `wraps` copies `login_required=False` from allauth's views. Methods other than GET,
    HEAD, OPTIONS and POST get 405: allauth's views would treat PUT as POST.
    """
    ours: View = require_http_methods(["GET", "HEAD", "OPTIONS", "POST"])(view)
    ours.__dict__.update(rule=rule, login_required=rule != Rule.PUBLIC)
    return ours


def requires(
    permission: Permission,
) -> Callable[[Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]], View]:
    """A view of a workspace, whose URL has `slug`.

    In its place the view gets `request.workspace`, `.role` and `.permissions`. Raises Http404 out of sight,
    PermissionDenied in sight (P6).
    """

    def decorate(view: Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]) -> View:
        @wraps(view)
        def checked(
            request: WorkspaceRequest, slug: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            request.workspace = get_object_or_404(queries.workspaces_of(request.user), slug=slug)
            role = queries.role_in(request.user, request.workspace)
            if role is None:  # the membership ended between the two reads
                raise Http404
            request.role, request.permissions = role, ALLOWED[role]
            if permission not in request.permissions:
                raise PermissionDenied
            request.by = By(request.user.email, Origin.BROWSER)
            return view(request, *args, **kwargs)

        return ruled(checked, permission)

    return decorate


def signed_in(view: View) -> View:
    """A view for everyone who is logged in (the middleware below sees to that), outside any workspace."""

    @wraps(view)
    def checked(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.by = By(request.user.email, Origin.BROWSER)
        return view(request, *args, **kwargs)

    return ruled(checked, Rule.SIGNED_IN)


def superuser_only(view: View) -> View:
    """A view that exists for superusers only; Http404 for everyone else."""

    @wraps(view)
    def checked(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise Http404
        request.by = By(request.user.email, Origin.BROWSER)
        return view(request, *args, **kwargs)

    return ruled(checked, Rule.SUPERUSER)


def public(view: View) -> View:
    """A view for everyone, logged in or not: the opt-out."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs)

    return ruled(checked, Rule.PUBLIC)


class LoginRequired(LoginRequiredMiddleware):
    """Every view asks for a log-in unless it is `@public`."""

    def process_view(
        self, request: HttpRequest, view_func: View, view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """As Django's, but a public view does not look the visitor up: probes answer while the database is away."""
        if not getattr(view_func, "login_required", True):
            return None
        try:
            return super().process_view(request, view_func, view_args, view_kwargs)
        except UNREADABLE as error:  # a session that timed out is recorded: no `process_exception` sees this
            return keys_do_not_fit(error)

    def handle_no_permission(  # type: ignore[override]  # the stubs know only Django's own redirect
        self, request: HttpRequest, view_func: View
    ) -> HttpResponseRedirectBase:
        """To the log-in page (style.md 5.5)."""
        return lead(request, resolve_url(self.get_login_url(view_func)))


class SecondFactorRequired:
    """Whoever must have a second factor and has none is led to where it is set up, and may do nothing else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: View, view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """After LoginRequired: what is left is open to everyone, or somebody is logged in."""
        open_to_all = not getattr(view_func, "login_required", True)
        if open_to_all or getattr(view_func, "enrols", False) or not second_factor.is_missing(request):
            return None
        return lead(request, reverse("mfa_activate_totp"))


def enrols(view: View) -> View:
    """A view that is open to someone who must set up a second factor first (SECOND_FACTOR_REQUIRED)."""
    view.__dict__["enrols"] = True
    return view


def lead(request: HttpRequest, url: str) -> HttpResponseRedirectBase:
    """Redirect to a page that must come first and leads back here; for htmx as a full page load, not into a cell."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by HtmxMiddleware
    back = (htmx.current_url_abs_path or "/") if htmx else request.get_full_path()
    there = redirect_to_login(back, url).url
    return HttpResponseClientRedirect(there) if htmx else HttpResponseRedirect(there)
