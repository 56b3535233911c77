"""The button *Sync*, which stands on several pages."""

from datetime import datetime
from functools import cached_property

from fini_admin.ingestion.kinds import syncs
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.runs import starting
from fini_admin.web.permissions import WorkspaceRequest
from fini_admin.workspaces.permissions import Permission


class SyncButton:
    """What `components/_sync.html` and `_sync_offer.html` show, read when it is shown: a fragment shows none of it."""

    def __init__(self, request: WorkspaceRequest) -> None:
        self.workspace = request.workspace
        self.may = Permission.SOURCES_DISCOVER in request.permissions

    @cached_property
    def token(self) -> str:
        """The one-time number of the run."""
        return starting.new_token()

    @cached_property
    def running(self) -> Run | None:
        """The sync that goes on."""
        return syncs.running_sync(self.workspace)

    @cached_property
    def at(self) -> datetime | None:
        """When the last one ended."""
        return syncs.last_synced_at(self.workspace)

    @cached_property
    def offered(self) -> bool:
        """Whether a first one is offered."""
        return syncs.is_offered(self.workspace)
