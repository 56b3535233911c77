"""What external IDs and addresses are compared by, filled for the rows that exist."""

from django.db import migrations, models

from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.same_address import address_key

ROWS = 2_000


def fill(apps, schema_editor):
    """Every row's keys, some rows at a time."""
    for name, fields in (("Source", ["id_key", "address_key"]), ("Resource", ["id_key"])):
        model = apps.get_model("sources", name)
        last = 0
        while rows := list(model.objects.filter(pk__gt=last).order_by("pk")[:ROWS]):
            for row in rows:
                row.id_key = comparison_key(row.provider, row.external_id)
                if name == "Source":
                    row.address_key = address_key(row.original_url)
            model.objects.bulk_update(rows, fields, batch_size=ROWS // 4)
            last = rows[-1].pk


class Migration(migrations.Migration):
    dependencies = [("sources", "0003_filters")]

    operations = [
        migrations.AddField("resource", "id_key", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("source", "id_key", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField(
            "source", "address_key", models.CharField(blank=True, default="", max_length=32), preserve_default=False
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
