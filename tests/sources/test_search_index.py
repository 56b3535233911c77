"""The search's index: kept with each source, narrowed by workspace, filled again, and lived without."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fini_admin.sources import search_index, search_texts
from fini_admin.sources.models import Source
from fini_admin.sources.search import matches, search
from fini_admin.workspaces.models import Workspace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL's planner uses its index by itself"
)


def source(workspace: Workspace, number: int, title: str, **fields: Any) -> Source:
    seen = {"state_since": NOW, "first_seen": NOW, "last_seen": NOW}
    address = f"https://docs.example/{number}"
    named = {"fini_id": f"{number:08}", "external_id": f"ext-{number}", "original_url": address}
    return Source.objects.create(
        workspace=workspace, provider="notion", title=title, **seen, **named | fields
    )


def found(workspace: Workspace, text: str) -> list[str]:
    rows = Source.objects.filter(search(workspace.pk, text), workspace=workspace)
    return sorted(rows.values_list("title", flat=True))


def candidates(workspace: Workspace, *parts: str) -> list[int]:
    return json.loads(search_index.candidates(workspace.pk, list(parts)) or "null")


def test_it_changes_with_the_source_in_the_same_transaction(acme: Workspace) -> None:
    parcel = source(acme, 1, "Parcel is late")
    assert found(acme, "parcel") == ["Parcel is late"]
    parcel.title = "Refunds"
    parcel.save()
    assert (found(acme, "parcel"), found(acme, "refund")) == ([], ["Refunds"])
    with transaction.atomic():
        source(acme, 2, "Never stored")
        assert found(acme, "never") == ["Never stored"]
        transaction.set_rollback(True)
    assert found(acme, "never") == []
    parcel.delete()
    assert found(acme, "refund") == []


@sqlite
def test_the_index_names_few_and_none_of_another_workspace(acme: Workspace, other: Workspace) -> None:
    mine, theirs = source(acme, 1, "Parcel is late"), source(other, 2, "Parcel is late")
    source(acme, 3, "Refunds")
    assert (candidates(acme, "parcel"), candidates(other, "parcel")) == ([mine.pk], [theirs.pk])
    assert candidates(acme, "nothing like it") == []
    assert candidates(acme, "parcel", 'x"x') == []


@sqlite
def test_above_the_limit_the_index_narrows_nothing(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "MOST_CANDIDATES", 2)
    for number in range(4):
        source(acme, number, f"Parcel {number}", external_id="")
    assert candidates(acme, "parcel") is None
    assert found(acme, "parcel 3") == ["Parcel 3"]


def test_without_its_index_the_same_is_found(acme: Workspace) -> None:
    source(acme, 1, "Parcel is late")
    drop = "TABLE" if connection.vendor == "sqlite" else "INDEX"
    with connection.cursor() as cursor:
        for act in ("insert", "update", "delete") if connection.vendor == "sqlite" else ():
            cursor.execute(f"DROP TRIGGER {search_index.NAME}_{act}")
        cursor.execute(f"DROP {drop} {search_index.NAME}")
    assert not search_index.is_installed()
    source(acme, 2, "Parcel is lost")
    assert found(acme, "parcel") == ["Parcel is late", "Parcel is lost"]


def test_the_command_writes_all_of_it_anew(acme: Workspace) -> None:
    source(acme, 1, "Parcel is late")
    Source.objects.update(title="Refunds")
    assert found(acme, "refunds") == []
    said = StringIO()
    call_command("rebuild_search", stdout=said)
    assert said.getvalue() == "1 rows\n"
    assert (found(acme, "refunds"), found(acme, "parcel")) == (["Refunds"], [])


def test_rows_of_a_version_without_it_are_filled_in(acme: Workspace) -> None:
    source(acme, 1, "Parcel is late")
    source(acme, 2, "Refunds")
    Source.objects.filter(title="Refunds").update(search_text="")
    assert search_texts.fill(missing_only=True) == 1
    assert found(acme, "refunds") == ["Refunds"]


LETTERS = st.sampled_from("aAbBßäÄ%_\\\"'*[ -/1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example empties the table
@given(titles=st.lists(st.text(LETTERS, max_size=9), max_size=6), typed=st.text(LETTERS, max_size=9))
def test_the_index_leaves_out_nothing_that_matches(acme: Workspace, titles: list[str], typed: str) -> None:
    Source.objects.all().delete()
    for number, title in enumerate(titles):
        source(acme, number, title)
    plain = Source.objects.filter(matches(typed)).values_list("title", flat=True)
    assert found(acme, typed) == sorted(plain)
