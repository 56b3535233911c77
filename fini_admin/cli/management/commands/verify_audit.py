"""`manage.py verify_audit SLUG|--all`: whether the audit trail is intact."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.audit.verify import ChainBroken, first_seq, verify
from fini_admin.cli import base as commands
from fini_admin.cli.trails import chains_of_arguments


class Command(commands.Command):
    """Verify one chain or all."""

    help = "Check the audit trail of a workspace (- is the installation's own), or of all; exit 1 with the first break."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", metavar="SLUG", nargs="?", help="the workspace, or - for the installation's own trail"
        )
        parser.add_argument("--all", action="store_true", help="every chain there is")
        parser.add_argument("--bodies", action="store_true", help="check what is kept of the bodies, too")

    def handle(self, *, slug: str | None, bodies: bool, **options: Any) -> None:
        for label, name in chains_of_arguments(slug, every=options["all"]).items():
            try:
                rows = verify(name, with_bodies=bodies)
            except ChainBroken as broken:
                raise CommandError(f"{label}: {broken}") from broken
            self.stdout.write(f"{label}: intact, {rows:,} rows{_from_row(name)}")


def _from_row(name: str) -> str:
    """The suffix for a chain whose first rows were pruned."""
    first = first_seq(name) or 1
    return f" from row {first:,} on" if first > 1 else ""
