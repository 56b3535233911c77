"""A workspace's home tells how its sources stand."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from fini_admin.workspaces.models import Workspace
from tests.ingestion.conftest import Start, drive, resources
from tests.support import people
from tests.support.sandbox import Sandbox


def test_the_home_counts_sources_by_state_and_lists_the_latest_runs(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    sandbox.settings(outcomes={"n-0": "failed"})
    register(resources(5), then_ingest=True)
    drive(acme)
    client.force_login(people.member(acme, "viewer"))
    answer = client.get("/w/acme/")
    assert answer.context["states"]["failed"] == 1
    assert answer.context["states"]["usable"] >= 4
    assert [(run.number, run.ended, run.total) for run in answer.context["runs"]] == [(1, 5, 5)]
    assert "5 of 5" in answer.content.decode()


def test_the_home_takes_as_many_queries_for_three_runs_as_for_one(
    acme: Workspace, register: Start, client: Client, django_assert_num_queries: Callable[[int], Any]
) -> None:
    client.force_login(people.member(acme, "viewer"))
    register(resources(1))
    client.get("/w/acme/")
    with django_assert_num_queries(6):
        client.get("/w/acme/")
    register(resources(3, "m"))
    register(resources(3, "o"))
    with django_assert_num_queries(6):
        client.get("/w/acme/")
