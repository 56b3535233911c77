"""The session middleware: who is logged in, unless the session timed out."""

import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from fini_admin.audit.names import Activity, By
from fini_admin.people import sessions, trail
from fini_admin.workspaces.models import User

# keep.js adds it to what a person does by hand.
BY_HAND = "X-By-Hand"


class Authentication(AuthenticationMiddleware):
    """As Django's, but a session that timed out logs nobody in.

    That is found out when a view first asks who the person is: one that does not ask reads no session.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        known = request.user
        # Looked up when asked for, as Django's own; the stubs know no lazy person.
        request.user = SimpleLazyObject(lambda: _in_time(request, _person(request) or known))  # type: ignore[assignment]  # see above


def _person(request: HttpRequest) -> User | None:
    """Whom the session brought along, if Django would find the same person logged in; else None, and Django looks."""
    session = request.session
    session.get(SESSION_KEY)  # loads it
    person: User | None = getattr(session, "person", None)
    if person is None or not person.is_active or str(person.pk) != session.get(SESSION_KEY):
        return None
    known_way = session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
    unchanged = constant_time_compare(session.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash())
    return person if known_way and unchanged else None


def _in_time(request: HttpRequest, known: User | AnonymousUser) -> User | AnonymousUser:
    """The person who is logged in; nobody after a session that timed out, which is ended here."""
    if not known.is_authenticated:
        return known
    if why := sessions.why_timed_out(request.session):
        if sessions.close([request.session.session_key or ""]):
            trail.write(Activity.LOGGED_OUT, By.in_browser(known.email), because=why)
        request.session.flush()
        messages.info(request, f"You were logged out: {_in_words(why)}. Log in to go on.", fail_silently=True)
        return AnonymousUser()
    if _by_hand(request) and time.time() - request.session[sessions.USED] >= sessions.PRECISION:
        sessions.note_use(request)
    request.asked_by = known.email  # type: ignore[attr-defined]  # for the log's lines (redaction.LogFormatter)
    return known


def _in_words(why: str) -> str:
    """Why a session timed out, for the log-in page."""
    if why == sessions.UNUSED:
        return f"nothing was done for {settings.SESSION_IDLE_SECONDS // 60} minutes"
    return f"the log-in was more than {settings.SESSION_COOKIE_AGE // 3600} hours ago"


def _by_hand(request: HttpRequest) -> bool:
    """Whether a person made this request; a live part of a page asks by itself, without the header BY_HAND."""
    asks_for_a_part = request.method == "GET" and request.headers.get("HX-Request") == "true"
    return not asks_for_a_part or request.headers.get(BY_HAND) == "1"
