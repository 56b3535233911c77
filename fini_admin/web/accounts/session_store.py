"""Sessions in the database (SESSION_ENGINE). An outage is raised, and not taken for a session that was ended."""

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db.models import OuterRef, QuerySet, Subquery

from fini_admin.lib.outage import outage_of
from fini_admin.lib.prepared import prepared
from fini_admin.workspaces.models import User


def _logged_in(now: datetime, key: str) -> QuerySet[UserSession]:
    """The session of somebody who logged in, with the person and what is kept of it."""
    alive = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=now)
    listed = UserSession.objects.filter(session_key=key).select_related("user").order_by("pk")
    found: QuerySet[UserSession] = listed.annotate(kept=Subquery(alive.values("session_data")))
    return found[:1]


_LOGGED_IN = prepared(_logged_in)


class SessionStore(db.SessionStore):
    """As Django's, but a session that was logged in comes with its person, by the same query.

    And an error of the database is raised, which Django's reports as a session that is gone.
    """

    person: User | None = None

    def load(self) -> dict[str, object]:
        """As Django's."""
        for found in _LOGGED_IN(self.session_key):
            if found.kept is not None:
                self.person = found.user
                return self.decode(found.kept)
        return super().load()  # nobody is logged in, or not through allauth

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - as Django's
        """As Django's, and raise the database's error in an outage."""
        outage = None
        try:
            super().save(must_create)
        except UpdateError as error:
            outage = error.__context__
            if outage is None or not outage_of(outage):
                raise
        if outage:
            raise outage
