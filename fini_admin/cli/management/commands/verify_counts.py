"""`manage.py verify_counts SLUG [--mend]`: whether the kept counts say what the rows say."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli import base as commands
from fini_admin.ingestion.verify_counts import differences


class Command(commands.Command):
    """Exits 0 when every count is right, or was set right; else 1."""

    help = (
        "Compare the counts that a workspace keeps of its sources, its queue and its runs with the rows. Each count"
        " that differs is printed, and the exit code is 1; with --mend it is set to what the rows say."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the workspace")
        parser.add_argument("--mend", action="store_true", help="set the counts to what the rows say")

    def handle(self, *, slug: str, mend: bool, **options: Any) -> None:
        workspace = commands.workspace_or_error(slug, archived=not mend)
        found = differences(workspace, mend=mend)
        for one in found:
            self.stdout.write(str(one))
        if found and not mend:
            raise CommandError(
                f"{len(found):,} counts of {slug} differ from the rows (--mend sets them right)"
            )
        self.stdout.write(
            f"{slug}: {len(found):,} counts set right" if found else f"{slug}: all counts are right"
        )
