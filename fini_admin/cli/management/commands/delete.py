"""`manage.py delete SLUG ID… [--with-articles]`."""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from fini_admin.cli.runs import RunCommand, keys_or_error
from fini_admin.ingestion.kinds import deletions
from fini_admin.ingestion.models import Run
from fini_admin.workspaces.models import Workspace


class Command(RunCommand):
    """Start a run that deletes sources in Fini."""

    help = (
        "Delete the sources with these IDs in Fini; knowledge that is linked to them stays unless --with-articles is"
        " given; prints the run's number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ids", metavar="ID", nargs="+", help="a source's ID in Fini")
        parser.add_argument("--with-articles", action="store_true", help="delete the linked articles as well")

    def start(
        self, workspace: Workspace, *, ids: Sequence[str] = (), with_articles: bool = False, **_: Any
    ) -> Run:
        keys = keys_or_error(workspace, ids)
        preview = deletions.freeze(workspace=workspace, sources=keys, with_articles=with_articles)
        if preview.summary["linked"] and not with_articles:
            self.stderr.write(f"linked knowledge of {preview.summary['linked']:,} stays in Fini")
        return self.confirmed(preview)
