"""`manage.py discover SLUG PROVIDER`."""

from typing import Any

from django.core.management.base import CommandParser

from fini_admin.cli import base as commands
from fini_admin.cli.runs import RunCommand
from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.kinds.discovery import start_or_join
from fini_admin.ingestion.models import Run
from fini_admin.ingestion.runs.starting import new_token
from fini_admin.workspaces.models import Workspace


class Command(RunCommand):
    """Start a discovery."""

    help = (
        "List what can be imported from a connected provider; prints the run's number. While a discovery of that"
        " provider is under way, no second one starts, and the number is that run's."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "provider", metavar="PROVIDER", choices=sorted(PROVIDERS), help=", ".join(PROVIDERS)
        )

    def start(self, workspace: Workspace, *, provider: str = "", **_: Any) -> Run:
        return start_or_join(by=commands.by(), workspace=workspace, provider=provider, token=new_token())
