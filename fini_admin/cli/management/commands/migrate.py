"""`manage.py migrate`: Django's, after a check that the database takes a write."""

from typing import Any

from django.core.management.commands import migrate
from django.db import transaction


class Command(migrate.Command):
    """As Django's, whose own checks misread a locked SQLite file as one without JSON support."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Begin a write, which reports a locked database, then as Django's."""
        with transaction.atomic(using=options["database"]):
            pass
        return super().execute(*args, **options)
