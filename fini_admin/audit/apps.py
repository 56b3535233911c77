from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    """The audit trail; its triggers and the installation's chain are made after every migrate."""

    name = "fini_admin.audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hook into migrate."""
        post_migrate.connect(prepare, sender=self)


def prepare(*, using: str, **_: Any) -> None:
    """Install the triggers, start the installation's own chain, name the others in it."""
    from fini_admin.audit import chain, triggers  # models are loaded only now

    connection = connections[using]
    if "trail_entry" in connection.introspection.table_names():
        triggers.install(connection)
        chain.start_chain(chain.INSTALLATION)
        chain.record_heads()  # names the chains of a version that recorded none
