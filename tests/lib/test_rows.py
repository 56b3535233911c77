"""Many rows are written by one statement, and only the fields that are named."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.lib.rows import update_rows
from fini_admin.sources.models import Source
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
