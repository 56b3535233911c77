"""The base of the commands: a known error ends a command with exit code 1 and one line on standard error."""

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

KNOWN_ERRORS = (ValidationError, SealBroken, UnknownKey, DatabaseError)


class Command(BaseCommand):
    """A command whose known errors, wrong arguments included, exit with 1 and one line on standard error."""

    # `migrate` and `make check` run the checks; here their warnings would add lines to standard error.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """A parser that raises; argparse would print its usage and exit with 2, which has another meaning here."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.called_from_command_line = False
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as Django does, but print one line and exit with 1 after an error of usage as well."""
        try:
            super().run_from_argv(argv)
        except CommandError as error:
            if "--traceback" in argv:
                raise
            self.stderr.write(f"CommandError: {one_line(str(error).removeprefix('Error: '))}")
            sys.exit(1)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """As Django's, but known errors become a CommandError."""
        try:
            return super().execute(*args, **options)
        except KNOWN_ERRORS as error:
            raise CommandError(_error_line(error)) from error


def _error_line(error: Exception) -> str:
    said = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return outage.outage_line(error) or one_line(said)


def one_line(text: str) -> str:
    """Replace each run of white space by one space."""
    return " ".join(text.split())


@sensitive_variables()
def read_secret_from_stdin(prompt: str) -> str:
    """Read a secret: without echo on a terminal, else all of standard input less its last line end."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{prompt}: ")
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError:
        raise CommandError("standard input is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def by() -> By:
    """Who a command acts as: the process's user, whatever the environment says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    return By(f"{name} ({Origin.COMMAND_LINE})", Origin.COMMAND_LINE)


def workspace_or_error(slug: str, *, archived: bool = False) -> Workspace:
    """The workspace with this slug; raises CommandError without one.

    An archived one raises too, unless `archived` is set, which only commands that read do.
    """
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise CommandError(f"there is no workspace {slug!r}")
    if workspace.archived_at and not archived:
        raise CommandError(
            f"the workspace {slug} is archived: a superuser restores it on the page Workspaces"
        )
    return workspace
