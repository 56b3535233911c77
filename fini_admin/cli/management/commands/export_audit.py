"""`manage.py export_audit SLUG`: the audit trail, one object a line, in order."""

import csv
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from fini_admin.audit import chain, export
from fini_admin.audit.names import Activity
from fini_admin.cli import base as commands
from fini_admin.cli.trails import chain_of
from fini_admin.lib.download import escape_formula

POLL_SECONDS = 1.0


class Command(commands.Command):
    """Print a workspace's audit trail, or with `-` the installation's own."""

    damaged = 0
    help = (
        "Print the audit trail of a workspace, or with - the installation's own: one object a line, in order."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", metavar="SLUG", help="the workspace, or - for the installation's own trail"
        )
        parser.add_argument(
            "--since", default="", help="from this time on, UTC, like 2026-11-24 or 2026-11-24T09:30"
        )
        parser.add_argument("--until", default="", help="before this time, UTC")
        parser.add_argument(
            "--bodies", action="store_true", help="add what is kept of the bodies; not part of the hash"
        )
        parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
        parser.add_argument("--follow", action="store_true", help="go on with new rows until stopped")

    def handle(
        self, *, slug: str, since: str, until: str, bodies: bool, follow: bool, **options: Any
    ) -> None:
        """Record the export, then print the trail."""
        name = chain_of(slug)
        start, stop = _utc_text(since), _utc_text(until)
        detail: dict[str, object] = {
            "since": start,
            "until": stop,
            "bodies": bodies,
            "format": options["format"],
        }
        with transaction.atomic():
            chain.record(
                chain=name,
                kind=Activity.AUDIT_EXPORTED,
                by=commands.by(),
                detail=detail,
            )
        rows = _follow(name, start, stop) if follow else export.exported_rows(name, since=start, until=stop)
        printed = export.with_bodies(rows, self.tell_damaged) if bodies else rows
        self.print_csv(printed, bodies=bodies) if options["format"] == "csv" else self.print_lines(printed)
        if self.damaged:
            raise CommandError("The rest was printed. verify_audit --bodies looks at every body.")

    def tell_damaged(self, words: str) -> None:
        """Say at once what cannot be exported: with --follow there is no end to say it at."""
        self.damaged += 1
        self.stderr.write(words)

    def print_lines(self, rows: Iterator[dict[str, Any]]) -> None:
        """JSON Lines: of each row the text that was hashed, with the hash added."""
        for row in rows:
            self.stdout.write(_line_of(row))

    def print_csv(self, rows: Iterator[dict[str, Any]], *, bodies: bool) -> None:
        """CSV with the same names as header; formulas are escaped."""
        names = [*chain.COLUMNS, "hash", *(("request_text", "answer_text") if bodies else ())]
        # The csv writer quotes only characters of its line end: with "\n" alone, a bare "\r" would start a new row.
        writer = csv.DictWriter(self.stdout, sorted(names), lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: escape_formula(value) for name, value in row.items()})


def _line_of(row: dict[str, Any]) -> str:
    """A row as it was hashed; raises CommandError for one that cannot be written, which was tampered with."""
    try:
        return chain.canonical_json(row)
    except TypeError as error:
        raise CommandError(f"Row {row['seq']} cannot be read: verify_audit names what is wrong.") from error


def _follow(name: str, since: str, until: str) -> Iterator[dict[str, Any]]:
    """The rows, then new ones as they are written; never ends."""
    after = 0
    while True:
        for row in export.exported_rows(name, since=since, until=until, after=after):
            after = row["seq"]
            yield row
        sys.stdout.flush()
        time.sleep(POLL_SECONDS)


def _utc_text(value: str) -> str:
    """A time as the trail writes it; raises CommandError for anything else."""
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise CommandError(f"{value!r} is not a time like 2026-11-24T09:30") from error
    try:
        return chain.utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError as error:
        raise CommandError(f"{value!r} is out of the calendar") from error
