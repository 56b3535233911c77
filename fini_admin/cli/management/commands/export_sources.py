"""`manage.py export_sources SLUG`."""

import json
from typing import Any

from django.core.management.base import CommandParser

from fini_admin.cli import base as commands
from fini_admin.ingestion import export


class Command(commands.Command):
    """Print every source as JSON Lines."""

    help = "Print every source of a workspace, one JSON object a line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the workspace")

    def handle(self, *, slug: str, **_: Any) -> None:
        for source in export.all_sources(commands.workspace_or_error(slug, archived=True)):
            self.stdout.write(json.dumps(source, ensure_ascii=False))
