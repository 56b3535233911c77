"""What an answer says of a source is stored, with all that follows from it."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from fini_admin.fini.same_address import address_key
from fini_admin.fini.wire import Document
from fini_admin.sources import mirror
from fini_admin.sources.mirror import DERIVED, Observation
from fini_admin.sources.models import Source
from fini_admin.sources.search import matches
from fini_admin.workspaces.models import Workspace

RECORD: dict[str, Any] = {
    "id": "0199603c",
    "source": "zendesk",
    "externalId": "360912",
    "title": "Parcel is late",
    "originalUrl": "https://help.example/360912",
    "changed": False,
}
# The wire's names for what other columns are derived from.
NEW = {
    "source": ("provider", "notion"),
    "externalId": ("external_id", "AB-77"),
    "title": ("title", "Zebra crossing"),
    "originalUrl": ("original_url", "https://elsewhere.example/zebra"),
    "changed": ("changed", True),
}


def observe(workspace: Workspace, **record: Any) -> Source:
    """The source as it is stored after a page showed this record."""
    seen = Observation("", datetime.now(UTC))
    mirror.observe(workspace, [Document.parse(RECORD | record)], seen, queued=())
    return Source.objects.get()


@pytest.mark.parametrize("name", NEW)
def test_what_is_derived_from_a_field_changes_with_it(acme: Workspace, name: str) -> None:
    observe(acme)
    field, value = NEW[name]
    held = observe(acme, **{name: value})
    assert getattr(held, field) == value
    stored = {column: getattr(held, column) for columns in DERIVED.values() for column in columns}
    assert bool(stored["changed_at"]) is bool(held.changed)
    held.save()  # sets each derived column anew
    held.refresh_from_db()
    assert {column: getattr(held, column) for column in stored} == stored


def test_everything_that_others_are_derived_from_is_tried() -> None:
    assert {field for field, _ in NEW.values()} == set(DERIVED)


def test_a_source_is_found_by_its_new_title_and_no_longer_by_the_old_one(acme: Workspace) -> None:
    observe(acme)
    observe(acme, title="Zebra crossing")
    assert Source.objects.filter(matches("zebra")).exists()
    assert not Source.objects.filter(matches("parcel")).exists()


def test_a_record_that_says_the_same_again_changes_nothing_but_when_it_was_read(acme: Workspace) -> None:
    before = observe(acme)
    found = mirror.observe(acme, [Document.parse(RECORD)], Observation("", datetime.now(UTC)), queued=())
    assert found.changed == set()
    [after] = found.sources
    assert before.read_at is not None
    assert after.read_at is not None
    assert after.read_at > before.read_at
    assert after.history.count() == 1


def test_the_migration_writes_the_keys_of_addresses_anew(acme: Workspace) -> None:
    observe(acme, originalUrl="https://bücher.example/größe")
    Source.objects.update(address_key="of before")
    import_module("fini_admin.sources.migrations.0095_address_keys").write_keys(apps, None)
    assert Source.objects.get().address_key == address_key("https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe")
