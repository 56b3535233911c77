"""`manage.py add_workspace SLUG --name NAME`."""

from typing import Any

from django.core.management.base import CommandParser

from fini_admin.cli import base as commands
from fini_admin.workspaces.workspaces import create_workspace


class Command(commands.Command):
    """Create a workspace."""

    help = "Add an empty workspace, which has a chain of its own in the audit trail."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", metavar="SLUG", help="its name in addresses: lower-case letters, digits, hyphens"
        )
        parser.add_argument("--name", required=True, help="its name as people read it")

    def handle(self, *, slug: str, name: str, **_: Any) -> None:
        create_workspace(by=commands.by(), slug=slug, name=name)
        self.stdout.write(f"Workspace {slug} made.")
