"""Whose turn it is: first where a person waits, then the workspace that was served longest ago, then by age."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from fini_admin.audit.names import Origin
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import discovery, registrations
from fini_admin.ingestion.models import Budget, Run, RunState, Step
from fini_admin.ingestion.runs.standstill import why_it_stands_still
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.short_clock import work_for
from tests.support.who import by
from tests.support.work import OWNER, Start, alive, hurry, resources

GO = threading.Event()


def place(number: int, sandbox: Sandbox) -> Workspace:
    """A workspace whose key opens a workspace of its own in Fini."""
    workspace, key = people.workspace(f"w{number}", f"W{number}"), f"fini_turns_{number:020}"
    sandbox.add_key(key, f"fini-{number}")
    people.key(workspace, plain=key)
    return workspace


def register(workspace: Workspace, count: int) -> Run:
    return registrations.start_register(
        by=by("ada"),
        workspace=workspace,
        provider="notion",
        resources=[one.body() for one in resources(count, workspace.slug)],
        then_ingest=False,
    )


def routes(sandbox: Sandbox) -> list[str]:
    """The calls so far, as method and who made them."""
    return [f"{entry['method']} {entry['path'].rsplit('/', 1)[-1]}" for entry in sandbox.log()]


def test_fifty_workspaces_had_their_turn_within_sixty_pieces(
    db: None, sandbox: Sandbox, settings: Any
) -> None:
    long = place(0, sandbox)
    settings.FINI_BATCH_SIZE = 1
    register(long, 100)
    for _ in range(5):
        loop.work(OWNER, GO)
    others = [place(number, sandbox) for number in range(1, 51)]
    for workspace in others:
        register(workspace, 1)
    for _ in range(60):
        assert loop.work(OWNER, GO)
    served = Budget.objects.exclude(served_at=None).values_list("workspace_id", flat=True)
    assert {workspace.pk for workspace in others} <= set(served)


def test_a_discovery_that_a_person_waits_for_comes_first_and_a_scheduled_one_in_turn(
    acme: Workspace, sandbox: Sandbox, settings: Any
) -> None:
    settings.FINI_BATCH_SIZE = 1
    register(acme, 5)
    Step.objects.update(due_at=datetime.now(UTC) - timedelta(minutes=5))
    discovery.start_discover(by=by("ada", Origin.SCHEDULE), workspace=acme, provider="notion")
    loop.work(OWNER, GO)
    discovery.start_discover(by=by("ada", "browser"), workspace=acme, provider="zendesk")
    loop.work(OWNER, GO)
    assert routes(sandbox) == ["POST notion", "GET zendesk"]


def test_a_workspace_whose_key_does_not_open_keeps_no_other_waiting(
    acme: Workspace, sandbox: Sandbox
) -> None:
    other = place(1, sandbox)
    register(acme, 1)
    register(other, 1)
    Budget.objects.filter(pk=other.pk).update(served_at=datetime.now(UTC))
    ApiKey.objects.filter(workspace=acme).update(sealed=b"nothing that opens")
    assert loop.work(OWNER, GO)
    assert routes(sandbox) == ["POST notion"]
    waiting = Step.objects.filter(state="ready").values_list("run__workspace", flat=True)
    assert list(waiting) == [acme.pk]


def test_a_worker_that_is_told_to_stop_begins_nothing(acme: Workspace, sandbox: Sandbox) -> None:
    register(acme, 1)
    stopping = threading.Event()
    stopping.set()
    assert not loop.work(OWNER, stopping)
    assert sandbox.log() == []


def test_what_was_just_sent_is_seen_to_its_end_though_much_else_is_to_be_sent(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any
) -> None:
    sandbox.settings(pending_seconds=[1, 1], running_seconds=[5, 5])
    sent = register(resources(1), then_ingest=True)
    while not sent.items.filter(stage__in=("follow", "running")).exists():
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    settings.FINI_CALLS_PER_MINUTE, settings.FINI_BATCH_SIZE = 30, 1
    register(resources(100, "m"))
    work_for(acme, sandbox, 90, lambda _: Run.objects.get(pk=sent.pk).state == RunState.ENDED)
    assert Run.objects.get(pk=sent.pk).state == RunState.ENDED
    assert Step.objects.filter(state="ready").exists()


def test_a_scheduled_discovery_leaves_the_share_of_the_budget_that_is_kept_for_people(
    db: None, sandbox: Sandbox, settings: Any
) -> None:
    workspace = place(1, sandbox)
    settings.FINI_CALLS_PER_MINUTE = 10
    alive()
    for number in range(9):
        budget.take(budget.lock_budget(workspace), f"call-{number}", urgent=False)
    for origin, calls in ((Origin.SCHEDULE, []), (Origin.BROWSER, ["GET zendesk"])):
        provider = "zendesk" if calls else "notion"
        run = discovery.start_discover(by=by("ada", origin), workspace=workspace, provider=provider)
        loop.work(OWNER, GO)
        loop.work(OWNER, GO)
        assert routes(sandbox) == calls
        assert why_it_stands_still(run).startswith("This minute's calls are used up") == (not calls)
