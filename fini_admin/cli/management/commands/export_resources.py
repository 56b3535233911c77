"""`manage.py export_resources SLUG PROVIDER`: what discovery listed, ready for `register`."""

import json
from typing import Any

from django.core.management.base import CommandParser

from fini_admin.cli import base as commands
from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion import export


class Command(commands.Command):
    """Print what discovery listed as a JSON list."""

    help = "Print what discovery listed of a provider, as the JSON list that `register` takes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the workspace")
        parser.add_argument(
            "provider", metavar="PROVIDER", choices=sorted(PROVIDERS), help=", ".join(PROVIDERS)
        )

    def handle(self, *, slug: str, provider: str, **_: Any) -> None:
        listed = list(export.resources(commands.workspace_or_error(slug, archived=True), provider))
        self.stdout.write(json.dumps(listed, ensure_ascii=False, indent=1))
