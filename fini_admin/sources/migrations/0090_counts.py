import django.db.models.deletion
from django.db import migrations, models


def fill(apps, _):
    """Count the sources that are there."""
    Source, Count = apps.get_model("sources", "Source"), apps.get_model("sources", "Count")
    found = Source.objects.order_by().values_list("workspace_id", "state").annotate(number=models.Count("pk"))
    Count.objects.bulk_create(
        Count(workspace_id=workspace, kind="sources", value=state, number=number)
        for workspace, state, number in found
    )


class Migration(migrations.Migration):
    dependencies = [("sources", "0082_fill_changed"), ("workspaces", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Count",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=10)),
                ("value", models.CharField(blank=True, max_length=10)),
                ("number", models.BigIntegerField()),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.workspace"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "kind", "value"), name="one_count_per_value"
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
