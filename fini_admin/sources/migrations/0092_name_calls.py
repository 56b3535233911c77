import json
import zlib

from django.db import migrations

from fini_admin.audit import call_names

ROUTES = ("get", "discover", "register", "ingest", "refresh", "delete", "crawl")
AT_ONCE = 1_000


def name_calls(apps, schema_editor):
    """What calls of earlier versions were about: what their requests name, and the sources that they showed."""
    CallName = apps.get_model("audit", "CallName")
    batch = []

    def write(chain, call, names):
        batch.extend(CallName(chain=chain, name=call_names.key_of(name), call=call) for name in names if name)
        if len(batch) >= AT_ONCE:
            store()

    def store():
        CallName.objects.bulk_create(batch, ignore_conflicts=True)
        batch.clear()

    bodies = apps.get_model("audit", "Body").objects
    asked = apps.get_model("audit", "Entry").objects.filter(kind="call.asked", route__in=ROUTES)
    columns = ("chain", "call", "route", "path", "request_body")
    for chain, call, route, path, kept in asked.values_list(*columns).iterator(AT_ONCE):
        body = bodies.filter(chain=chain, sha256=kept).first() if kept else None
        write(chain, call, call_names.of_request(route, path, _json(body.content) if body else None))
    changes = apps.get_model("sources", "StateChange").objects.exclude(call="")
    shown = changes.values_list("source__workspace_id", "call", "source__fini_id")
    for workspace, call, fini_id in shown.iterator(AT_ONCE):
        write(str(workspace), call, [fini_id])
    store()


def _json(content):
    """A kept body; nothing of one that was cut or damaged."""
    try:
        return json.loads(zlib.decompress(bytes(content)))
    except (ValueError, zlib.error, RecursionError):
        return None


class Migration(migrations.Migration):

    dependencies = [
        ('sources', '0091_search_text'),
        ('audit', '0005_search'),
    ]

    operations = [migrations.RunPython(name_calls, migrations.RunPython.noop)]
