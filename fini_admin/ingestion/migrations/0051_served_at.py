from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0050_left_out")]

    operations = [migrations.AddField("budget", "served_at", models.DateTimeField(null=True))]
