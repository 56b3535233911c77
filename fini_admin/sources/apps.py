from django.apps import AppConfig


class SourcesConfig(AppConfig):
    name = "fini_admin.sources"
    default_auto_field = "django.db.models.BigAutoField"
