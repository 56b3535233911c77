"""`manage.py register SLUG PROVIDER FILE [--ingest] [--skip-invalid]`."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli import base as commands
from fini_admin.cli.base import one_line
from fini_admin.cli.runs import RunCommand
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.kinds.registrations import start_register
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.planning.comparison import compare, completed, known_ids
from fini_admin.ingestion.uploads.reading import Problem, Reading, read_bytes
from fini_admin.ingestion.uploads.rows import Unreadable
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences

SHOWN = 20


class Command(RunCommand):
    """Start a run that registers the resources of a file."""

    help = (
        "Register the resources of a file: CSV or an Excel workbook (.xlsx) with the API's names as header"
        " (originalUrl, title, externalId, mimeType), JSON (a list of resources, the register call's body, or"
        " discovery's tree) or JSON Lines; prints the run's number."
    )

    def add_arguments(self, parser: CommandParser) -> None:
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
        parser.add_argument(
            "--allow-same-address",
            action="store_true",
            help="register a resource although its address belongs to another source or line",
        )

    def start(
        self,
        workspace: Workspace,
        *,
        provider: str = "",
        file: str = "",
        ingest: bool = False,
        skip_invalid: bool = False,
        allow_same_address: bool = False,
        **_: Any,
    ) -> Run:
        """Check every line, then create the run; raises CommandError with the numbers of bad lines."""
        held = preferences(workspace)
        known = partial(known_ids, workspace, provider)
        try:
            reading = read_bytes(_read_file(file), provider, known=known)
        except Unreadable as error:
            raise CommandError(f"{file}: {one_line(str(error))}") from error
        resources = completed(workspace, provider, reading.resources, held.mime_types[provider])
        problems = [*reading.problems, *reading.said_of_duplicates()]
        if not allow_same_address:
            twins = _same_address(workspace, provider, reading, resources)
            problems += twins.values()
            resources = [resource for position, resource in enumerate(resources) if position not in twins]
        for note in reading.notes:
            self.stderr.write(one_line(note))
        if problems and not skip_invalid:
            raise CommandError(_problems_in_one_line(reading.unit, problems))
        if problems:
            self.stderr.write(f"left out: {_problems_in_one_line(reading.unit, problems)}")
        return start_register(
            by=commands.by(),
            workspace=workspace,
            provider=provider,
            resources=[resource.body() for resource in resources],
            then_ingest=ingest,
            english=held.english,
            baser=held.baser,
        )


def _same_address(
    workspace: Workspace, provider: str, reading: Reading, resources: Sequence[Resource]
) -> dict[int, Problem]:
    """Resources whose URL belongs to another source or line, by position, each with the other named."""
    places = [f"{reading.unit} {line:,}" for line in reading.lines]
    twins = compare(workspace, provider, resources, places).twins
    return {
        position: Problem(
            reading.lines[position],
            f"{said}: take it out, or let it in with --allow-same-address",
            reading.texts[position],
        )
        for position, said in twins.items()
    }


def _read_file(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def _problems_in_one_line(unit: str, problems: Sequence[Problem]) -> str:
    """The first bad lines with number, problem and content."""
    shown = [f"{unit} {line:,}: {said} (it reads: {text})" for line, said, text in sorted(problems)[:SHOWN]]
    more = f"; and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
    return one_line("; ".join(shown) + more)
