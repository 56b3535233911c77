"""Records log-ins, and changes of how somebody logs in, in the installation's chain of the audit trail."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.socialaccount import signals as social
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from fini_admin.audit.names import Activity, By
from fini_admin.people import sessions, trail
from fini_admin.people.allauth_internals import authentication_records
from fini_admin.workspaces.models import User


def connect() -> None:
    """Connect to the signals, once, when the app is ready."""
    user_logged_in.connect(_logged_in, dispatch_uid="trail")
    user_logged_out.connect(_logged_out, dispatch_uid="trail")
    user_login_failed.connect(_login_failed, dispatch_uid="trail")
    account.password_changed.connect(_password_changed, dispatch_uid="trail")
    account.password_reset.connect(_password_changed, dispatch_uid="trail")
    social.social_account_added.connect(_provider_connected, dispatch_uid="trail")
    mfa.authentication_failed.connect(_code_refused, dispatch_uid="trail")


def _logged_in(*, user: User, request: HttpRequest, **_: Any) -> None:
    """Record a log-in, and start the session's clocks."""
    sessions.begin(request.session)
    how = [record.get("type") or record["method"] for record in authentication_records(request, user)]
    detail: dict[str, Any] = {"by": how} if how else {}
    trail.write(Activity.LOGGED_IN, By.in_browser(user.email), **detail)


def _logged_out(*, user: User | None, request: HttpRequest, **_: Any) -> None:
    """Record a log-out. `user` is None when the session had ended before."""
    if user is not None:
        sessions.close([request.session.session_key or ""])
        trail.write(Activity.LOGGED_OUT, By.in_browser(user.email))


def _login_failed(*, credentials: dict[str, Any], **_: Any) -> None:
    typed = str(credentials.get("email") or credentials.get("username") or "")
    trail.write(Activity.LOGIN_FAILED, trail.NOBODY, login=trail.shown(typed))


def _code_refused(*, user: User, reauthentication: bool = False, **_: Any) -> None:
    """Record a wrong code, at log-in after the right password, or when a person is asked again."""
    by = By.in_browser(user.email) if reauthentication else trail.NOBODY
    trail.write(Activity.LOGIN_FAILED, by, login=user.email, code="wrong")


def _password_changed(*, user: User, request: HttpRequest, **_: Any) -> None:
    """End the person's other sessions: whoever knew the old password must not stay logged in."""
    ended = sessions.close_all(user, but=request.session.session_key)
    trail.write(Activity.PASSWORD_CHANGED, By.in_browser(user.email), sessions_ended=ended)


def _provider_connected(*, sociallogin: SocialLogin, **_: Any) -> None:
    """Record that a person can log in through the provider from now on."""
    trail.write(Activity.LOGIN_CONNECTED, By.in_browser(sociallogin.user.email), provider=settings.OIDC_NAME)
