"""The doorbell: "look now", through huey. Lost or doubled it does no harm; the worker's clock looks anyway."""

import logging
from uuid import UUID

from django.db import transaction

log = logging.getLogger(__name__)


def wake(workspace_id: UUID) -> None:
    """Tell the workers to look at a workspace, once the current transaction stands."""
    transaction.on_commit(lambda: ring(str(workspace_id)))


def ring(workspace_id: str) -> None:
    """Put the message into huey's storage. The work stands in our tables: a broken doorbell is only slower."""
    from fini_admin.ingestion.tasks import look  # noqa: PLC0415 - tasks import the work, which imports this

    try:
        look(workspace_id)
    except Exception:  # whatever huey's storage raises, the run is already stored
        log.warning("the doorbell failed; the worker's clock will find the work", exc_info=True)
