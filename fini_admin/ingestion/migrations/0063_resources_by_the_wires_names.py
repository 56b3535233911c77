from django.db import migrations

WIRE = {
    "originalUrl": "original_url",
    "title": "title",
    "externalId": "external_id",
    "mimeType": "mime_type",
    "object": "object",
}


def rename(apps, schema_editor):
    """What a run has yet to register is kept by the wire's names from now on; of the others only the title is read."""
    model = apps.get_model("ingestion", "Item")
    waiting = model.objects.filter(run__state="running", stage="register").order_by("pk")
    last = 0
    while part := list(waiting.filter(pk__gt=last).only("resource")[:500]):
        for item in part:
            held = item.resource or {}
            if "external_id" in held:
                item.resource = {wire: held[own] for wire, own in WIRE.items() if own != "object" or held.get(own)}
        model.objects.bulk_update(part, ["resource"], batch_size=100)
        last = part[-1].pk


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0062_preview_rows")]
    operations = [migrations.RunPython(rename, migrations.RunPython.noop)]
