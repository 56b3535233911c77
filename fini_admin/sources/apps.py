from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class SourcesConfig(AppConfig):
    """The mirror; the index of its search is made after every migrate."""

    name = "fini_admin.sources"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hook into migrate."""
        post_migrate.connect(prepare, sender=self)


def prepare(*, using: str, **_: Any) -> None:
    """Make the search's index, and the search texts of rows that a version without them stored."""
    from fini_admin.sources import search_index, search_texts  # models are loaded only now

    if "sources_source" in connections[using].introspection.table_names():
        search_index.install(connections[using])
        search_texts.fill(missing_only=True)
