"""What people do to their log-in, as rows of the installation's own chain."""

from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity
from fini_admin.lib.key_text import without_keys

ORIGIN = "browser"
NOBODY = "not logged in"
LONGEST_ADDRESS = 254


@transaction.atomic
def write(kind: Activity, actor: str, *, origin: str = ORIGIN, **detail: object) -> None:
    """One activity that belongs to no workspace."""
    chain.record(chain=chain.INSTALLATION, kind=kind, actor=actor, origin=origin, detail=detail)


def shown(typed: str) -> str:
    """An address as somebody typed it, or as the log-in provider told it, without keys (P5)."""
    return without_keys(typed)[:LONGEST_ADDRESS]
