from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from huey.contrib.djhuey import HUEY


class IngestionConfig(AppConfig):
    """Runs, the queue and who works on them."""

    name = "fini_admin.ingestion"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hook into migrate."""
        post_migrate.connect(make_wakeup_tables, sender=self)


def make_wakeup_tables(**_: Any) -> None:
    """The wake-ups' tables: a deployment runs `migrate` and nothing else that makes any (design 5)."""
    HUEY.storage.initialize_schema()
