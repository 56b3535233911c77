"""The doorbell: "look now", through huey. Truth stands in our tables: lost or doubled it does no harm.

A task is one piece of work, and carries nothing: a worker's seat that gets it chooses the piece whose turn it is. What
it does is given by the worker at its start (`perform_with`); any other process only rings.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import close_old_connections, transaction
from huey.contrib.djhuey import HUEY, task

from fini_admin.lib.outage import outage_of

log = logging.getLogger(__name__)
# Of the tasks that wait. Each seat that found work rings again by itself, so more would only stand about.
MOST_WAITING: int = settings.HUEY["consumer"]["workers"]


class Performer:
    """What this process does when it is woken: one piece of work. Returns whether there was one."""

    work: Callable[[], bool] | None = None


def perform_with(work: Callable[[], bool]) -> None:
    """Make this process a worker that performs `work`."""
    Performer.work = work


def wake() -> None:
    """Tell the workers to look, once the current transaction is committed."""
    transaction.on_commit(ring)


def ring() -> None:
    """Put a task into huey's storage. If that fails, the worker's clock finds the work a little later."""
    try:
        if HUEY.pending_count() < MOST_WAITING:
            look()
    except Exception:  # whatever huey's storage raises, the run is already stored
        log.warning("the doorbell failed; the worker's clock will find the work", exc_info=True)


@task()
def look() -> None:
    """Perform one piece of work, and ring again if there was one. During an outage the clock rings again."""
    if Performer.work is None:
        return
    try:
        close_old_connections()
        found = Performer.work()
    except Exception as error:
        if not outage_of(error):
            raise
    else:
        if found:
            ring()


def make_tables(**_: Any) -> None:
    """Make huey's tables, because a deployment runs `migrate` and nothing else."""
    HUEY.storage.initialize_schema()
