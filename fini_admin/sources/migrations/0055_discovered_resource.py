from django.db import migrations


class Migration(migrations.Migration):
    """The model's new name; its table keeps the old one, so that nothing moves in the database."""

    dependencies = [
        ("sources", "0005_key_indexes"),
    ]

    operations = [
        migrations.AlterModelTable(name="resource", table="sources_resource"),
        migrations.RenameModel(old_name="Resource", new_name="DiscoveredResource"),
    ]
