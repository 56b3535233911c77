"""Whether a person proved a moment ago who they are, which a dangerous act requires.

A password or a code proves it, also at log-in. The log-in provider does only when it was told to ask again, for it lets
people in without a question who are logged in there.
"""

import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from fini_admin.people.allauth_internals import (
    PROVIDER,
    authentication_records,
    is_provider_log_in,
    record_authentication,
)
from fini_admin.workspaces.models import User


def recent(request: HttpRequest) -> bool:
    """Whether the person proved it in this session within ACCOUNT_REAUTHENTICATION_TIMEOUT."""
    times = [
        record["at"]
        for record in authentication_records(request, request.user)
        if not is_provider_log_in(record)
    ]
    return bool(times) and time.time() - max(times) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def url(user: User) -> str:
    """The page where the person can prove it; empty for somebody who has to log in again for it."""
    methods: list[dict[str, Any]] = get_adapter().get_reauthentication_methods(user)
    return str(methods[0]["url"]) if methods else ""


def note_password(request: HttpRequest) -> None:
    """Note that the person gave the right password."""
    record_authentication(request, request.user, method="password", reauthenticated=True)


def provider_methods(user: User) -> list[dict[str, str]]:
    """The log-in provider as a way to prove it, for a person who is linked to it; in the form of allauth's methods."""
    known = SocialAccount.objects.filter(user=user, provider=settings.OIDC_ID)
    if not settings.OIDC_SERVER_URL or not known.exists():
        return []
    address = reverse("provider_reauthenticate")
    return [{"id": "provider", "description": f"Log in at {settings.OIDC_NAME} again", "url": address}]


def note_provider(request: HttpRequest, account: SocialAccount) -> bool:
    """Note that the log-in provider asked the person again; False when it is somebody else, or did not ask.

    A provider that does not say when it asked (`auth_time`) is believed, for it was told to ask.
    """
    if not request.user.is_authenticated or account.user_id != request.user.pk:
        return False
    asked_at = (account.extra_data.get("id_token") or {}).get("auth_time")
    if asked_at is not None and not _is_recent(asked_at):
        return False
    how = {"provider": account.provider, "uid": account.uid, "reauthenticated": True}
    record_authentication(request, request.user, PROVIDER, **how)
    return True


def _is_recent(asked_at: object) -> bool:
    """Whether a time of the provider's clock, in seconds since 1970, is of a moment ago."""
    if not isinstance(asked_at, int | float):
        return False
    return abs(time.time() - asked_at) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
