"""Invitations: the public page behind a link, and what admins do with open ones (members.py makes them).

The link's address leads on at once and leaves its token in a cookie for the page without one: what stands in an
address gets into logs, into Referer, and, as a page to come back to after the log-in, into the session.
"""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from fini_admin.people import invitations, second_factor
from fini_admin.people.allauth_internals import log_in_new, too_many, within_own_rate
from fini_admin.people.models import Invitation
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import refuse
from fini_admin.web.forms.workspaces import AcceptForm
from fini_admin.web.pages import go
from fini_admin.web.permissions import WorkspaceRequest, lead, public, requires
from fini_admin.web.views import members
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import User
from fini_admin.workspaces.permissions import Permission

COOKIE = "invitation"
RATE = "30/m/ip"
CHANGED = "Another invitation was opened in this browser meanwhile. Nothing was done; this is that one."


@public
@csrf_exempt  # It changes nothing, and a refusal would write the address into the log.
@never_cache
@sensitive_variables("token")
def link(request: HttpRequest, token: str) -> HttpResponse:
    """What a link leads to: on to the page, whatever the token is worth."""
    answer = redirect("invitation")
    answer["Referrer-Policy"] = "no-referrer"
    if not invitations.TOKEN.fullmatch(token):
        return forgotten(answer)
    secure = settings.SESSION_COOKIE_SECURE
    path = reverse("invitation")
    answer.set_cookie(COOKIE, token, path=path, secure=secure, httponly=True, samesite="Lax")
    return answer


@public
@never_cache
@sensitive_post_parameters("password")
def invitation(request: HttpRequest) -> HttpResponseBase:
    """Who invites to what; posted, the invited person comes in."""
    if not within_own_rate(request, "invitation", RATE):
        return too_many(request)
    found = invitations.find_by_token(request.COOKIES.get(COOKIE, ""))
    if found is None or (found.accepted_at and not is_own(request, found)):
        return gone(request)
    if found.accepted_at:
        return forgotten(go(request, home(found)))
    return answered(request, found) if request.method == "POST" else page(request, found, AcceptForm())


def answered(request: HttpRequest, found: Invitation) -> HttpResponseBase:
    """The page's form, sent: by the person who is logged in, or by a new one.

    The page is public, so no middleware asks for a second factor: who has to have one first sets it up, and comes back.
    """
    if request.POST.get("which") != str(found.pk):
        messages.error(request, CHANGED)
        return go(request, reverse("invitation"))
    if second_factor.is_missing(request):
        return lead(request, reverse("mfa_activate_totp"))
    user = request.user
    return join(request, found, user) if isinstance(user, User) else begin(request, found)


def join(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    """Who is logged in becomes a member, if it is the invited person."""
    try:
        member = invitations.accept(invitation=found, user=user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return go(request, reverse("invitation"))
    messages.success(request, f"You are {member.role} in {found.workspace.name}.")
    return forgotten(go(request, home(found)))


@sensitive_variables("data")
def begin(request: HttpRequest, found: Invitation) -> HttpResponse:
    """A new person with the invited address and no other, who is logged in at once."""
    if queries.person(found.email) is not None:
        return go(request, reverse("invitation"))
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return page(request, found, form)
    data = form.cleaned_data
    try:
        user = invitations.accept_as_new(invitation=found, **data)
    except ValidationError as error:
        # The address became known this moment, or the invitation counts no more: the page says what to do.
        if not hasattr(error, "error_dict") or "email" in error.message_dict:
            return go(request, reverse("invitation"))
        refuse(form, error)
        return page(request, found, form)
    return forgotten(log_in_new(request, user, home(found)))


def is_own(request: HttpRequest, found: Invitation) -> bool:
    """Whether the invited person is logged in."""
    return isinstance(request.user, User) and request.user.email == found.email


def page(request: HttpRequest, found: Invitation, form: AcceptForm) -> HttpResponse:
    """The page: who invites to what, and what this visitor can do about it."""
    context = {
        "invitation": found,
        "form": form,
        "known": queries.person(found.email) is not None,
        "own": is_own(request, found),
        "provider": settings.OIDC_NAME,
    }
    return render(request, "invitations/invitation.html", context, status=422 if form.is_bound else 200)


def gone(request: HttpRequest) -> HttpResponse:
    """The one page for every link that does not count, whyever."""
    return forgotten(render(request, "invitations/gone.html", status=404))


def forgotten(answer: HttpResponse) -> HttpResponse:
    """The answer, after which the browser no longer has the token."""
    answer.delete_cookie(COOKIE, path=reverse("invitation"), samesite="Lax")
    return answer


def home(found: Invitation) -> str:
    """The workspace that somebody was invited to."""
    return reverse("workspace", args=[found.workspace.slug])


@requires(Permission.MEMBERS_MANAGE)
@reauthenticated
def withdraw(request: WorkspaceRequest, number: int) -> HttpResponse:
    """The link counts no more."""
    found = one(request, number)
    if request.method == "POST":
        invitations.withdraw(by=request.by, workspace=request.workspace, email=found.email)
        messages.success(request, f"The invitation of {found.email} is withdrawn; its link leads nowhere.")
    return go(request, members.here(request))


@requires(Permission.MEMBERS_MANAGE)
@reauthenticated
def renew(request: WorkspaceRequest, number: int) -> HttpResponse:
    """A new link in place of the old one, which was shown only once."""
    found = one(request, number)
    if request.method != "POST":
        return go(request, members.here(request))
    return members.invite(request, email=found.email, role=found.role)


def one(request: WorkspaceRequest, number: int) -> Invitation:
    """An open invitation; Http404 for another workspace's, and for one that was accepted or withdrawn."""
    found = invitations.open_in(request.workspace).filter(pk=number).first()
    if found is None:
        raise Http404
    return found
