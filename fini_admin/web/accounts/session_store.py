"""Sessions in the database (settings: SESSION_ENGINE): an outage is said, never taken for a session that was ended."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError

from fini_admin.lib.outage import outage_of


class SessionStore(db.SessionStore):
    """As Django's, which says of any error of the database that the session is gone."""

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - as Django's
        """As Django's; raises what the database could not do."""
        away = None
        try:
            super().save(must_create)
        except UpdateError as error:
            away = error.__context__
            if away is None or not outage_of(away):
                raise
        if away:
            raise away
