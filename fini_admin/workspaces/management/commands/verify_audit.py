"""`manage.py verify_audit SLUG|--all`: whether the audit trail is intact."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.audit.verify import Broken, verify
from fini_admin.workspaces import commands
from fini_admin.workspaces.trails import chain_of, every_trail


class Command(commands.Command):
    """Check one chain, or all."""

    help = "Check the audit trail of a workspace (- is the installation's own), or of all; exit 1 with the first break."

    def add_arguments(self, parser: CommandParser) -> None:
        """SLUG or --all."""
        parser.add_argument(
            "slug", metavar="SLUG", nargs="?", help="the workspace, or - for the installation's own trail"
        )
        parser.add_argument("--all", action="store_true", help="every chain there is")
        parser.add_argument("--bodies", action="store_true", help="check what is kept of the bodies, too")

    def handle(self, *, slug: str | None, bodies: bool, **options: Any) -> None:
        """One line a chain."""
        if bool(slug) == options["all"]:
            raise CommandError("name one workspace, or give --all")
        trails = every_trail() if options["all"] else {str(slug): chain_of(str(slug))}
        for label, name in trails.items():
            try:
                rows = verify(name, with_bodies=bodies)
            except Broken as broken:
                raise CommandError(f"{label}: {broken}") from broken
            self.stdout.write(f"{label}: intact, {rows:,} rows")
