"""What is about to be registered against what is in Fini."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.fini.routes import Resource
from fini_admin.ingestion.planning.comparison import Comparison, compare
from fini_admin.sources import models
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support import people

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def acme(db: None) -> Workspace:
    return people.workspace()


def resource(external_id: str = "1", **fields: str) -> Resource:
    address = f"https://a.example/{external_id}"
    held = {"title": "One", "original_url": address, "mime_type": "text/html"} | fields
    return Resource(external_id=external_id, **held)


def source(workspace: Workspace, external_id: str = "1", **fields: object) -> models.Source:
    held = {
        "provider": "zendesk",
        "fini_id": f"fini-{models.Source.objects.count()}",
        "title": "One",
        "original_url": f"https://a.example/{external_id}",
        "mime_type": "text/html",
        "kind": "article",
        "state_since": NOW,
        "first_seen": NOW,
        "last_seen": NOW,
    }
    return models.Source.objects.create(workspace=workspace, external_id=external_id, **held | fields)


def listed(workspace: Workspace, *external_ids: str, provider: str = "zendesk", leaf: bool = True) -> None:
    for position, external_id in enumerate(external_ids):
        models.DiscoveredResource.objects.create(
            workspace=workspace,
            provider=provider,
            external_id=external_id,
            position=position,
            leaf=leaf,
            listed_run=1,
        )


def test_what_is_not_in_fini_is_new(acme: Workspace) -> None:
    assert compare(acme, "zendesk", [resource()]) == Comparison()


def test_an_update_tells_the_old_values_of_what_differs_and_of_nothing_else(acme: Workspace) -> None:
    source(acme)
    wanted = [
        resource(title="Two"),
        resource("2"),
        resource(original_url="https://b.example/", mime_type="text/plain", object="section"),
    ]
    assert compare(acme, "zendesk", wanted).changes == {
        0: {"title": "One"},
        2: {"address": "https://a.example/1", "MIME type": "text/html", "type": "article"},
    }


def test_an_update_that_changes_nothing_is_told_as_one(acme: Workspace) -> None:
    source(acme)
    assert compare(acme, "zendesk", [resource(), resource(object="article")]).changes == {0: {}, 1: {}}


def test_another_provider_another_workspace_and_what_is_gone_do_not_count(acme: Workspace) -> None:
    source(acme, provider="notion")
    source(people.workspace("other", "Other"))
    source(acme, state=State.GONE)
    assert compare(acme, "zendesk", [resource()]).changes == {}


def test_of_several_sources_with_one_id_the_latest_counts(acme: Workspace) -> None:
    source(acme, title="Old")
    source(acme, title="Newer")
    assert compare(acme, "zendesk", [resource()]).changes == {0: {"title": "Newer"}}


def test_what_discovery_did_not_list_is_told_where_it_listed_anything(acme: Workspace) -> None:
    wanted = [resource("1"), resource("2"), resource("3")]
    listed(acme, "1", provider="notion")
    listed(acme, "1", leaf=False)
    assert compare(acme, "zendesk", wanted).unlisted == []
    listed(acme, "1")
    source(acme, "3")
    assert compare(acme, "zendesk", wanted).unlisted == [1]


@pytest.mark.parametrize("count", [1, 3, 500])
def test_the_number_of_queries_does_not_grow_with_the_rows(acme: Workspace, count: int) -> None:
    listed(acme, "1")
    for number in range(min(count, 3)):
        source(acme, str(number))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = compare(acme, "zendesk", [resource(str(number)) for number in range(count)])
    assert len(asked) == 4
    assert len(found.changes) == min(count, 3)


def test_ten_thousand_are_compared_in_pieces(acme: Workspace) -> None:
    for number in (0, 4_999, 9_999):
        source(acme, str(number))
    listed(acme, "0")
    with CaptureQueriesContext(connection) as asked:
        found = compare(acme, "zendesk", [resource(str(number)) for number in range(10_000)])
    assert len(asked) == 61
    assert list(found.changes) == [0, 4_999, 9_999]
    assert len(found.unlisted) == 9_997
