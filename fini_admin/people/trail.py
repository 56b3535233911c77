"""Rows of the installation's chain about people and log-ins."""

from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.lib.key_text import without_keys

NOBODY = By.in_browser("not logged in")
LONGEST_ADDRESS = 254


@transaction.atomic
def write(kind: Activity, by: By, /, **detail: object) -> None:
    """Add one activity to the installation's chain."""
    chain.record(chain=chain.INSTALLATION, kind=kind, by=by, detail=detail)


def shown(typed: str) -> str:
    """A typed text, or one from the log-in provider, cut to an address's length and without keys (P5)."""
    return without_keys(typed)[:LONGEST_ADDRESS]
