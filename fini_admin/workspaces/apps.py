import logging
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.management import call_command
from django.db.models.signals import post_migrate

log = logging.getLogger(__name__)


class WorkspacesConfig(AppConfig):
    """People, workspaces and their keys."""

    name = "fini_admin.workspaces"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hook into migrate."""
        post_migrate.connect(_make_cache_table, sender=self)
        if settings.ENCRYPTION_KEY_IS_PUBLIC:
            log.warning(
                "ENCRYPTION_KEYS is not set: DEBUG runs on a key that everybody knows, and takes no API key"
            )


def _make_cache_table(*, using: str, **_: Any) -> None:
    """Create the cache's table, which holds the log-in limits: a deployment runs `migrate` and no other command."""
    call_command("createcachetable", database=using, verbosity=0)
