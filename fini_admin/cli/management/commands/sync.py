"""`manage.py sync SLUG`."""

from typing import Any

from fini_admin.cli import base as commands
from fini_admin.cli.runs import RunCommand
from fini_admin.ingestion.kinds.syncs import start_sync
from fini_admin.ingestion.models import Run
from fini_admin.workspaces.models import Workspace


class Command(RunCommand):
    """Start a sync."""

    help = "Mirror every source that Fini holds, also what was added elsewhere; prints the run's number."

    def start(self, workspace: Workspace, **_: Any) -> Run:
        return start_sync(by=commands.by(), workspace=workspace)
