"""Every use of what allauth does not publish, in one place. tests/people/test_allauth_internals.py pins each of them.

Published are its adapters, forms, models, signals, views and exceptions: those are imported where they are extended.
"""

from collections.abc import Callable, Mapping
from typing import Any

from allauth.account.internal.flows import login as log_in_flow
from allauth.account.internal.stagekit import clear_login
from allauth.account.mixins import NextRedirectMixin
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from allauth.core import context
from allauth.core.internal import httpkit, ratelimit
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.http import HttpRequest, HttpResponse

from fini_admin.workspaces.models import User

__all__ = ["NextRedirectMixin"]

# What an Authenticator's data hold sealed: a TOTP secret, or the seed of the recovery codes.
SECRETS = ("secret", "seed")
# The rates of ACCOUNT_RATE_LIMITS are kept under this name.
_APP = "allauth.account"
# The method of a log-in through the provider.
PROVIDER = "socialaccount"


def current_request() -> HttpRequest:
    """The request that allauth's hooks are called in; not all of them are given it."""
    request: HttpRequest = context.request
    return request


def next_url(request: HttpRequest) -> str:
    """The page that the request asks to be led to, if it is one of this host; else empty."""
    return str(get_next_redirect_url(request) or "")


def client_ip(request: HttpRequest) -> str:
    """Where the request comes from, as TRUSTED_PROXIES says; empty when it cannot be told."""
    return str(httpkit.get_client_ip(request) or "")


def authentication_records(request: HttpRequest, user: object) -> list[dict[str, Any]]:
    """How this person showed who they are in this session, in order.

    Each has `method` ("password", "mfa", "socialaccount") and `at` (seconds since 1970); a code its `type`, what was
    asked once more `reauthenticated`.
    """
    records: list[dict[str, Any]] = log_in_flow.get_authentication_records(request, user)
    return records


def is_provider_log_in(record: Mapping[str, Any]) -> bool:
    """Whether a record is of a log-in through the provider, which it may have let pass without a question."""
    return record["method"] == PROVIDER and not record.get("reauthenticated")


def record_authentication(request: HttpRequest, user: object, method: str, **how: Any) -> None:
    """Add one of those records."""
    log_in_flow.record_authentication(request, user, method, **how)


def log_in_new(request: HttpRequest, user: User, onward: str) -> HttpResponse:
    """Log in a person who has just chosen a password, and lead on; a second factor is asked for as usual."""
    login = Login(user=user, redirect_url=onward)
    answer: HttpResponse = log_in_flow.perform_password_login(request, {"email": user.email}, login)
    return answer


def forget_log_in(request: HttpRequest) -> None:
    """Forget a log-in that has begun: whoever gave the password gives it again."""
    clear_login(request)


def person_logging_in(request: HttpRequest) -> User:
    """Who gave the password, where a code is asked for next."""
    user: User = request._login_stage.login.user  # type: ignore[attr-defined]  # noqa: SLF001 - allauth puts it there
    return user


def within_rate(request: HttpRequest, action: str, *, user: User) -> bool:
    """Count one try of an action against ACCOUNT_RATE_LIMITS; False when there were too many."""
    return bool(ratelimit.consume(request, app=_APP, action=action, user=user))


def counted_try(request: HttpRequest, action: str, *, key: str) -> Callable[[], None] | None:
    """The same for a try that may turn out not to count: what takes it back, or None when there were too many."""
    used = ratelimit.consume(request, app=_APP, action=action, key=key)
    return used.rollback if used else None


def within_own_rate(request: HttpRequest, action: str, rate: str) -> bool:
    """The same for a rate of its own, like `30/m/ip`; a GET counts too."""
    return bool(ratelimit.consume(request, app=_APP, action=action, config={action: rate}, limit_get=True))


def too_many(request: HttpRequest) -> HttpResponse:
    """The page that says that there were too many tries, with 429."""
    answer: HttpResponse = ratelimit.respond_429(request)
    return answer


class CountedByAddress:
    """For the account adapter: failed log-ins are counted by the address that was typed, and by nothing else.

    allauth counts by the Host as well, whose port anybody chooses.
    """

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return str(credentials.get("email", "")).lower()


def new_totp_secret() -> str:
    """A random secret for an authenticator, in Base32."""
    return str(generate_totp_secret())


def normalized_code(code: str) -> str:
    """A code as allauth compares it: without spaces and punctuation."""
    return str(normalize_user_code(code))


def codes_used(recovery_codes: Authenticator) -> int:
    """How many of these recovery codes were used; opens none."""
    return int(recovery_codes.data["used_mask"]).bit_count()
