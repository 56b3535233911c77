"""`manage.py prune_audit SLUG|--all`: delete the audit trail's rows that are past their retention."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from fini_admin.audit import pruning
from fini_admin.audit.verify import ChainBroken
from fini_admin.cli import base as commands
from fini_admin.cli.trails import chains_of_arguments, days_kept
from fini_admin.workspaces.preferences import RETENTION_DAYS


class Command(commands.Command):
    """Prune one chain or all."""

    help = (
        f"Delete the rows that are older than the workspace keeps its audit trail (Settings; {RETENTION_DAYS} days"
        " unless it says otherwise), and the bodies that no row names any more. The trail is verified first, and a"
        " signed anchor stays in their place. Interrupted, run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", metavar="SLUG", nargs="?", help="the workspace, or - for the installation's own trail"
        )
        parser.add_argument("--all", action="store_true", help="every chain there is")
        parser.add_argument("--dry-run", action="store_true", help="only say how many rows would be deleted")

    def handle(self, *, slug: str | None, dry_run: bool, **options: Any) -> None:
        """Prune chain by chain. A broken one is left alone and reported at the end; the others are pruned."""
        broken = []
        for label, name in chains_of_arguments(slug, every=options["all"]).items():
            try:
                self.stdout.write(f"{label}: {self.prune(label, name, dry_run=dry_run)}")
            except ChainBroken as error:
                broken.append(f"{label}: {error}")
        if broken:
            raise CommandError(f"nothing goes from a broken trail: {'; '.join(broken)}")

    def prune(self, label: str, name: str, *, dry_run: bool) -> str:
        """Prune one chain and describe what was deleted, or would be; raises ChainBroken."""
        days = days_kept(name)
        plan = pruning.plan(name, days)
        if dry_run:
            return (
                f"{plan.rows:,} rows would be deleted, up to row {plan.last:,}"
                if plan
                else _nothing_to_prune(days)
            )
        if plan:
            pruning.commit_anchor(name, plan, days=days, by=commands.by())
            pruning.remove_rows(name, plan, lambda done: self.show(label, done, plan.rows))
        bodies = pruning.remove_bodies(name)
        said = f"{plan.rows:,} rows deleted, up to row {plan.last:,}" if plan else _nothing_to_prune(days)
        return f"{said}; {bodies:,} bodies" if bodies else said

    def show(self, label: str, done: int, rows: int) -> None:
        """Print progress, on a terminal only."""
        if self.stderr.isatty():
            end = "\n" if done == rows else ""
            self.stderr.write(f"\r{label}: {done:,} of {rows:,} rows{end}", ending="")


def _nothing_to_prune(days: int) -> str:
    return f"no row is older than {days} days"
