"""`manage.py add_key SLUG --label LABEL [--verify]`, key from standard input."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli import base as commands
from fini_admin.fini.errors import FiniError
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import key_check
from fini_admin.ingestion.engine.credentials import Withdrawn
from fini_admin.workspaces.keys import add_key
from fini_admin.workspaces.models import ApiKey, KeyState


class Command(commands.Command):
    """Add an API key to a workspace."""

    help = (
        "Add an API key of Fini to a workspace; the key comes from standard input and is never shown again. The first "
        "key of a workspace is live at once, a later one waits to be switched to."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="the workspace")
        parser.add_argument("--label", required=True, help="what people call this key; never part of the key")
        parser.add_argument(
            "--verify",
            action="store_true",
            help="ask Fini whether it accepts the key, and which scopes the key has",
        )

    def handle(self, *, slug: str, label: str, verify: bool, **_: Any) -> None:
        key = self.added(slug, label)
        now = "live" if key.state == KeyState.LIVE else "waiting to be switched to"
        self.stdout.write(f"Key {key.label} added to {slug}: {now}.")
        if verify:
            self.verify(key)

    def verify(self, key: ApiKey) -> None:
        """Verify the key and print what it may do; raises CommandError if Fini refuses it or it lacks a scope."""
        try:
            found = key_check.verify(by=commands.by(), key=key)
        except (FiniError, budget.Spent, Withdrawn) as error:
            raise CommandError(f"the key was added, but not verified: {error}") from error
        missing = {"read", "write"} - found.scopes
        if missing:
            raise CommandError(f"the key was added, but lacks the scope {' and '.join(sorted(missing))}")
        if found.same is False:
            raise CommandError(
                "the key was added, but it belongs to another Fini workspace than the live key"
            )
        self.stdout.write("Fini accepts it: it may read and write.")

    def added(self, slug: str, label: str) -> ApiKey:
        return add_key(
            by=commands.by(),
            workspace=commands.workspace_or_error(slug),
            label=label,
            plain=commands.read_secret_from_stdin("API key"),
        )
