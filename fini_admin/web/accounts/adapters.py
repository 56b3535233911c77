"""allauth's hooks."""

import hashlib
import logging
from functools import partial
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit.names import Activity, By, Origin
from fini_admin.people import invitations, letters, linking, mail, reauthentication, sealing, trail
from fini_admin.people.allauth_internals import (
    CountedByAddress,
    current_request,
    forget_log_in,
    person_logging_in,
)
from fini_admin.workspaces.models import User

log = logging.getLogger(__name__)

LOCKED_FOR = 5 * 60  # as ACCOUNT_RATE_LIMITS says of failed log-ins
PARTS = ("userinfo", "id_token")
UNKNOWN = "{name} says that you are {who}. Nobody here has that address: an admin adds people first."
UNPROVEN = "{name} does not vouch for the address {who}, so it cannot be used to log in."
LINKED = (
    "The address {who} is linked to another log-in at {name}. Ask a superuser to link this one on People, if it is"
    " yours; until then log in with your password, or with the other one."
)
BEGIN_ANEW = "Something changed while you were logging in. Log in again."
KNOWN_BY = "known by"
NOT_YOU = "{name} did not say that it is you, or did not ask you again. Nothing was done."
CANCELLED = "You turned back at {name}. Nothing was done."
FAILED = "{name} did not answer as it should. Nothing was done; it is safe to try again."


class AccountAdapter(CountedByAddress, DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Log-in only: an admin adds or invites people, nobody signs up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "Address and password are not correct together.",
        "enter_current_password": "This is not your current password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Whether it leads to this very host. Allauth's takes every one of ALLOWED_HOSTS."""
        here = current_request()
        return url_has_allowed_host_and_scheme(url, {here.get_host()}, require_https=here.is_secure())

    def pre_login(self, request: HttpRequest, user: User, **login: Any) -> HttpResponse | None:
        """As allauth's; what the password was then is noted, for a code may come only later."""
        answer: HttpResponse | None = super().pre_login(request, user, **login)
        request.session[KNOWN_BY] = user.get_session_auth_hash()
        return answer

    def login(self, request: HttpRequest, user: User) -> None:
        """As allauth's, unless the password was changed, or the person switched off, since it was given."""
        known_by = request.session.pop(KNOWN_BY, "")
        if not user.is_active or not constant_time_compare(known_by, user.get_session_auth_hash()):
            forget_log_in(request)
            messages.info(request, BEGIN_ANEW)
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)

    @sensitive_variables("credentials")
    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """As allauth's; that an address is locked is recorded once, however often it is tried."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            login = trail.shown(str(credentials.get("email", "")).lower())
            if cache.add(f"locked:{hashlib.sha256(login.encode()).hexdigest()}", 1, timeout=LOCKED_FOR):
                trail.write(Activity.LOGIN_LOCKED, trail.NOBODY, login=login)
            raise

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """As everywhere here; allauth's own rule forgets the log-in, and never asks who has no password."""
        return not reauthentication.recent(current_request())

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """As allauth's, then the log-in provider for whom it knows."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return methods + reauthentication.by_provider(user) if user.is_authenticated else methods

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In our words; the answer does not wait for it."""
        mail.send(letters.letter(template_prefix, email, context))

    def send_notification_mail(self, template_prefix: str, user: User, *given: Any, **more: Any) -> None:
        """As allauth's, once what it tells of is written."""
        tell = partial(super().send_notification_mail, template_prefix, user, *given, **more)
        transaction.on_commit(tell, robust=True)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets are sealed for the person they belong to."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is wrong, too old, or was used already.",
        "unverified_email": "Confirm your address first: a mail with a link comes when you log in.",
    }

    @sensitive_variables("text")
    def encrypt(self, text: str) -> str:
        """For the person of this request."""
        return sealing.seal(text, user=whose())

    @sensitive_variables("encrypted_text")
    def decrypt(self, encrypted_text: str) -> str:
        """Raises SealBroken for another person's, keyring.UnknownKey when ENCRYPTION_KEYS lacks the key."""
        return sealing.open_sealed(encrypted_text, user=whose())


def whose() -> int:
    """Whose second factor this request is about: who is logged in, or was until now known by a password only."""
    request = current_request()
    if request.user.is_authenticated:
        return request.user.pk
    return person_logging_in(request).pk


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """The one log-in provider that the environment names; it makes nobody known who is not invited."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Only the environment's: a row in the database opens no door."""
        if not settings.OIDC_SERVER_URL:
            return []
        app = SocialApp(
            provider="openid_connect",
            provider_id=settings.OIDC_ID,
            name=settings.OIDC_NAME,
            client_id=settings.OIDC_CLIENT_ID,
            secret=settings.OIDC_CLIENT_SECRET,
            settings={"server_url": settings.OIDC_SERVER_URL, "oauth_pkce_enabled": True},
        )
        wanted = provider in (None, app.provider, app.provider_id) and client_id in (None, app.client_id)
        return [app] if wanted else []

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Who has an address that provider and installation both hold for proven.

        Exactly `true`: some providers send the text "false".
        """
        for address in sociallogin.email_addresses if is_plain(sociallogin) else ():
            if address.verified is True:
                known = EmailAddress.objects.filter(email=address.email.lower(), verified=True)
                found = known.select_related("user").first()
                if found:
                    return found.user, found.email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """A log-in goes on, and is linked where it is the first. Asked again, it must be the same person."""
        said = sociallogin.account.extra_data
        if len({(said.get(part) or {}).get("sub", sociallogin.account.uid) for part in PARTS}) > 1:
            raise refusal(request, FAILED, status=502)  # its two answers are about two people
        process = sociallogin.state.get("process")
        if process == AuthProcess.LOGIN:
            if linking.is_first(sociallogin) and not linking.link_first(request, sociallogin):
                raise refusal(request, LINKED, who=sociallogin.user.email)
            return
        again = process == AuthProcess.REDIRECT and sociallogin.state.get("data") == "again"
        if not again or not reauthentication.provider_asked(request, sociallogin.account):
            raise refusal(request, NOT_YOU)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """For an invited address that the provider vouches for; else never, and the page says why.

        It makes the person, and no membership: that is joined on the invitation's page.
        """
        address = next(iter(sociallogin.email_addresses), None)
        who = address.email if address else "without an address"
        plain = is_plain(sociallogin)
        if address and plain and address.verified is True and invitations.waits_for(address.email.lower()):
            return True
        trail.write(Activity.LOGIN_FAILED, trail.NOBODY, login=trail.shown(who), provider=settings.OIDC_NAME)
        proven = address is not None and address.verified is True
        raise refusal(request, UNKNOWN if proven or not address else UNPROVEN, who=who)

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """As allauth's, with the address as it is stored here, and the row in the trail."""
        user = sociallogin.user
        user.email = sociallogin.email_addresses[0].email.lower()
        made: User = super().save_user(request, sociallogin, form)
        detail = {"email": user.email, "superuser": False, "provider": settings.OIDC_NAME}
        trail.write(Activity.USER_ADDED, By(user.email, Origin.BROWSER), **detail)
        return made

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **kwargs: Any
    ) -> None:
        """What went wrong at the provider, or with what the browser brings from there, in our words."""
        text = CANCELLED if error == AuthError.CANCELLED else FAILED
        if exception:  # not its text: that may be an answer with a token in it
            log.warning("the log-in provider: %s", type(exception).__name__)
        raise refusal(request, text, status=502 if exception else 403)


def is_plain(sociallogin: SocialLogin) -> bool:
    """Whether the provider's address stands for itself: `lower`, through which it went, makes a k of a Kelvin sign."""
    said = sociallogin.account.extra_data
    return all(str((said.get(part) or {}).get("email", "")).isascii() for part in PARTS)


def refusal(request: HttpRequest, text: str, *, status: int = 403, who: str = "") -> ImmediateHttpResponse:
    """As `refused`, to be raised through allauth."""
    return ImmediateHttpResponse(refused(request, text, status=status, who=who))


def refused(request: HttpRequest, text: str, *, status: int, who: str = "") -> HttpResponse:
    """The page that says why the log-in provider's word does not help."""
    said = text.format(name=settings.OIDC_NAME, who=who)
    return render(request, "socialaccount/refused.html", {"said": said[:1].upper() + said[1:]}, status=status)
