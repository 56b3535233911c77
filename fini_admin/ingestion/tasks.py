"""huey's task: look now. Truth stands in our tables; a lost or doubled message does no harm (spike 3)."""

import threading
from uuid import UUID

from huey.contrib.djhuey import db_task

from fini_admin.ingestion.engine.loop import work
from fini_admin.lib.outage import outage_of


class Process:
    """The running process as a holder of leases; `run_worker` fills it in."""

    owner = ""
    stopping = threading.Event()


@db_task()
def look(workspace_id: str) -> None:
    """Do what is due in a workspace. While the database is away nothing is: the clock says so and rings again."""
    try:
        work(UUID(workspace_id), Process.owner, Process.stopping)
    except Exception as error:
        if not outage_of(error):
            raise
