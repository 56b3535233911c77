"""Least privilege: reads go out with a key that may only read, writes with the live one."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from fini_admin.audit.models import Entry
from fini_admin.ingestion.engine import key_check, loop
from fini_admin.ingestion.kinds import discovery
from fini_admin.workspaces.keys import switch_off_key
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import Start, drive, ends, resources, verified

BY = by("ada@example.com", "browser")
PAGE = "/w/acme/keys/"
READS = {"list", "get", "discover"}


@pytest.fixture
def reader(acme: Workspace, sandbox: Sandbox, register: Start) -> ApiKey:
    """A key that may only read, found to open this workspace."""
    register(resources(1, "before"))
    drive(acme)
    sandbox.add_key(people.KEY, scopes=["read"])
    key = people.key(acme, "reader")
    key_check.verify(by=BY, key=key)
    sandbox.clear_log()
    return key


def work_through(acme: Workspace, register: Start) -> list[tuple[str, str]]:
    """Discover, register, ingest and follow; the routes and keys of all calls since."""
    since = Entry.objects.filter(chain=str(acme.pk)).latest("seq").seq
    started = [
        discovery.start_discover(by=BY, workspace=acme, provider="notion"),
        register(resources(3), then_ingest=True),
    ]
    drive(acme)
    assert [ends(run) for run in started][1] == {"done": 3}
    assert set(ends(started[0])) == {"done"}
    calls = Entry.objects.filter(chain=str(acme.pk), seq__gt=since, outcome__isnull=False).order_by("seq")
    return [(route or "", key or "") for route, key in calls.values_list("route", "key")]


def test_reads_go_out_with_the_read_key_and_writes_with_the_live_one(acme, reader, register):
    calls = work_through(acme, register)
    assert {key for route, key in calls if route in READS} == {"reader"}
    assert {key for route, key in calls if route not in READS} == {"main"}
    assert READS - {"get"} <= {route for route, _ in calls}


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": "read write"},
        {"scopes": "write"},
        {"same_workspace": None},
        {"same_workspace": False},
        {"refused_at": datetime.now(UTC)},
        {"sealed": b"nothing that opens"},
    ],
)
def test_any_other_key_that_waits_is_not_read_with(acme, reader, register, changes):
    ApiKey.objects.filter(pk=reader.pk).update(**changes)
    assert {key for _, key in work_through(acme, register)} == {"main"}


def test_when_fini_refuses_the_read_key_the_live_one_reads(acme, reader, register, sandbox):
    sandbox.revoke(people.KEY)
    calls = work_through(acme, register)
    assert [key for _, key in calls].count("reader") == 1
    assert ApiKey.objects.get(pk=reader.pk).refused_at
    assert [row[0] for row in people.trail(acme)].count("key.refused") == 1
    assert "key.fallen_back" not in [row[0] for row in people.trail(acme)]


def test_when_the_read_key_may_not_read_any_more_the_live_one_reads(acme, reader, register, sandbox):
    sandbox.add_key(people.KEY, scopes=["write"])
    calls = work_through(acme, register)
    assert [key for _, key in calls].count("reader") == 1
    assert ApiKey.objects.get(pk=reader.pk).refused_at


def test_verifying_the_read_key_again_leaves_it_one(acme, reader, register):
    key_check.verify(by=BY, key=reader)
    assert ApiKey.objects.get(pk=reader.pk).refused_at is None
    assert "reader" in {key for _, key in work_through(acme, register)}


def test_while_no_key_is_live_nothing_is_read_either(acme, reader, register):
    switch_off_key(by=BY, key=ApiKey.objects.get(label="main"))
    discovery.start_discover(by=BY, workspace=acme, provider="notion")
    assert loop.due_workspaces() == []


def test_the_page_says_what_the_read_key_is_used_for(acme, client: Client, reader):
    people.sign_in(client, people.member(acme, "admin"))
    page = " ".join(client.get(PAGE).content.decode().split())
    assert "Reads go out with this key" in page
    assert "Reads then go out with the live key, as writes do." in page
    assert "It may only read: reads go out with it from now on, writes" in verified(client, reader)
