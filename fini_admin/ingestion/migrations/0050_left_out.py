from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0014_previews_of_before")]
    operations = [
        migrations.AddField("run", "left_out", models.JSONField(blank=True, default=list)),
    ]
