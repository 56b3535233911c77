"""The keys of addresses beyond ASCII, which are compared as they are escaped."""

from django.db import migrations

from fini_admin.fini.same_address import address_key

ROWS = 2_000


def write_keys(apps, schema_editor):
    """Each key that differs by now, some rows at a time."""
    Source = apps.get_model("sources", "Source")
    last = 0
    while rows := list(Source.objects.filter(pk__gt=last).only("original_url", "address_key").order_by("pk")[:ROWS]):
        last = rows[-1].pk
        changed = []
        for row in rows:
            key = address_key(row.original_url)
            if row.address_key != key:
                row.address_key = key
                changed.append(row)
        Source.objects.bulk_update(changed, ["address_key"], batch_size=ROWS // 4)


class Migration(migrations.Migration):
    dependencies = [("sources", "0094_source_by_update")]

    operations = [migrations.RunPython(write_keys, migrations.RunPython.noop)]
