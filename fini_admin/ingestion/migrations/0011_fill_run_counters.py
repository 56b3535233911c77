from django.db import migrations
from django.db.models import Count


def fill(apps, schema_editor):
    """Each run counts those of its items that have an outcome. Back there is nothing to undo: they were not counted."""
    items = apps.get_model("ingestion", "Item").objects.exclude(outcome=None)
    runs = apps.get_model("ingestion", "Run").objects
    for run, outcome, number in items.order_by().values_list("run", "outcome").annotate(Count("pk")):
        runs.filter(pk=run).update(**{outcome: number})


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0010_run_counters")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
