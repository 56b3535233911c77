"""`manage.py rotate_encryption`."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from fini_admin.cli import base as commands
from fini_admin.people import rotation


class Command(commands.Command):
    """Seal everything again with the newest of ENCRYPTION_KEYS."""

    help = (
        "Put a new key in front of ENCRYPTION_KEYS, restart every process, then run this: what older keys sealed is "
        "sealed with it, in batches. Interrupted, run it again. At its end it proves that the older keys open nothing; "
        "then take them out of ENCRYPTION_KEYS."
    )

    def handle(self, **_: Any) -> None:
        """Seal, then check that the older keys open nothing."""
        results = rotation.rotate(by=commands.by(), told=self.bar)
        for result in results:
            self.stdout.write(
                f"{result.name}: {result.renewed} sealed with the newest key, {result.already} already were"
            )
        problems = [problem for result in results for problem in result.problems]
        if problems:
            raise CommandError(f"{len(problems)} stay as they were: {'; '.join(problems)}")
        self.prove()

    def bar(self, result: rotation.Result) -> None:
        """Print progress, on a terminal only."""
        if self.stderr.isatty():
            self.stderr.write(f"\r{result.name}: {result.renewed + result.already}", ending="")

    def prove(self) -> None:
        """Try to open everything with the older keys alone; raises CommandError if one opens anything."""
        older = settings.ENCRYPTION_KEYS[1:]
        opened = sum(rotation.opened_by(older).values())
        if opened:
            raise CommandError(
                f"the older keys still open {opened}: something was sealed meanwhile, run it again"
            )
        self.stdout.write(
            "The older keys open nothing: take them out of ENCRYPTION_KEYS." if older else "There is one key."
        )
