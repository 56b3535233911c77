"""How much each key was used, by whom, and with how many errors."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.audit import chain as trail
from fini_admin.audit import usage
from fini_admin.audit.models import Entry
from fini_admin.workspaces.models import Workspace
from tests.support import people

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def made(acme: Workspace) -> Any:
    """Calls of a workspace, made so long ago."""

    def make(count: int = 1, *, days: float = 0.5, chain: str = str(acme.pk), **values: object) -> None:
        told: dict[str, Any] = {
            "key_id": "k1",
            "actor": "ada@example.com",
            "origin": "browser",
            "outcome": "done",
        }
        told |= {"kind": "call.answered", "route": "list", "status": 200} | values
        first = (
            Entry.objects.filter(chain=chain).order_by("-seq").values_list("seq", flat=True).first() or 0
        ) + 1
        Entry.objects.bulk_create(
            Entry(
                chain=chain,
                seq=first + n,
                at=trail.utc_text(NOW - timedelta(days=days, seconds=n)),
                call=str(uuid4()),
                prev="",
                hash="",
                **told,
            )
            for n in range(count)
        )

    return make


def uses(workspace: Workspace) -> dict[str, usage.KeyUse]:
    return usage.by_key(str(workspace.pk), NOW)


def test_calls_are_counted_by_key_in_a_day_a_week_and_a_month(acme, made):
    made(3)
    made(2, days=3)
    made(4, days=20)
    made(5, days=31)
    made(1, key_id="k2", days=8)
    found = uses(acme)
    assert {key: use.numbers for key, use in found.items()} == {"k1": ["3", "5", "9"], "k2": ["0", "0", "1"]}


def test_another_workspaces_calls_and_what_is_asked_only_do_not_count(acme, made):
    other = people.workspace("other")
    made(2, chain=str(other.pk))
    made(2, kind="call.asked", outcome=None)
    assert uses(acme) == {}


def test_errors_are_what_did_not_end_well_but_for_the_write_probe(acme, made):
    made(994)
    made(2, outcome="refused", status=401)
    made(1, outcome="unknown", kind="call.lost", status=None)
    made(1, outcome="refused", route="crawl", status=400, run=3)
    made(1, outcome="refused", route="crawl", status=400)
    made(1, outcome="refused", route="crawl", status=403)
    use = uses(acme)["k1"]
    assert (use.errors, use.share) == (4, "0.4%")


@pytest.mark.parametrize(
    ("calls", "errors", "said"),
    [(0, 0, "none made"), (5, 0, "0.0%"), (5000, 1, "under 0.1%"), (4, 4, "100.0%")],
)
def test_the_share_of_errors_is_said(calls, errors, said):
    assert usage.KeyUse(calls=[0, 0, calls], errors=errors).share == said


def test_who_used_a_key_and_from_where_the_busiest_first(acme, made):
    made(1, actor="ben@example.com")
    made(3, origin="worker")
    made(2)
    assert uses(acme)["k1"].who == [
        ("ada@example.com by the worker", 3),
        ("ada@example.com in the browser", 2),
        ("ben@example.com in the browser", 1),
    ]


def test_beyond_the_look_the_numbers_say_so(acme, made, monkeypatch):
    monkeypatch.setattr(usage, "MOST", 4)
    made(3)
    made(3, days=3)
    assert uses(acme)["k1"].numbers == ["3", "4+", "4+"]


def test_the_look_is_one_query_whatever_the_number_of_keys(acme, made, django_assert_num_queries):
    for number in range(3):
        made(2, key_id=f"k{number}")
    with django_assert_num_queries(1):
        assert len(uses(acme)) == 3


def test_the_look_goes_along_an_index_and_sorts_nothing(acme, made):
    made(3)
    if connection.vendor != "sqlite":
        pytest.skip("SQLite says its plan in words")
    with CaptureQueriesContext(connection) as captured:
        uses(acme)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}")
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())
    assert "call_by_time" in plan
