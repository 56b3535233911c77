"""The base of the project's commands: exit 1 and one line on standard error when they could not do their work."""

import getpass
import os
import pwd
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit.names import By, Origin
from fini_admin.lib import outage
from fini_admin.lib.keyring import UnknownKey
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.vault import SealBroken

KNOWN = (ValidationError, SealBroken, UnknownKey, DatabaseError)


class Command(BaseCommand):
    """A command whose known errors, wrong arguments among them, are one line and exit 1 (design 5)."""

    # Checks are `migrate`'s and `make check`'s work: their warnings would be more lines on standard error.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """A parser that raises instead of printing its usage and leaving with 2, which means something else here."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.called_from_command_line = False
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's; errors of the parser, which Django leaves to it, end like the others."""
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            if "--traceback" in argv:
                raise
            self.stderr.write(f"CommandError: {one_line(str(error).removeprefix('Error: '))}")
            sys.exit(1)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """As Django's; what is known to go wrong becomes a CommandError."""
        try:
            return super().execute(*args, **options)
        except KNOWN as error:
            raise CommandError(explained(error)) from error


def explained(error: Exception) -> str:
    """An error as one line."""
    said = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return outage.outage_line(error) or one_line(said)


def one_line(text: str) -> str:
    """A text with every run of white space as one space."""
    return " ".join(text.split())


@sensitive_variables()
def read_secret_from_stdin(prompt: str) -> str:
    """A secret from standard input: asked for without echo on a terminal, else all of it but the last line's end."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{prompt}: ")
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError:
        raise CommandError("standard input is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def by() -> By:
    """Who the audit trail names for a command: the process's user, whatever its environment says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    return By(f"{name} ({Origin.COMMAND_LINE})", Origin.COMMAND_LINE)


def workspace_or_error(slug: str, *, archived: bool = False) -> Workspace:
    """The workspace with that slug, or a CommandError that names it.

    One that is archived only for a command that reads (`archived`): no work may begin in it.
    """
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise CommandError(f"there is no workspace {slug!r}")
    if workspace.archived_at and not archived:
        raise CommandError(
            f"the workspace {slug} is archived: a superuser restores it on the page Workspaces"
        )
    return workspace
