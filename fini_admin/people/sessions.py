"""Sessions: which of a person's are open, when they time out, how they are ended.

When a session began and was last used is kept in the session itself, so that no page makes a query more.
"""

import time
from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from fini_admin.audit.names import Activity, By
from fini_admin.people import trail
from fini_admin.people.allauth_internals import client_ip
from fini_admin.workspaces.models import User
from fini_admin.workspaces.workspaces import lock_installation

BEGUN, USED = "begun", "used"
TOO_OLD, UNUSED = "begun too long ago", "not used too long"
# How often the time of use is written down, in seconds.
PRECISION = 60
# How many rows are cleared at once; the worker comes back every minute.
BATCH = 500


def begin(session: SessionBase) -> None:
    """Start a session's clocks, at log-in."""
    session[BEGUN] = session[USED] = int(time.time())


def why_timed_out(session: SessionBase) -> str:
    """TOO_OLD or UNUSED for a session that has timed out, else empty. One without clocks is TOO_OLD."""
    now = time.time()
    if now - session.get(BEGUN, 0) > settings.SESSION_COOKIE_AGE:
        return TOO_OLD
    return UNUSED if now - session.get(USED, 0) > settings.SESSION_IDLE_SECONDS else ""


def note_use(request: HttpRequest) -> None:
    """Note that the session was used now, with the address it was used from.

    The session is read again first: another request may have changed or ended it meanwhile.
    """
    now, modified = int(time.time()), request.session.modified
    fresh = request.session.__class__(request.session.session_key)
    if SESSION_KEY not in fresh:
        return
    fresh[USED] = now
    try:
        fresh.save()
    except UpdateError:  # it ended this very moment
        return
    request.session[USED] = now
    request.session.modified = modified
    seen: dict[str, object] = {"last_seen_at": timezone.now()}
    if ip := client_ip(request):
        seen["ip"] = ip
    UserSession.objects.filter(session_key=request.session.session_key).update(**seen)


def open_sessions(user: User) -> QuerySet[UserSession]:
    """A person's sessions that have not timed out, the one used last first."""
    now = timezone.now()
    alive = Session.objects.filter(expire_date__gt=now).values("session_key")
    found: QuerySet[UserSession] = UserSession.objects.filter(
        user=user,
        session_key__in=alive,
        created_at__gt=now - timedelta(seconds=settings.SESSION_COOKIE_AGE),
        last_seen_at__gt=now - timedelta(seconds=settings.SESSION_IDLE_SECONDS + PRECISION),
    )
    return found.order_by("-last_seen_at", "-pk")


def close(keys: list[str]) -> int:
    """End sessions by their keys; returns how many there were."""
    ended, _ = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return ended


def close_all(user: User, *, but: str | None = None) -> int:
    """End all of a person's sessions but the one with this key; returns how many of them had not timed out."""
    rows = UserSession.objects.filter(user=user).exclude(session_key=but or "")
    still_open = open_sessions(user).exclude(session_key=but or "").count()
    close(list(rows.values_list("session_key", flat=True)))
    return still_open


def clear() -> int:
    """Delete expired sessions, and rows whose session is gone: the oldest, at most 500 of each.

    A session that timed out unnoticed expires SESSION_HOURS after its last use. Returns how many sessions there were.
    """
    old = Session.objects.filter(expire_date__lt=timezone.now()).order_by("expire_date")
    expired = list(old.values_list("session_key", flat=True)[:BATCH])
    there = Session.objects.filter(session_key=OuterRef("session_key"))
    gone = UserSession.objects.filter(~Exists(there)).order_by("pk")
    gone_or_expired = [*expired, *gone.values_list("session_key", flat=True)[:BATCH]]
    return close(gone_or_expired) if gone_or_expired else 0


@transaction.atomic
def end_session(*, by: By, session: UserSession) -> None:
    """End one session, with its row in the trail."""
    lock_installation()
    if close([session.session_key]):
        trail.write(Activity.SESSIONS_ENDED, by, email=session.user.email, sessions=1)


@transaction.atomic
def end_other_sessions(*, by: By, user: User, but: str | None) -> int:
    """End all of a person's sessions but the one with this key, with a row in the trail; returns how many."""
    lock_installation()
    ended = close_all(user, but=but)
    if ended:
        trail.write(Activity.SESSIONS_ENDED, by, email=user.email, sessions=ended)
    return ended
