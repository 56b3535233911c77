from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Log-in, second factors, sessions. The model of a person is in workspaces/models.py."""

    name = "fini_admin.people"

    def ready(self) -> None:
        """Connect to the signals of log-ins."""
        from fini_admin.people import signals  # its imports need the loaded models

        signals.connect()
