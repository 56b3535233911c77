from django.apps import AppConfig


class IngestionConfig(AppConfig):
    name = "fini_admin.ingestion"
    default_auto_field = "django.db.models.BigAutoField"
