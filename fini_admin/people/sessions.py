"""Sessions: which of a person's are open, how they time out, how they end.

When a session began and was last used stands in the session itself: no page asks one query more for it.
"""

import time
from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from fini_admin.audit.names import Activity, By, Origin
from fini_admin.people import trail
from fini_admin.people.allauth_internals import client_ip
from fini_admin.workspaces.models import User

BEGUN, USED = "begun", "used"
TOO_OLD, UNUSED = "begun too long ago", "not used too long"
# How often the time of use is written down, in seconds.
PRECISION = 60
# How many rows are cleared at once; the worker comes back every minute.
BATCH = 500
# keep.js puts it on what a person does by hand; a live page's own questions do not have it.
BY_HAND = "X-By-Hand"


def begin(session: SessionBase) -> None:
    """Start the clocks of a session, when somebody logs in."""
    session[BEGUN] = session[USED] = int(time.time())


def over(session: SessionBase) -> str:
    """Why a session has timed out, empty while it has not. One that never began has."""
    now = time.time()
    if now - session.get(BEGUN, 0) > settings.SESSION_COOKIE_AGE:
        return TOO_OLD
    return UNUSED if now - session.get(USED, 0) > settings.SESSION_IDLE_SECONDS else ""


class Authentication(AuthenticationMiddleware):
    """As Django's; nobody is logged in by a session that timed out.

    Found out when the person is first asked for: a view that asks nobody reads no session.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        known = request.user
        # Looked up when asked for, as Django's own; the stubs know no lazy person.
        request.user = SimpleLazyObject(lambda: in_time(request, known))  # type: ignore[assignment]


def in_time(request: HttpRequest, known: User | AnonymousUser) -> User | AnonymousUser:
    """The person who is logged in, or nobody when the session has timed out (which ends it)."""
    if not known.is_authenticated:
        return known
    if why := over(request.session):
        if close([request.session.session_key or ""]):
            trail.write(Activity.LOGGED_OUT, By(known.email, Origin.BROWSER), because=why)
        request.session.flush()
        messages.info(request, f"You were logged out: {in_words(why)}. Log in to go on.", fail_silently=True)
        return AnonymousUser()
    if by_hand(request) and time.time() - request.session[USED] >= PRECISION:
        use(request)
    request.asked_by = known.email  # type: ignore[attr-defined]  # for the log's lines (reports.Line)
    return known


def in_words(why: str) -> str:
    """Why a session timed out, for who meets the log-in page."""
    if why == UNUSED:
        return f"nothing was done for {settings.SESSION_IDLE_SECONDS // 60} minutes"
    return f"the log-in was more than {settings.SESSION_COOKIE_AGE // 3600} hours ago"


def by_hand(request: HttpRequest) -> bool:
    """Whether a person did this, as far as one can tell: a part of a page may have asked by itself."""
    asks_for_a_part = request.method == "GET" and request.headers.get("HX-Request") == "true"
    return not asks_for_a_part or request.headers.get(BY_HAND) == "1"


def use(request: HttpRequest) -> None:
    """Write down that the session is used, on what stands there now: other requests change it meanwhile."""
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
    """A person's sessions that have not timed out, the last used first."""
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
    """End sessions by their keys; returns how many were still there."""
    ended, _ = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return ended


def close_all(user: User, *, but: str | None = None) -> int:
    """End all of a person's sessions, but for one; returns how many there were."""
    rows = UserSession.objects.filter(user=user).exclude(session_key=but or "")
    return close(list(rows.values_list("session_key", flat=True)))


def clear() -> int:
    """Delete rows of sessions that expired, and of those whose session is gone: the oldest, at most so many of each.

    One that timed out unnoticed expires SESSION_HOURS after its last use: the rows that are looked at are about a
    day's log-ins. Returns how many sessions were still there.
    """
    old = Session.objects.filter(expire_date__lt=timezone.now()).order_by("expire_date")
    expired = list(old.values_list("session_key", flat=True)[:BATCH])
    there = Session.objects.filter(session_key=OuterRef("session_key"))
    gone = UserSession.objects.filter(~Exists(there)).order_by("pk")
    over = [*expired, *gone.values_list("session_key", flat=True)[:BATCH]]
    return close(over) if over else 0


@transaction.atomic
def end_session(*, by: By, session: UserSession) -> None:
    """End one session, with its row in the trail."""
    if close([session.session_key]):
        trail.write(Activity.SESSIONS_ENDED, by, email=session.user.email, sessions=1)


@transaction.atomic
def end_other_sessions(*, by: By, user: User, but: str | None) -> int:
    """End all of a person's sessions but the one with this key, with a row in the trail; returns how many."""
    ended = close_all(user, but=but)
    if ended:
        trail.write(Activity.SESSIONS_ENDED, by, email=user.email, sessions=ended)
    return ended
