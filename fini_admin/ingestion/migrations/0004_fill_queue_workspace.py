from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    """Each entry is in its source's workspace."""
    entries = apps.get_model("ingestion", "QueueEntry").objects
    sources = apps.get_model("sources", "Source").objects
    owner = sources.filter(pk=OuterRef("source_id")).values("workspace_id")[:1]
    entries.filter(workspace=None).update(workspace_id=Subquery(owner))


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0003_previews_and_queue_workspace")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
