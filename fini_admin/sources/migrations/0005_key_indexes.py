from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sources", "0004_keys")]

    operations = [
        migrations.AddIndex("resource", models.Index(fields=["workspace", "provider", "id_key"], name="resource_by_id_key")),
        migrations.AddIndex("source", models.Index(fields=["workspace", "provider", "id_key"], name="source_by_id_key")),
        migrations.AddIndex("source", models.Index(fields=["workspace", "address_key"], name="source_by_address")),
    ]
