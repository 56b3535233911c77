"""What people do to their log-in, as rows of the installation's own chain."""

from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By, Origin
from fini_admin.lib.key_text import without_keys

NOBODY = By("not logged in", Origin.BROWSER)
LONGEST_ADDRESS = 254


@transaction.atomic
def write(kind: Activity, by: By, /, **detail: object) -> None:
    """One activity that belongs to no workspace."""
    chain.record(chain=chain.INSTALLATION, kind=kind, by=by, detail=detail)


def shown(typed: str) -> str:
    """An address as somebody typed it, or as the log-in provider told it, without keys (P5)."""
    return without_keys(typed)[:LONGEST_ADDRESS]
