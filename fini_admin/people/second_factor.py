"""Second factors: who has one, who has to set one up, the secret during set-up, and how a lost one is removed."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from fini_admin.audit.names import Activity, By
from fini_admin.people import letters, mail, sealing, sessions, trail
from fini_admin.people.access import lock_people
from fini_admin.people.allauth_internals import (
    authentication_records,
    codes_used,
    is_provider_log_in,
    new_totp_secret,
)
from fini_admin.workspaces.models import Role, User

PENDING = "second factor"


@dataclass(frozen=True)
class SecondFactor:
    """Since when a person has a second factor, None without one, and how many recovery codes are left."""

    since: datetime | None
    codes_left: int


def second_factor(user: User) -> SecondFactor:
    """A person's second factor. Opens no seal."""
    rows = {row.type: row for row in Authenticator.objects.filter(user=user)}
    totp, codes = rows.get(Authenticator.Type.TOTP), rows.get(Authenticator.Type.RECOVERY_CODES)
    used = codes_used(codes) if codes else settings.MFA_RECOVERY_CODE_COUNT
    return SecondFactor(totp.created_at if totp else None, settings.MFA_RECOVERY_CODE_COUNT - used)


def with_has_factor(people: QuerySet[User]) -> QuerySet[User]:
    """People with a field `has_factor`: whether they have a second factor here."""
    totp = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    return people.annotate(has_factor=Exists(totp))


def is_missing(request: HttpRequest) -> bool:
    """Whether this person must set one up before anything else (SECOND_FACTOR_REQUIRED).

    Not after a log-in through the log-in provider, where the operator decides whether it asks for one.
    """
    user = request.user
    if not settings.SECOND_FACTOR_REQUIRED or not isinstance(user, User):
        return False
    if any(map(is_provider_log_in, authentication_records(request, user))):
        return False
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        return False
    return user.is_superuser or user.memberships.filter(role=Role.ADMIN).exists()


def begin_set_up(session: SessionBase, user: User) -> str:
    """The secret that is being set up in this session, a new one where there is none. The session holds it sealed."""
    found = secret_of_set_up(session, user)
    if found:
        return found
    secret = new_totp_secret()
    session[PENDING] = sealing.seal(secret, user=user.pk)
    return secret


def secret_of_set_up(session: SessionBase, user: User) -> str:
    """The secret that is being set up in this session, empty where there is none."""
    try:
        return sealing.open_sealed(session[PENDING], user=user.pk)
    except (KeyError, *sealing.UNREADABLE):
        return ""


def end_set_up(session: SessionBase) -> None:
    """Forget the secret that was being set up."""
    session.pop(PENDING, None)


@transaction.atomic
def remove_second_factor(*, by: By, user: User) -> None:
    """Remove a lost second factor; the person's sessions end, and a mail tells them.

    Safe to repeat. Raises ValidationError.
    """
    lock_people(by)
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if removed:
        ended = sessions.close_all(user)
        detail = {"email": user.email, "sessions_ended": ended}
        trail.write(Activity.SECOND_FACTOR_REMOVED, by, **detail)
        told = letters.letter("mfa/email/totp_deactivated", user.email, {"by": by.actor})
        transaction.on_commit(partial(mail.send, told), robust=True)
