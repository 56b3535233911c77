from django.db import migrations, models

STATES = [("running", "Running"), ("paused", "Paused"), ("stopping", "Stopping"), ("ended", "Ended")]


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0070_second_chance")]

    operations = [
        migrations.AlterField(
            "run", "state", models.CharField(choices=STATES, default="running", max_length=10)
        ),
        migrations.AddField("run", "steered_by", models.TextField(blank=True, default="")),
        migrations.AddField("run", "steered_at", models.DateTimeField(null=True)),
        migrations.AddField("step", "in_doubt", models.BooleanField(default=False)),
        migrations.AddField("budget", "held_by", models.TextField(blank=True, default="")),
        migrations.AddField("budget", "held_at", models.DateTimeField(null=True)),
    ]
