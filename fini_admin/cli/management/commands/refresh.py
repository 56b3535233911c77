"""`manage.py refresh SLUG [ID…] [--provider P] [--state S] [--all]`."""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.cli.runs import RunCommand, keys_or_error
from fini_admin.fini.routes import SOURCES
from fini_admin.ingestion.kinds import refreshes
from fini_admin.ingestion.models import Run
from fini_admin.sources.queries import matching
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace


class Command(RunCommand):
    """Start a run that refreshes sources."""

    help = (
        "Have Fini process sources again that were ingested before: those with these IDs, those of a provider or in a"
        " state, or all; prints the run's number. What cannot be refreshed is left out, and the reason is printed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ids", metavar="ID", nargs="*", help="a source's ID in Fini")
        parser.add_argument("--provider", choices=SOURCES, help="the sources of this provider")
        parser.add_argument("--state", choices=State.values, help="the sources in this state")
        parser.add_argument("--all", action="store_true", help="every source of the workspace")

    def start(
        self,
        workspace: Workspace,
        *,
        ids: Sequence[str] = (),
        provider: str | None = None,
        state: str | None = None,
        all: bool = False,  # noqa: A002 - the option's name
        **_: Any,
    ) -> Run:
        filters = bool(provider or state)
        if bool(ids) + filters + all != 1:
            raise CommandError("name IDs, or filter by --provider or --state, or give --all")
        if ids:
            keys = keys_or_error(workspace, ids)
        else:
            found = matching(workspace, {"provider": provider or "", "state": state or ""})
            keys = list(found.order_by("pk").values_list("pk", flat=True))
        return self.confirmed(refreshes.freeze(workspace=workspace, sources=keys))
