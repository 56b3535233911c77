"""Whether a person showed a moment ago who they are: what a dangerous act asks for.

A password or a code does, at log-in too. The log-in provider does only when it was made to ask again: it lets people
in who are logged in there, without a question.
"""

import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from fini_admin.people.allauth_internals import authentication_records, record_authentication
from fini_admin.workspaces.models import User

PROVIDER = "socialaccount"


def recent(request: HttpRequest) -> bool:
    """Whether the person showed it within ACCOUNT_REAUTHENTICATION_TIMEOUT, in this session."""
    times = [
        record["at"]
        for record in authentication_records(request, request.user)
        if record["method"] != PROVIDER or record.get("reauthenticated")
    ]
    return bool(times) and time.time() - max(times) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def page(user: User) -> str:
    """Where the person can show it: password, code, the log-in provider. Empty: only by logging in again."""
    methods: list[dict[str, Any]] = get_adapter().get_reauthentication_methods(user)
    return str(methods[0]["url"]) if methods else ""


def by_password(request: HttpRequest) -> None:
    """Note that the person gave the right password."""
    record_authentication(request, request.user, method="password", reauthenticated=True)


def by_provider(user: User) -> list[dict[str, str]]:
    """The log-in provider as a way to show it, for whom it knows."""
    known = SocialAccount.objects.filter(user=user, provider=settings.OIDC_ID)
    if not settings.OIDC_SERVER_URL or not known.exists():
        return []
    url = reverse("provider_reauthenticate")
    return [{"id": "provider", "description": f"Log in at {settings.OIDC_NAME} again", "url": url}]


def provider_asked(request: HttpRequest, account: SocialAccount) -> bool:
    """Note that the log-in provider asked the person again; False when it is somebody else, or it did not ask.

    A provider that does not say when it asked (`auth_time`) is believed: it was told to ask.
    """
    if not request.user.is_authenticated or account.user_id != request.user.pk:
        return False
    asked_at = (account.extra_data.get("id_token") or {}).get("auth_time")
    if asked_at is not None and not is_new(asked_at):
        return False
    how = {"provider": account.provider, "uid": account.uid, "reauthenticated": True}
    record_authentication(request, request.user, PROVIDER, **how)
    return True


def is_new(asked_at: object) -> bool:
    """Whether the provider's time is of now; clocks differ a little."""
    if not isinstance(asked_at, int | float):
        return False
    return abs(time.time() - asked_at) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
