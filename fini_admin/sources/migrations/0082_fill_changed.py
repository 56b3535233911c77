from django.db import migrations, models


def fill(apps, schema_editor):
    """What is marked already was so at the latest when it was read last."""
    marked = apps.get_model("sources", "Source").objects.filter(changed=True)
    marked.update(changed_at=models.F("read_at"))


class Migration(migrations.Migration):
    dependencies = [("sources", "0081_changed")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
