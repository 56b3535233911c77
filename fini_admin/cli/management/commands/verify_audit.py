"""`manage.py verify_audit SLUG|--all`: whether the audit trail is intact."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.audit.verify import ChainBroken, first_seq, verify
from fini_admin.cli import base as commands
from fini_admin.cli.trails import chosen


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
        for label, name in chosen(slug, every=options["all"]).items():
            try:
                rows = verify(name, with_bodies=bodies)
            except ChainBroken as broken:
                raise CommandError(f"{label}: {broken}") from broken
            self.stdout.write(f"{label}: intact, {rows:,} rows{where(name)}")


def where(name: str) -> str:
    """From which row on a chain is there, when rows before it went."""
    first = first_seq(name) or 1
    return f" from row {first:,} on" if first > 1 else ""
