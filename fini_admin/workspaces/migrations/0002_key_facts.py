from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]

    operations = [
        migrations.AddField(
            "apikey",
            "fingerprint",
            models.CharField(db_index=True, editable=False, max_length=72, null=True),
        ),
        migrations.AddField("apikey", "scopes", models.CharField(blank=True, default="", max_length=40)),
        migrations.AddField("apikey", "verified_at", models.DateTimeField(blank=True, null=True)),
    ]
