"""`manage.py add_key SLUG --label LABEL`, key from standard input."""

from typing import Any

from django.core.management.base import CommandParser

from fini_admin.workspaces import actions, commands
from fini_admin.workspaces.models import ApiKey, KeyState


class Command(commands.Command):
    """Add an API key to a workspace."""

    help = (
        "Add an API key of Fini to a workspace; the key comes from standard input and is never shown again. The first "
        "key of a workspace is live at once, a later one waits to be switched to."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """SLUG and --label."""
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("--label", required=True, help="what people call this key; never part of the key")

    def handle(self, *, slug: str, label: str, **_: Any) -> None:
        """Seal it, say what it is now."""
        key = self.added(slug, label)
        now = "live" if key.state == KeyState.LIVE else "waiting to be switched to"
        self.stdout.write(f"Key {key.label} added to {slug}: {now}.")

    def added(self, slug: str, label: str) -> ApiKey:
        """The sealed key."""
        return actions.add_key(
            actor=commands.operator(),
            origin=commands.ORIGIN,
            workspace=commands.workspace_or_error(slug),
            label=label,
            plain=commands.read_secret_from_stdin("API key"),
        )
