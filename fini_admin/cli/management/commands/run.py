"""`manage.py run SLUG NUMBER`: print the state of a run."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli import base as commands
from fini_admin.ingestion.queries import run_of, run_summary


class Command(commands.Command):
    """Print one run as a JSON object."""

    help = "Print how a run stands, as one JSON object: number, kind, state, total, outcomes, calls."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the workspace")
        parser.add_argument("number", metavar="NUMBER", type=int, help="the run's number")

    def handle(self, *, slug: str, number: int, **_: Any) -> None:
        run = run_of(commands.workspace_or_error(slug, archived=True), number)
        if run is None:
            raise CommandError(f"{slug} has no run {number}")
        self.stdout.write(json.dumps(run_summary(run)))
