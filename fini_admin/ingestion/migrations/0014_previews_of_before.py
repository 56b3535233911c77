from django.db import migrations


def forget(apps, schema_editor):
    """What was frozen before the batches' providers were kept with it cannot be cut: its page says that it is gone."""
    apps.get_model("ingestion", "Preview").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0013_error_kinds")]
    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
