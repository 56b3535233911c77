"""`manage.py run SLUG NUMBER [pause|resume|cancel|retry [--reason TEXT]]`: how a run stands; steer it, or retry it."""

import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli import base as commands
from fini_admin.cli.runs import RunCommand
from fini_admin.ingestion.kinds import retries
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.runs import steering
from fini_admin.ingestion.runs.queries import calls_of_run, run_of
from fini_admin.ingestion.runs.standstill import why_it_stands_still
from fini_admin.workspaces.models import Workspace

VERBS: dict[str, Callable[..., None]] = {
    "pause": steering.pause,
    "resume": steering.resume,
    "cancel": steering.stop,
}


class Command(RunCommand):
    """Print one run as a JSON object, steer it, or retry it."""

    help = (
        "Print how a run stands, as one JSON object: number, kind, state, total, outcomes, calls, and in waits why it"
        " stands still. pause sends nothing more until resume; cancel stops it for good: what was not sent is skipped,"
        " what was sent is followed to its end. retry starts a run that tries the failed, refused and unknown IDs"
        " again, and prints that run's number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("number", metavar="NUMBER", type=int, help="the run's number")
        verbs = [*VERBS, "retry"]
        parser.add_argument("verb", nargs="?", choices=verbs, help="what to do with the run")
        parser.add_argument("--reason", help="retry only what ended for the cause of these words of the run")

    def handle(self, *, slug: str, verb: str | None = None, **options: Any) -> None:
        """Print the run as JSON, steered first if asked, or start the retry like any command that starts a run."""
        if verb == "retry":
            super().handle(slug=slug, **options)
        elif options["reason"] is not None or options["wait"]:
            raise CommandError("--reason and --wait belong to retry")
        else:
            run = _run_or_error(commands.workspace_or_error(slug, archived=not verb), options["number"])
            if verb:
                _steer(run, verb)
            self.stdout.write(json.dumps(run_summary(run)))

    def start(self, workspace: Workspace, *, number: int = 0, reason: str | None = None, **_: Any) -> Run:
        run = _run_or_error(workspace, number)
        return self.confirmed(retries.freeze_run(run=run, reason=reason))


def run_summary(run: Run) -> dict[str, Any]:
    """A run as it is printed; the keys are a stable interface."""
    return {
        "number": run.number,
        "kind": run.kind,
        "state": run.state,
        "total": run.total,
        "outcomes": run.outcomes,
        "calls": calls_of_run(run).count(),
        "waits": why_it_stands_still(run),
    }


def _run_or_error(workspace: Workspace, number: int) -> Run:
    """The workspace's run of this number; raises CommandError."""
    run = run_of(workspace, number)
    if run is None:
        raise CommandError(f"{workspace.slug} has no run {number}")
    return run


def _steer(run: Run, verb: str) -> None:
    """Pause, resume or stop the run; raises CommandError where its state does not allow that."""
    try:
        VERBS[verb](by=commands.by(), run=run)
    except steering.CannotSteer as error:
        raise CommandError(str(error)) from error
    run.refresh_from_db()
