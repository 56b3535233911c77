"""`manage.py crawl SLUG URL… [--limit N] [--include P] [--exclude P] [--ingest]`."""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from fini_admin.cli import base as commands
from fini_admin.cli.runs import RunCommand
from fini_admin.fini.routes import CRAWL_LIMIT
from fini_admin.ingestion.kinds import crawls
from fini_admin.ingestion.models import ItemOutcome, Run
from fini_admin.ingestion.runs.steering import STOPPED
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import preferences


class Command(RunCommand):
    """Start a crawl."""

    help = "Find the addresses below these, which stores nothing in Fini; prints the run's number."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("urls", metavar="URL", nargs="+", help="an address to begin at")
        parser.add_argument(
            "--limit",
            type=int,
            default=CRAWL_LIMIT,
            metavar="N",
            help=f"how many addresses to find at most; {CRAWL_LIMIT} by default",
        )
        what = "addresses that contain this text; with a * it is a pattern for the whole address; may be repeated"
        parser.add_argument(
            "--include", action="append", default=[], metavar="PATTERN", help=f"keep only {what}"
        )
        parser.add_argument(
            "--exclude", action="append", default=[], metavar="PATTERN", help=f"leave out {what}"
        )
        parser.add_argument(
            "--ingest", action="store_true", help="ingest in the same run what is found and not in Fini yet"
        )

    def start(
        self,
        workspace: Workspace,
        *,
        urls: Sequence[str] = (),
        limit: int = CRAWL_LIMIT,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        ingest: bool = False,
        **_: Any,
    ) -> Run:
        held = preferences(workspace)
        return crawls.start_crawl(
            by=commands.by(),
            workspace=workspace,
            links=urls,
            limit=limit,
            include=include,
            exclude=exclude,
            then_ingest=ingest,
            english=held.english if ingest else None,
            baser=held.baser if ingest else None,
        )

    def follow(self, run: Run) -> bool:
        """As for every run; that the limit was reached is said, and what was left out on purpose is no failure."""
        super().follow(run)
        if crawls.truncated(run):
            self.stderr.write(f"{run.total:,} of more found: the limit is {(run.crawl or {})['limit']:,}")
        stopped = run.items.filter(outcome=ItemOutcome.SKIPPED, reason=STOPPED).exists()
        return not (run.error or stopped) and run.done + run.skipped == run.total
