"""Pages about logging in, in place of allauth's or beside them."""

import logging
from functools import wraps
from typing import Any

from allauth.account.views import ConfirmEmailView, LoginView, PasswordChangeView, PasswordResetFromKeyView
from allauth.decorators import rate_limit
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.forms import BaseForm, Form
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.generic.edit import FormView

from fini_admin.audit.names import Activity
from fini_admin.people import reauthentication, second_factor, sessions, trail
from fini_admin.people.allauth_internals import NextRedirectMixin, next_url
from fini_admin.people.browsers import name as browser_name
from fini_admin.web.accounts import challenge
from fini_admin.web.accounts.adapters import FAILED, refused
from fini_admin.web.accounts.sensitive import begin_anew
from fini_admin.web.key_guard import as_typed
from fini_admin.web.pages import redirect_to
from fini_admin.web.permissions import SignedInRequest, View
from fini_admin.workspaces.workspaces import lock_installation

log = logging.getLogger(__name__)

SHOWN = 50
OK, WRONG = 200, 422
# The provider cannot be reached (requests' errors are OSErrors), or its answer is not one of a provider.
NOT_A_PROVIDER = (OSError, LookupError, TypeError, ValueError)
NONE_YET = "You have no password here. A link by mail sets one."
THIS_ONE = "This is the session you are in. Log out to end it."


class Login(LoginView):  # type: ignore[misc]  # allauth has no types
    """The log-in page, with a button for the log-in provider where there is one."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"provider": settings.OIDC_NAME}


class ChangePassword(PasswordChangeView):  # type: ignore[misc]  # allauth has no types
    """Change the password. A person without one, who came through the log-in provider, sets it by a mail's link."""

    def dispatch(self, request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_usable_password():
            messages.info(request, NONE_YET)
            return redirect("account_reset_password")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    @transaction.atomic
    def form_valid(self, form: Form) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        return answer


class NewPassword(PasswordResetFromKeyView):  # type: ignore[misc]  # allauth has no types
    """Set a new password after a mail's link."""

    @transaction.atomic
    def form_valid(self, form: Form) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        return answer


class SetUp(NextRedirectMixin, ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    """Set up a second factor, with its row in the trail in the same transaction.

    Leads on by the recovery codes to the page that led here.
    """

    def get_success_url(self) -> str:
        if self.did_generate_recovery_codes:
            return str(self.passthrough_next_url(reverse("mfa_view_recovery_codes")))
        return self.get_next_url() or reverse("mfa_index")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"required": second_factor.is_missing(self.request)}

    @transaction.atomic
    def form_valid(self, form: Form) -> HttpResponse:
        lock_installation()
        answer: HttpResponse = super().form_valid(form)
        second_factor.end_set_up(self.request.session)
        trail.write(Activity.SECOND_FACTOR_ADDED, self.request.by)
        return answer


class TakeAway(DeactivateTOTPView):  # type: ignore[misc]  # allauth has no types
    """Remove the second factor."""

    @transaction.atomic
    def form_valid(self, form: Form) -> HttpResponse:
        lock_installation()
        answer: HttpResponse = super().form_valid(form)
        trail.write(Activity.SECOND_FACTOR_REMOVED, self.request.by)
        return answer


class Codes(ViewRecoveryCodesView):  # type: ignore[misc]  # allauth has no types
    """Show the recovery codes, once.

    allauth writes the whole row back to note that they were shown. The row is locked first, so that a code that is used
    meanwhile, or a seal that is made anew, is not overwritten.
    """

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"on": next_url(self.request) or reverse("home")}

    @transaction.atomic
    def get(self, request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        codes = Authenticator.objects.filter(user=request.user, type=Authenticator.Type.RECOVERY_CODES)
        codes.select_for_update().first()
        answer: HttpResponse = super().get(request, *args, **kwargs)
        return answer


class NewCodes(GenerateRecoveryCodesView):  # type: ignore[misc]  # allauth has no types
    """Make new recovery codes. The old ones need not open."""

    @transaction.atomic
    def form_valid(self, form: Form) -> HttpResponse:
        lock_installation()
        answer: HttpResponse = super().form_valid(form)
        trail.write(Activity.RECOVERY_CODES_RENEWED, self.request.by)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = FormView.get_context_data(self, **kwargs)
        return context


class ConfirmAddress(ConfirmEmailView):  # type: ignore[misc]  # allauth has no types
    """Confirm an address by a mail's link. Opening another person's link logs out only when it is confirmed."""

    def logout_other_user(self, confirmation: Any) -> None:
        if self.request.method == "POST":
            super().logout_other_user(confirmation)


def invalid_is_422(view: View) -> View:
    """Answer 422 where allauth shows a form with errors and 200, as all forms here do."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = view(request, *args, **kwargs)
        form = (getattr(answer, "context_data", None) or {}).get("form")
        if answer.status_code == OK and isinstance(form, BaseForm) and form.is_bound and not form.is_valid():
            answer.status_code = WRONG
        return answer

    return answered


def _limited(view: View) -> View:
    """Limit how often one address may have the provider asked."""
    limited: View = rate_limit(action="provider")(view)
    return limited


@_limited
def provider_login(request: HttpRequest) -> HttpResponse:
    """Redirect to the log-in provider."""
    if request.method != "POST":
        return redirect("account_login")
    return _to_provider(request, process=AuthProcess.LOGIN, next_url=next_url(request) or None)


def provider_callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """The address that the log-in provider leads back to."""
    try:
        answer: HttpResponseBase = openid_connect.callback(request, provider_id)
    except NOT_A_PROVIDER:
        log.warning("the log-in provider does not answer as one", exc_info=True)
        return refused(request, FAILED, status=502)
    return answer


@as_typed("password")
def reauthenticate(request: SignedInRequest, way: str = challenge.PASSWORD) -> HttpResponseBase:
    """Prove again who one is, on a page that leads on, or in the dialog: 204 when it is proved."""
    posted, onward = request.method == "POST", next_url(request)
    if not challenge.ways(request.user):
        return begin_anew(request)
    shown = request.htmx and not posted and reauthentication.recent(request)
    question = (
        None if shown else challenge.ask(request, challenge.on_its_own(request, onward), way, answer=posted)
    )
    if question is not None:
        return question
    return HttpResponse(status=204) if request.htmx else redirect(onward or reverse("home"))


def reauthenticated_elsewhere(request: SignedInRequest) -> HttpResponse:
    """The last page in the tab of the log-in provider: the tab that asked goes on by itself."""
    return render(request, "account/reauthenticated.html")


@_limited
def provider_reauthenticate(request: SignedInRequest) -> HttpResponseBase:
    """Redirect to the log-in provider and have it ask again, even a person who is logged in there."""
    if not reauthentication.provider_methods(request.user):
        raise Http404
    if request.method != "POST":
        return reauthenticate(request, challenge.PROVIDER)
    onward = next_url(request) or reverse("home")
    again = {"prompt": "login", "max_age": "0"}
    return _to_provider(
        request, process=AuthProcess.REDIRECT, next_url=onward, data="again", auth_params=again
    )


def _to_provider(request: HttpRequest, **how: Any) -> HttpResponse:
    """The redirect to the provider. Its parameters come from `how` alone, none from the request."""
    try:
        provider = get_adapter().get_provider(request, settings.OIDC_ID)
        answer: HttpResponse = provider.redirect(request, **{"auth_params": {}} | how)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except NOT_A_PROVIDER:
        log.warning("the log-in provider does not answer as one", exc_info=True)
        return refused(request, FAILED, status=502)
    return answer


def factor(request: SignedInRequest) -> HttpResponse:
    """The page of the person's second factor."""
    context = {"state": second_factor.second_factor(request.user), "provider": settings.OIDC_NAME}
    return render(request, "mfa/index.html", context)


def qr(request: SignedInRequest) -> HttpResponse:
    """The QR code of the secret that is being set up. The policy forbids it as a `data:` image."""
    secret = second_factor.secret_of_set_up(request.session, request.user)
    if not secret or not reauthentication.recent(request):
        raise Http404
    adapter = get_mfa_adapter()
    image = adapter.build_totp_svg(adapter.build_totp_url(request.user, secret))
    return HttpResponse(image, content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def own_sessions(request: SignedInRequest) -> HttpResponse:
    """The person's open sessions; posted, all but this one end."""
    this = request.session.session_key
    if request.method == "POST":
        ended = sessions.end_other_sessions(by=request.by, user=request.user, but=this)
        messages.success(request, f"{ended} other session{'' if ended == 1 else 's'} ended.")
        return redirect_to(request, reverse("sessions"))
    rows = [
        {"session": one, "browser": browser_name(one.user_agent), "this": one.session_key == this}
        for one in sessions.open_sessions(request.user)[:SHOWN]
    ]
    others = any(not row["this"] for row in rows)
    context = {"rows": rows, "others": others, "idle": settings.SESSION_IDLE_SECONDS // 60}
    context["hours"] = settings.SESSION_COOKIE_AGE // 3600
    return render(request, "usersessions/sessions.html", context)


def end_session(request: SignedInRequest, number: int) -> HttpResponse:
    """End one of the person's sessions."""
    session = get_object_or_404(UserSession, user=request.user, pk=number)
    if request.method == "POST" and session.session_key == request.session.session_key:
        messages.error(request, THIS_ONE)
    elif request.method == "POST":
        sessions.end_session(by=request.by, session=session)
        messages.success(request, f"The session in {browser_name(session.user_agent)} ended.")
    return redirect_to(request, reverse("sessions"))
