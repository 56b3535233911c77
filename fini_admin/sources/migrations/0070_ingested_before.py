from datetime import UTC, datetime

from django.db import migrations

from fini_admin.sources.states import State, decide

NOTE = "A source that waits for a refresh keeps its state since this version"


def tell_apart(apps, schema_editor):
    """What waits for a refresh was *queued*: it gets the state of its last job back. Back there is nothing to undo."""
    sources = apps.get_model("sources", "Source").objects
    changes = apps.get_model("sources", "StateChange").objects
    now = datetime.now(UTC)
    for source in sources.filter(state=State.QUEUED).iterator(500):
        state = decide(source, queued=True, sent=None, asking=False)
        if state != State.QUEUED:
            sources.filter(pk=source.pk).update(state=state, state_since=now)
            changes.create(source_id=source.pk, at=now, old=State.QUEUED, new=state, note=NOTE)


class Migration(migrations.Migration):
    dependencies = [("sources", "0055_discovered_resource")]
    operations = [migrations.RunPython(tell_apart, migrations.RunPython.noop)]
