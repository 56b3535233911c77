"""`manage.py ingest SLUG`."""

from typing import Any

from fini_admin.cli import base
from fini_admin.cli.runs import RunCommand
from fini_admin.ingestion.kinds.ingestions import start_ingest
from fini_admin.ingestion.models import Run
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences


class Command(RunCommand):
    """Start a run that sends the whole queue, both lanes."""

    help = "Send the whole queue to ingestion, both lanes; prints the run's number."

    def start(self, workspace: Workspace, **_: Any) -> Run:
        held = preferences(workspace)
        return start_ingest(
            by=base.by(),
            workspace=workspace,
            english=held.english,
            baser=held.baser,
        )
