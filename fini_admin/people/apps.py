from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Log-in, second factors, sessions. The person herself is in workspaces/models.py."""

    name = "fini_admin.people"

    def ready(self) -> None:
        """Hook into log-ins."""
        from fini_admin.people import signals  # its imports need the loaded models

        signals.connect()
