"""The public page behind an invitation's link (members.py makes, renews and withdraws invitations).

The link's URL redirects at once and leaves its token in a cookie for a page without one: a URL gets into logs, into
Referer, and, as the page to return to after log-in, into the session.
"""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from fini_admin.people import invitations, second_factor
from fini_admin.people.allauth_internals import log_in_new, too_many, within_own_rate
from fini_admin.people.models import Invitation
from fini_admin.web.forms.base import add_errors
from fini_admin.web.forms.workspaces import AcceptForm
from fini_admin.web.pages import redirect_to
from fini_admin.web.permissions import public, redirect_first
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import User

COOKIE = "invitation"
RATE = "30/m/ip"
CHANGED = (
    "Another invitation was opened in this browser meanwhile. Nothing was done; this page shows that one."
)


@public
@csrf_exempt  # It changes nothing, and a refusal would log the URL with its token.
@never_cache
@sensitive_variables("token")
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Set the cookie and redirect to the page, whether or not the token is valid."""
    answer = redirect("invitation")
    answer["Referrer-Policy"] = "no-referrer"
    if not invitations.TOKEN.fullmatch(token):
        return _delete_cookie(answer)
    secure = settings.SESSION_COOKIE_SECURE
    path = reverse("invitation")
    answer.set_cookie(COOKIE, token, path=path, secure=secure, httponly=True, samesite="Lax")
    return answer


@public
@never_cache
@sensitive_post_parameters("password")
def invitation(request: HttpRequest) -> HttpResponseBase:
    """Who invites to what; posted, the invitation is accepted."""
    if not within_own_rate(request, "invitation", RATE):
        return too_many(request)
    found = invitations.find_by_token(request.COOKIES.get(COOKIE, ""))
    if found is None or (found.accepted_at and not _is_invited_person(request, found)):
        return _gone_page(request)
    if found.accepted_at:
        return _delete_cookie(redirect_to(request, _workspace_url(found)))
    return (
        _answer(request, found)
        if request.method == "POST"
        else _invitation_page(request, found, AcceptForm())
    )


def _answer(request: HttpRequest, found: Invitation) -> HttpResponseBase:
    """Accept as the person who is logged in, or as a new one.

    The page is public, so no middleware asks for a second factor: a person who must have one sets it up first and
    returns.
    """
    if request.POST.get("which") != str(found.pk):
        messages.error(request, CHANGED)
        return redirect_to(request, reverse("invitation"))
    if second_factor.is_missing(request):
        return redirect_first(request, reverse("mfa_activate_totp"))
    user = request.user
    return _join(request, found, user) if isinstance(user, User) else _join_as_new(request, found)


def _join(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    """Make the logged-in person a member, if the invitation is theirs."""
    try:
        member = invitations.accept(invitation=found, user=user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect_to(request, reverse("invitation"))
    messages.success(request, f"You are {member.role} in {found.workspace.name}.")
    return _delete_cookie(redirect_to(request, _workspace_url(found)))


@sensitive_variables("data")
def _join_as_new(request: HttpRequest, found: Invitation) -> HttpResponse:
    """Create a person with the invited address and log them in."""
    if queries.person(found.email) is not None:
        return redirect_to(request, reverse("invitation"))
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return _invitation_page(request, found, form)
    data = form.cleaned_data
    try:
        user = invitations.accept_as_new(invitation=found, **data)
    except ValidationError as error:
        # The address was added meanwhile, or the invitation is no longer valid: the page says what to do.
        if not hasattr(error, "error_dict") or "email" in error.message_dict:
            return redirect_to(request, reverse("invitation"))
        add_errors(form, error)
        return _invitation_page(request, found, form)
    return _delete_cookie(log_in_new(request, user, _workspace_url(found)))


def _is_invited_person(request: HttpRequest, found: Invitation) -> bool:
    return isinstance(request.user, User) and request.user.email == found.email


def _invitation_page(request: HttpRequest, found: Invitation, form: AcceptForm) -> HttpResponse:
    context = {
        "invitation": found,
        "form": form,
        "known": queries.person(found.email) is not None,
        "own": _is_invited_person(request, found),
        "provider": settings.OIDC_NAME,
    }
    return render(request, "invitations/invitation.html", context, status=422 if form.is_bound else 200)


def _gone_page(request: HttpRequest) -> HttpResponse:
    """The same page for every link that is not valid, whatever the reason."""
    return _delete_cookie(render(request, "invitations/gone.html", status=404))


def _delete_cookie(answer: HttpResponse) -> HttpResponse:
    answer.delete_cookie(COOKIE, path=reverse("invitation"), samesite="Lax")
    return answer


def _workspace_url(found: Invitation) -> str:
    return reverse("workspace", args=[found.workspace.slug])
