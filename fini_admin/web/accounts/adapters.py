"""allauth's adapters: log-in, second factors, the log-in provider."""

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

from fini_admin.audit.names import Activity, By
from fini_admin.people import invitations, letters, linking, mail, reauthentication, sealing, trail
from fini_admin.people.allauth_internals import (
    CountedByAddress,
    current_request,
    forget_log_in,
    person_logging_in,
)
from fini_admin.workspaces.models import User
from fini_admin.workspaces.workspaces import lock_installation

log = logging.getLogger(__name__)

PARTS = ("userinfo", "id_token")
UNKNOWN = "{name} says that you are {who}. Nobody here has that address: an admin adds people first."
NO_ADDRESS = "{name} gave no e-mail address, so nobody can be found by it. Ask its administrators."
UNPROVEN = "{name} has not verified the address {who}, so it cannot be used to log in."
LINKED = (
    "The address {who} is linked to another log-in at {name}. Ask a superuser to link this one on People, if it is"
    " yours; until then log in with your password, or with the other one."
)
BEGIN_ANEW = "Your password or account was changed while you were logging in. Log in again."
KNOWN_BY = "known by"
NOT_YOU = "{name} did not say that it is you, or did not ask you again. Nothing was done."
CANCELLED = "You cancelled at {name}. Nothing was done."
FAILED = "{name} did not answer as it should. Nothing was done; it is safe to try again."


class AccountAdapter(CountedByAddress, DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Log-in without sign-up: an admin adds or invites people."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The address or the password is wrong.",
        "enter_current_password": "This is not your current password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        """Whether an address leads to this host. allauth's accepts every one of ALLOWED_HOSTS."""
        here = current_request()
        return url_has_allowed_host_and_scheme(url, {here.get_host()}, require_https=here.is_secure())

    def pre_login(self, request: HttpRequest, user: User, **login: Any) -> HttpResponse | None:
        """As allauth's, and note which password was given: a code may follow later."""
        answer: HttpResponse | None = super().pre_login(request, user, **login)
        request.session[KNOWN_BY] = user.get_session_auth_hash()
        return answer

    def login(self, request: HttpRequest, user: User) -> None:
        """As allauth's, unless the password was changed or the person was switched off since it was given."""
        known_by = request.session.pop(KNOWN_BY, "")
        if not user.is_active or not constant_time_compare(known_by, user.get_session_auth_hash()):
            forget_log_in(request)
            messages.info(request, BEGIN_ANEW)
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)

    @sensitive_variables("password")
    def set_password(self, user: User, password: str) -> None:
        """As allauth's, but of the password alone: whoever is switched off meanwhile stays so. In a transaction."""
        lock_installation()
        if not User.objects.filter(pk=user.pk, is_active=True).exists():
            raise ImmediateHttpResponse(redirect("account_inactive"))
        user.set_password(password)
        user.save(update_fields=["password"])

    @sensitive_variables("credentials")
    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """As allauth's, and record once that an address is locked."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            login = trail.shown(str(credentials.get("email", "")).lower())
            marker = f"locked:{hashlib.sha256(login.encode()).hexdigest()}"
            if cache.add(marker, 1, timeout=settings.LOCKED_MINUTES * 60):
                trail.write(Activity.LOGIN_LOCKED, trail.NOBODY, login=login)
            raise

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """The rule of this product; allauth's ignores the log-in, and never asks a person without a password."""
        return not reauthentication.recent(current_request())

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """As allauth's, and the log-in provider for a person who is linked to it."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return methods + reauthentication.provider_methods(user) if user.is_authenticated else methods

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send our text, in the background. One with a link goes to its reader alone, or is printed with DEBUG on."""
        if template_prefix in letters.LINKED and not (mail.is_set_up() or settings.DEBUG):
            log.warning("no mail server is set up (EMAIL_URL): a mail with a link was not sent")
            return
        mail.send(letters.letter(template_prefix, email, context))

    def send_notification_mail(self, template_prefix: str, user: User, *given: Any, **more: Any) -> None:
        """As allauth's, after the transaction that made the change."""
        tell = partial(super().send_notification_mail, template_prefix, user, *given, **more)
        transaction.on_commit(tell, robust=True)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Seals secrets for the person they belong to."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is wrong, too old, or was used already.",
        "unverified_email": "Confirm your address first: a mail with a link comes when you log in.",
    }

    @sensitive_variables("text")
    def encrypt(self, text: str) -> str:
        return sealing.seal(text, user=_person_concerned())

    @sensitive_variables("encrypted_text")
    def decrypt(self, encrypted_text: str) -> str:
        """Raises SealBroken for another person's, keyring.UnknownKey when ENCRYPTION_KEYS lacks the key."""
        return sealing.open_sealed(encrypted_text, user=_person_concerned())


def _person_concerned() -> int:
    """The person whose second factor this request is about: logged in, or logging in and past the password."""
    request = current_request()
    if request.user.is_authenticated:
        return request.user.pk
    return person_logging_in(request).pk


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """The log-in provider that the environment names. It adds only people who are invited."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """The environment's provider. A row in the database lets nobody in."""
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
        """The person with an address that the provider says is verified, and that is verified here.

        It must say exactly `true`, for some providers send the text "false".
        """
        for address in sociallogin.email_addresses if _is_ascii(sociallogin) else ():
            if address.verified is True:
                known = EmailAddress.objects.filter(email=address.email.lower(), verified=True)
                found = known.select_related("user").first()
                if found:
                    return found.user, found.email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Link a first log-in to its person; when somebody was asked again, check that it is the same person."""
        said = sociallogin.account.extra_data
        if len({(said.get(part) or {}).get("sub", sociallogin.account.uid) for part in PARTS}) > 1:
            raise _refusal(request, FAILED, status=502)  # its two answers are about two people
        process = sociallogin.state.get("process")
        if process == AuthProcess.LOGIN:
            if linking.is_unlinked(sociallogin) and not linking.link_first(request, sociallogin):
                raise _refusal(request, LINKED, who=sociallogin.user.email)
            return
        again = process == AuthProcess.REDIRECT and sociallogin.state.get("data") == "again"
        if not again or not reauthentication.note_provider(request, sociallogin.account):
            raise _refusal(request, NOT_YOU)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whether the address is invited and the provider says that it is verified; else raise the page that says why.

        That adds the person. They become a member on the invitation's page.
        """
        address = next(iter(sociallogin.email_addresses), None)
        who = address.email if address else ""
        is_ascii = _is_ascii(sociallogin)
        if (
            address
            and is_ascii
            and address.verified is True
            and invitations.is_invited(address.email.lower())
        ):
            return True
        trail.write(Activity.LOGIN_FAILED, trail.NOBODY, login=trail.shown(who), provider=settings.OIDC_NAME)
        if not address:
            raise _refusal(request, NO_ADDRESS)
        raise _refusal(request, UNKNOWN if address.verified is True else UNPROVEN, who=who)

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """As allauth's, with the address in lower case, and a row in the trail."""
        user = sociallogin.user
        user.email = sociallogin.email_addresses[0].email.lower()
        made: User = super().save_user(request, sociallogin, form)
        detail = {"email": user.email, "superuser": False, "provider": settings.OIDC_NAME}
        trail.write(Activity.USER_ADDED, By.in_browser(user.email), **detail)
        return made

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **kwargs: Any
    ) -> None:
        """Raise the page that says what went wrong at the provider, or on the way back from it."""
        text = CANCELLED if error == AuthError.CANCELLED else FAILED
        if exception:  # not its text: that may be an answer with a token in it
            log.warning("the log-in provider: %s", type(exception).__name__)
        raise _refusal(request, text, status=502 if exception else 403)


def _is_ascii(sociallogin: SocialLogin) -> bool:
    """Whether the provider's address is ASCII. Others may change in `lower`, which makes a k of a Kelvin sign."""
    said = sociallogin.account.extra_data
    return all(str((said.get(part) or {}).get("email", "")).isascii() for part in PARTS)


def _refusal(request: HttpRequest, text: str, *, status: int = 403, who: str = "") -> ImmediateHttpResponse:
    """The page of `refused`, to be raised through allauth."""
    return ImmediateHttpResponse(refused(request, text, status=status, who=who))


def refused(request: HttpRequest, text: str, *, status: int, who: str = "") -> HttpResponse:
    """The page that says why the log-in provider lets nobody in. `who` is the address that it gave."""
    said = text.format(name=settings.OIDC_NAME, who=who)
    return render(request, "socialaccount/refused.html", {"said": said[:1].upper() + said[1:]}, status=status)
