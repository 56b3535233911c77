"""`manage.py run SLUG NUMBER [retry [--reason TEXT]]`: print the state of a run, or retry what failed in it."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli import base as commands
from fini_admin.cli.runs import RunCommand
from fini_admin.ingestion import retries
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.queries import run_of, run_summary
from fini_admin.workspaces.models import Workspace


class Command(RunCommand):
    """Print one run as a JSON object, or retry it."""

    help = (
        "Print how a run stands, as one JSON object: number, kind, state, total, outcomes, calls. With retry start a"
        " run that tries its failed, refused and unknown IDs again, and print that run's number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("number", metavar="NUMBER", type=int, help="the run's number")
        parser.add_argument("verb", nargs="?", choices=["retry"], help="what to do with the run")
        parser.add_argument("--reason", help="retry only what ended for this reason, in the run's words")

    def handle(self, *, slug: str, verb: str | None = None, **options: Any) -> None:
        """Print the run as JSON, or start the retry like any command that starts a run."""
        if verb:
            super().handle(slug=slug, **options)
        elif options["reason"] is not None or options["wait"]:
            raise CommandError("--reason and --wait belong to retry")
        else:
            run = _run_or_error(commands.workspace_or_error(slug, archived=True), options["number"])
            self.stdout.write(json.dumps(run_summary(run)))

    def start(self, workspace: Workspace, *, number: int = 0, reason: str | None = None, **_: Any) -> Run:
        run = _run_or_error(workspace, number)
        return self.confirmed(retries.freeze_run(by=commands.by(), run=run, reason=reason))


def _run_or_error(workspace: Workspace, number: int) -> Run:
    """The workspace's run of this number; raises CommandError."""
    run = run_of(workspace, number)
    if run is None:
        raise CommandError(f"{workspace.slug} has no run {number}")
    return run
