"""Second factors: who has one, who has to have one, and the secret of one that is being set up."""

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
from fini_admin.people.allauth_internals import authentication_records, codes_used, new_totp_secret
from fini_admin.workspaces.models import Role, User

PENDING = "second factor"


@dataclass(frozen=True)
class SecondFactor:
    """What a person has: since when, and how many recovery codes are left."""

    since: datetime | None
    codes_left: int


def second_factor(user: User) -> SecondFactor:
    """What a person has; opens nothing."""
    rows = {row.type: row for row in Authenticator.objects.filter(user=user)}
    totp, codes = rows.get(Authenticator.Type.TOTP), rows.get(Authenticator.Type.RECOVERY_CODES)
    used = codes_used(codes) if codes else settings.MFA_RECOVERY_CODE_COUNT
    return SecondFactor(totp.created_at if totp else None, settings.MFA_RECOVERY_CODE_COUNT - used)


def with_state(people: QuerySet[User]) -> QuerySet[User]:
    """People with `has_factor`: whether they have a second factor here."""
    totp = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    return people.annotate(has_factor=Exists(totp))


def missing(request: HttpRequest) -> bool:
    """Whether this person must set one up before anything else (SECOND_FACTOR_REQUIRED).

    Who logged in through the log-in provider has theirs there: what it asks for is for the operator to decide there.
    """
    user = request.user
    if not settings.SECOND_FACTOR_REQUIRED or not isinstance(user, User):
        return False
    records = authentication_records(request, user)
    if any(record["method"] == "socialaccount" and not record.get("reauthenticated") for record in records):
        return False
    if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        return False
    return user.is_superuser or user.memberships.filter(role=Role.ADMIN).exists()


def begin(session: SessionBase, user: User) -> str:
    """The secret that is being set up in this session, a new one when there is none. Sealed there too."""
    found = pending(session, user)
    if found:
        return found
    secret = new_totp_secret()
    session[PENDING] = sealing.seal(secret, user=user.pk)
    return secret


def pending(session: SessionBase, user: User) -> str:
    """The secret that is being set up in this session, empty when there is none."""
    try:
        return sealing.open_sealed(session[PENDING], user=user.pk)
    except (KeyError, *sealing.UNREADABLE):
        return ""


def done(session: SessionBase) -> None:
    """It is set up: the session forgets the secret."""
    session.pop(PENDING, None)


@transaction.atomic
def remove_second_factor(*, by: By, user: User) -> None:
    """Take a lost second factor away; every session of the person ends, and a mail tells them.

    Asked for twice, it happens once. Raises ValidationError.
    """
    lock_people(by)
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if removed:
        ended = sessions.close_all(user)
        detail = {"email": user.email, "sessions_ended": ended}
        trail.write(Activity.SECOND_FACTOR_REMOVED, by, **detail)
        told = letters.letter("mfa/email/totp_deactivated", user.email, {"by": by.actor})
        transaction.on_commit(partial(mail.send, told), robust=True)
