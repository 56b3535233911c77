"""`sync`: the whole workspace by one command."""

import io

from django.core.management import call_command

from fini_admin.ingestion.models import Run
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.work import drive, ends


def test_sync_prints_the_run_that_mirrors_everything(connected: Workspace, sandbox: Sandbox) -> None:
    out = io.StringIO()
    call_command("sync", "acme", stdout=out)
    run = Run.objects.get(number=int(out.getvalue()))
    drive(connected)
    number = len(sandbox.documents())
    assert (run.kind, ends(run), Source.objects.count()) == ("sync", {"done": number}, number)
