"""A run that an update finds in the middle goes on: what it has yet to register was kept by other names."""

from dataclasses import asdict
from importlib import import_module

from django.apps import apps

from fini_admin.ingestion.models import Item
from fini_admin.workspaces.models import Workspace
from tests.support.work import Start, bodies, drive, ends, resources

UPDATE = "fini_admin.ingestion.migrations.0063_resources_by_the_wires_names"


def test_what_was_to_be_registered_is_sent_as_it_was_given(acme: Workspace, register: Start) -> None:
    given = resources(3)
    run = register(given)
    for item, resource in zip(run.items.order_by("position"), given, strict=True):
        Item.objects.filter(pk=item.pk).update(resource=asdict(resource))
    Item.objects.filter(run=run, position=2).update(resource=asdict(given[2]) | {"object": ""})
    for _ in range(2):
        import_module(UPDATE).rename(apps, None)
    drive(acme)
    assert ends(run) == {"done": 3}
    sent = bodies(acme, "register")[0]["resources"]
    last = {name: value for name, value in given[2].body().items() if name != "object"}
    assert sent == [given[0].body(), given[1].body(), last]
