"""`manage.py migrate`: Django's, and a database that takes no write is said before anything is concluded from it."""

from typing import Any

from django.core.management.commands import migrate
from django.db import transaction


class Command(migrate.Command):
    """As Django's, whose checks would say of a locked SQLite that it knows no JSON."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Begin a write, then as Django's."""
        with transaction.atomic(using=options["database"]):
            pass
        return super().execute(*args, **options)
