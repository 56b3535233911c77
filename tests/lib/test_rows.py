"""Many rows are written by one statement, and only the fields that are named."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from fini_admin.audit.models import CallName
from fini_admin.lib.rows import insert_rows, update_rows
from fini_admin.sources.models import Source, StateChange
from fini_admin.workspaces.models import Workspace
from tests.support.sources import bare


@pytest.fixture
def sources(acme: Workspace) -> list[Source]:
    return [bare(acme, fini_id=f"id-{number}", title=f"Page {number}") for number in range(3)]


def test_each_row_gets_its_own_values_and_what_is_not_named_stays(sources: list[Source]) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    for number, source in enumerate(sources):
        source.title, source.changed, source.changed_at = f"Ünlike {number} %s", number == 1 or None, at
        source.excerpt = "not named"
    update_rows(sources, ["title", "changed", "changed_at"])
    for number, held in enumerate(Source.objects.order_by("pk")):
        assert (held.title, held.changed, held.changed_at) == (f"Ünlike {number} %s", number == 1 or None, at)
        assert held.excerpt == ""


def test_what_is_derived_is_set_as_a_save_sets_it(sources: list[Source]) -> None:
    sources[0].title, sources[0].original_url = "Zebra", "https://zebra.example/"
    update_rows(sources, ["title", "original_url", "search_text", "address_key"])
    held = Source.objects.get(pk=sources[0].pk)
    before = (held.search_text, held.address_key)
    held.save()
    held.refresh_from_db()
    assert (held.search_text, held.address_key) == before
    assert "zebra" in held.search_text


def test_nothing_to_write_asks_the_database_nothing(sources: list[Source]) -> None:
    with CaptureQueriesContext(connection) as captured:
        update_rows([], ["title"])
        update_rows(sources, [])
    assert captured.captured_queries == []


def test_new_rows_are_stored_as_bulk_create_stores_them(acme: Workspace) -> None:
    """With what is derived, defaults, and the key of a row that was stored after they were made."""
    kept = bare(acme, fini_id="one", title="Ünlike %s", original_url="https://a.example/")
    values = {field.attname: getattr(kept, field.attname) for field in Source._meta.concrete_fields}
    insert_rows([Source(**values | {"id": None, "fini_id": "two"})])
    made = Source.objects.get(fini_id="two")
    differ = [name for name in values if getattr(made, name) != getattr(kept, name)]
    assert set(differ) == {"id", "fini_id", "search_text"}
    assert made.search_text == kept.search_text.replace("one", "two")

    late = Source(**values | {"id": None, "fini_id": "three"})
    change = StateChange(source=late, at=late.state_since, new="queued")
    late.save()
    insert_rows([change])
    assert StateChange.objects.get(source=late).run is None


def test_what_is_there_already_is_left_alone_only_when_asked(sources: list[Source], acme: Workspace) -> None:
    names = [CallName(chain=str(acme.pk), name="a", call=call) for call in ("1", "1", "2")]
    insert_rows(names[:1])
    insert_rows(names, ignore_conflicts=True)
    assert sorted(CallName.objects.values_list("call", flat=True)) == ["1", "2"]
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(names)


def test_no_new_rows_ask_the_database_nothing(acme: Workspace) -> None:
    with CaptureQueriesContext(connection) as captured:
        insert_rows([])
    assert captured.captured_queries == []


@pytest.mark.django_db(transaction=True)
def test_where_one_row_is_refused_none_is_stored() -> None:
    names = [CallName(chain="a", name="a", call=call) for call in ("1", "2", "1")]
    with pytest.raises(IntegrityError):
        insert_rows(names)
    assert not CallName.objects.exists()
