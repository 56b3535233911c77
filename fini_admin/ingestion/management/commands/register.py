"""`manage.py register SLUG PROVIDER FILE [--ingest] [--skip-invalid]`."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.commands import RunCommand
from fini_admin.ingestion.decoding import Unreadable
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.reading import read
from fini_admin.ingestion.runs import start_register
from fini_admin.workspaces import commands
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences

SHOWN = 20


class Command(RunCommand):
    """Register resources from a file."""

    help = (
        "Register the resources of a file: JSON (a list of resources, or the register call's body) or CSV with the"
        " wire's names as header (originalUrl, title, externalId, mimeType); prints the run's number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """PROVIDER, FILE and the two switches."""
        super().add_arguments(parser)
        parser.add_argument(
            "provider", metavar="PROVIDER", choices=sorted(PROVIDERS), help=", ".join(PROVIDERS)
        )
        parser.add_argument("file", metavar="FILE", help="a path, or - for standard input")
        parser.add_argument(
            "--ingest", action="store_true", help="ingest what was registered, in the same run"
        )
        parser.add_argument(
            "--skip-invalid", action="store_true", help="leave bad lines out instead of stopping"
        )

    def start(
        self,
        workspace: Workspace,
        *,
        provider: str = "",
        file: str = "",
        ingest: bool = False,
        skip_invalid: bool = False,
        **_: Any,
    ) -> Run:
        """Check every line, then write the run; bad lines are named with their numbers."""
        held = preferences(workspace)
        try:
            resources, problems = read(content(file), provider, held.mime_types[provider])
        except Unreadable as error:
            raise CommandError(f"{file}: {error}") from error
        if problems and not skip_invalid:
            raise CommandError(named(problems))
        if problems:
            self.stderr.write(f"left out: {named(problems)}")
        return start_register(
            actor=commands.operator(),
            origin=commands.ORIGIN,
            workspace=workspace,
            provider=provider,
            resources=resources,
            then_ingest=ingest,
            english=held.english,
            baser=held.baser,
        )


def content(file: str) -> bytes:
    """The bytes of the file, or of standard input."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def named(problems: dict[int, str]) -> str:
    """The bad lines with their numbers, in one line."""
    shown = [f"line {line}: {problem}" for line, problem in list(problems.items())[:SHOWN]]
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(shown) + more
