"""The base of the commands that start a run: they write it to the database, and a worker carries it out."""

import sys
import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli import base as commands
from fini_admin.fini.routes import is_url
from fini_admin.ingestion import previews
from fini_admin.ingestion.kinds import discovery_remarks
from fini_admin.ingestion.models import Preview, Run, RunState
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.key_text import without_keys
from fini_admin.sources.queries import keys_by_id
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences
from fini_admin.workspaces.queries import usable_key

POLL_SECONDS = 0.5
EXIT_NOT_ALL_DONE = 2
BAR_WIDTH = 30
NAMED = 5


class RunCommand(commands.Command):
    """Starts a run and prints its number alone on the last line; --wait follows it until every ID has its end."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the workspace")
        parser.add_argument(
            "--wait",
            action="store_true",
            help="follow the run to its end; exit 0 if every ID is done, else 2",
        )

    def start(self, workspace: Workspace, **options: Any) -> Run:
        """Create the run; raises CannotStart."""
        raise NotImplementedError

    def handle(self, *, slug: str, wait: bool, **options: Any) -> None:
        workspace = commands.workspace_or_error(slug)
        try:
            run = self.start(workspace, **options)
        except CannotStart as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(run.number))
        self.stdout.flush()
        if wait and not self.follow(run):
            sys.exit(EXIT_NOT_ALL_DONE)

    def confirmed(self, preview: Preview) -> Run:
        """The run of a preview, with what the workspace sends along by default; what stays out is said."""
        for reason, number in preview.summary.get("skipped", {}).items():
            self.stderr.write(f"left out: {number:,}: {commands.one_line(reason)}")
        held = preferences(preview.workspace)
        return previews.confirm(by=commands.by(), preview=preview, english=held.english, baser=held.baser)

    def follow(self, run: Run) -> bool:
        """Wait for the run's end; returns whether every ID was done. Raises CommandError without a usable key."""
        while True:
            run.refresh_from_db()
            self.show(run)
            if run.state == RunState.ENDED:
                break
            if not Workspace.objects.filter(usable_key("pk"), pk=run.workspace_id).exists():
                archived = Workspace.objects.exclude(archived_at=None).filter(pk=run.workspace_id).exists()
                why = "is archived" if archived else "has no key that Fini accepts (add_key)"
                raise CommandError(f"run {run.number} waits: the workspace {why}")
            time.sleep(POLL_SECONDS)
        for told in discovery_remarks.remarks_of_run(run):
            self.stderr.write(commands.one_line(told.line))
        if run.error:
            self.stderr.write(commands.one_line(run.error))
        return not run.error and run.done == run.total

    def show(self, run: Run) -> None:
        """Draw a progress bar, on a terminal only."""
        if sys.stderr.isatty():
            filled = BAR_WIDTH * run.ended // max(1, run.total)
            end = "\n" if run.state == RunState.ENDED else ""
            self.stderr.write(
                f"\r[{'#' * filled:{BAR_WIDTH}}] {run.ended:,} of {run.total:,}{end}", ending=""
            )
            self.stderr.flush()


def keys_or_error(workspace: Workspace, ids: Sequence[str]) -> list[int]:
    """The keys of the sources of these IDs, in their order; a CommandError names those that the workspace has not."""
    for one in ids:
        if is_url(one):
            raise CommandError(
                f"{commands.one_line(without_keys(one))[:80]!r} is an address, and IDs are wanted here"
            )
    found = keys_by_id(workspace, ids)
    unknown = [one for one in dict.fromkeys(ids) if one not in found]
    if unknown:
        more = f" and {len(unknown) - NAMED:,} more" if len(unknown) > NAMED else ""
        raise CommandError(f"{workspace.slug} has no source {', '.join(unknown[:NAMED])}{more}")
    return [found[one] for one in dict.fromkeys(ids)]
