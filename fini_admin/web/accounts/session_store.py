"""Sessions in the database (SESSION_ENGINE). An outage is raised, and not taken for a session that was ended."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError

from fini_admin.lib.outage import outage_of


class SessionStore(db.SessionStore):
    """As Django's, which reports any error of the database as a session that is gone."""

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
