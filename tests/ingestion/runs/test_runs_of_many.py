"""Runs of many IDs: no statement carries more than a database takes, and nothing grows with what has ended."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.home_facts import home_facts, steps_taken
from fini_admin.ingestion.models import Item, ItemOutcome, QueueEntry, Run, Step, Watch
from fini_admin.ingestion.runs import steering
from fini_admin.ingestion.runs.items import finish_and_release
from fini_admin.sources.models import Source
from fini_admin.web.wording import home
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.queries import facts
from tests.support import people
from tests.support.effort import effort, measurable
from tests.support.queue_page import many
from tests.support.sandbox import Sandbox
from tests.support.work import Start, drive, ends, resources

MOST = 1000
IDS = 1200
Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


@pytest.fixture
def viewer(acme: Workspace, client: Client) -> Client:
    client.force_login(people.member(acme, "viewer"))
    return client


@contextmanager
def carried() -> Iterator[list[int]]:
    """How many values each statement carries."""
    numbers: list[int] = []

    def note(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        numbers.append(len(params) if isinstance(params, Sequence) and not many else 0)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield numbers


def test_all_that_is_refused_at_once_waits_again_in_small_statements(
    acme: Workspace, sandbox: Sandbox, ingest: Start
) -> None:
    many(acme, IDS)
    sandbox.add_key(sandbox.key, scopes=["read"])
    run = ingest()
    with carried() as numbers:
        drive(acme)
    assert ends(run) == {"refused": IDS}
    assert QueueEntry.objects.filter(run=None, closed_at=None).count() == IDS
    assert max(numbers) <= MOST


@pytest.mark.parametrize("known", [True, False])
def test_all_that_a_walk_left_is_settled_in_small_statements(
    acme: Workspace, sandbox: Sandbox, register: Start, known: bool
) -> None:
    run = register(resources(IDS))
    Item.objects.filter(run=run).update(stage="pair")
    Step.objects.filter(run=run).update(state="done")
    Watch.objects.update(next_at=run.created_at)
    many(acme, IDS)
    if not known:
        Source.objects.update(external_id="")
    with carried() as numbers:
        drive(acme)
    assert ends(run) == ({"done": IDS} if known else {"unknown": IDS})
    assert max(numbers) <= MOST


@measurable
def test_whether_a_run_is_over_is_found_without_reading_what_has_ended(
    acme: Workspace, register: Start
) -> None:
    def looking(ids: int) -> int:
        run = register(resources(ids))
        Item.objects.filter(run=run, position__lt=ids - 1).update(stage="ended", outcome="done")
        taken = effort(lambda: steering.end_finished_runs(acme))
        Run.objects.filter(pk=run.pk).update(state="ended")
        return taken

    assert looking(2000) <= looking(20) + 100


@measurable
def test_what_a_page_does_for_a_run_does_not_grow_with_it(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    def looking(ids: int) -> list[int]:
        run = register(resources(ids))
        for outcome in ("done", "failed"):
            half = run.items.filter(position__lt=ids - 1, outcome=None)[: ids // 2]
            finish_and_release(run, list(half), ItemOutcome(outcome))
        pages = ("/w/acme/", "/w/acme/runs/", f"/w/acme/runs/{run.number}/")
        return [effort(partial(viewer.get, page)) for page in pages]

    few, lots = looking(200), looking(2000)
    assert [more - less for less, more in zip(few, lots, strict=True) if more > less + 1000] == []


@measurable
def test_the_first_steps_are_told_without_reading_the_queue(acme: Workspace) -> None:
    def looking(ids: int) -> int:
        QueueEntry.objects.all().delete()
        Source.objects.all().delete()
        QueueEntry.objects.filter(pk__in=[entry.pk for entry in many(acme, ids)[::2]]).update(
            closed_at="2026-01-01T00:00Z", closed_how="removed"
        )
        assert home.first_steps(home_facts(acme))[-1].done is False
        return effort(lambda: facts(acme.pk, **steps_taken(acme)))

    assert looking(1000) <= looking(20) + 100


@pytest.mark.parametrize("kind", ["register", "ingest"])
def test_starting_a_run_writes_each_row_once_and_asks_nothing_for_each_call(
    acme: Workspace, register: Start, ingest: Start, kind: str
) -> None:
    def starting(ids: int) -> int:
        if kind == "ingest":
            QueueEntry.objects.all().delete()
            Source.objects.all().delete()
            many(acme, ids)
        with CaptureQueriesContext(connection) as captured:
            run = register(resources(ids)) if kind == "register" else ingest()
        calls = [list(step.items.values_list("position", flat=True)) for step in run.steps.order_by("number")]
        assert [position for call in calls for position in sorted(call)] == list(range(ids))
        assert [len(call) for call in calls[:-1]] == [100] * (len(calls) - 1)
        Item.objects.all().delete()
        return sum(not query["sql"].startswith("INSERT") for query in captured.captured_queries)

    lock_budget(acme)  # its first use makes it
    assert starting(900) == starting(620)
