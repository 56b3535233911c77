from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0063_resources_by_the_wires_names")]

    operations = [migrations.AddField("budget", "no_key_until", models.DateTimeField(null=True))]
