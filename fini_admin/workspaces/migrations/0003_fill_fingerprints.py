from django.db import migrations

from fini_admin.lib.keyring import (UnknownKey)
from fini_admin.workspaces import vault


def fill(apps, schema_editor):
    """A fingerprint for each key that opens; one that is off is compared with none."""
    keys = apps.get_model("workspaces", "ApiKey").objects
    for key in keys.exclude(state="off"):
        try:
            secret = vault.open_sealed(bytes(key.sealed), workspace=key.workspace_id, row=key.pk)
        except (vault.SealBroken, UnknownKey):
            continue
        keys.filter(pk=key.pk).update(fingerprint=vault.fingerprints(secret.reveal())[0])


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_key_facts")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
