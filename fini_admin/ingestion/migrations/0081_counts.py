from django.db import migrations, models
from django.db.models import Count, Q

STAGES = ["register", "pair", "read", "ingest", "refresh", "delete", "follow", "running", "ended"]


def fill(apps, _):
    """Count the open queue entries, and the items that are followed. Which of these run, the next page of a walk tells."""
    Entry, Kept = apps.get_model("ingestion", "QueueEntry"), apps.get_model("sources", "Count")
    found = Entry.objects.filter(closed_at=None).order_by().values_list("workspace_id", "lane")
    Kept.objects.bulk_create(
        Kept(workspace_id=workspace, kind="entries", value=lane, number=number)
        for workspace, lane, number in found.annotate(number=Count("pk"))
    )
    Run, Item = apps.get_model("ingestion", "Run"), apps.get_model("ingestion", "Item")
    sent = Q(stage="follow") | Q(stage="pair", step__isnull=False)
    for run in Run.objects.exclude(state="ended"):
        Run.objects.filter(pk=run.pk).update(sent=Item.objects.filter(sent, run=run).count())


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0080_steering"), ("sources", "0090_counts")]

    operations = [
        migrations.AddField("run", "sent", models.IntegerField(default=0)),
        migrations.AddField("run", "running", models.IntegerField(default=0)),
        migrations.AlterField(
            "item",
            "stage",
            models.CharField(choices=[(stage, stage.capitalize()) for stage in STAGES], max_length=8),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
