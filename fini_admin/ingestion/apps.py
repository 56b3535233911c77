from django.apps import AppConfig
from django.db.models.signals import post_migrate


class IngestionConfig(AppConfig):
    """Runs, the queue and who works on them."""

    name = "fini_admin.ingestion"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hook into migrate."""
        from fini_admin.ingestion import wakeup  # huey reads the settings

        post_migrate.connect(wakeup.make_tables, sender=self)
