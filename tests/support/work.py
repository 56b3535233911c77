"""One sandbox for a file, runs that ask it, and a worker's loop in the test's own thread."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from fini_admin.audit import bodies as kept
from fini_admin.audit import transport
from fini_admin.audit.models import Entry
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import ingestions, registrations
from fini_admin.ingestion.models import (
    Item,
    QueueEntry,
    Run,
    RunState,
    Step,
    StepState,
    Verification,
    Watch,
    Worker,
)
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.product import LOADED
from tests.support.queue_page import waiting
from tests.support.sandbox import Sandbox
from tests.support.who import by

OWNER = "00000000-0000-0000-0000-000000000001"
QUICK = {"pending_seconds": [0, 0.02], "running_seconds": [0, 0.05], "weights": {"usable": 1}}


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with Sandbox.start(per_minute=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox, settings: Any) -> Iterator[Sandbox]:
    process.reset()
    process.clear_log()
    process.settings(**QUICK)
    settings.FINI_API_BASE_URL = process.url
    settings.FINI_CALLS_PER_MINUTE = 100_000
    settings.FINI_TIMEOUT = 1
    yield process
    transport._thread_session().close()


@pytest.fixture
def connected(acme: Workspace, sandbox: Sandbox) -> Workspace:
    """The workspace with a key that the sandbox takes."""
    people.key(acme, plain=sandbox.key)
    return acme


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for a Fini that has given up long ago: the read-back may come at once after the time-out."""
    monkeypatch.setattr("fini_admin.ingestion.engine.settle.longest_work", lambda: timedelta(0))


def resources(count: int, prefix: str = "n") -> list[Resource]:
    return [
        Resource(f"{prefix}-{n}", f"Page {n}", f"https://docs.example/{prefix}/{n}", "text/markdown", "page")
        for n in range(count)
    ]


Start = Callable[..., Run]


@pytest.fixture
def register(acme: Workspace) -> Start:
    def start(items: list[Resource], *, then_ingest: bool = False, provider: str = "notion") -> Run:
        return registrations.start_register(
            by=by("ada@example.com"),
            workspace=acme,
            provider=provider,
            resources=[item.body() for item in items],
            then_ingest=then_ingest,
        )

    return start


@pytest.fixture
def ingest(acme: Workspace) -> Start:
    return lambda: ingestions.start_ingest(by=by("ada@example.com"), workspace=acme)


@pytest.fixture
def editor(acme: Workspace, client: Client) -> Client:
    client.force_login(people.member(acme, "editor"))
    return client


@pytest.fixture
def admin(acme: Workspace, client: Client) -> Client:
    people.sign_in(client, people.member(acme, "admin", "ada@example.com"))
    return client


@pytest.fixture
def three(acme: Workspace, register: Start) -> list[QueueEntry]:
    """Three entries in *add*, the oldest first; in which order Fini returns the IDs of a batch is not stated."""
    for item in resources(3):
        register([item])
        drive(acme)
    return waiting(acme)


def drive(workspace: Workspace, *, seconds: float = 20, between: Callable[[], None] = lambda: None) -> None:
    """Work as a worker does until every run has ended, without the pauses between polls and tries."""
    deadline = time.monotonic() + seconds * LOADED
    while Run.objects.filter(workspace=workspace).exclude(state=RunState.ENDED).exists():
        assert time.monotonic() < deadline, Counter(Item.objects.values_list("stage", "outcome", "reason"))
        hurry(workspace)
        between()
        if not loop.work_once(workspace.pk, OWNER):
            time.sleep(0.02)
    for run in Run.objects.filter(workspace=workspace):
        ends(run)  # whatever happened on the way, the counts are what the items say


def verified(client: Client, key: ApiKey) -> str:
    """Press Verify, let a worker make the calls; what the key's card says then."""
    answer = client.post(f"/w/acme/keys/{key.pk}/verify/")
    assert (answer.status_code, answer["Location"]) == (303, "/w/acme/keys/")
    while Verification.objects.filter(ended_at=None).exists():
        loop.work_once(key.workspace_id, OWNER)
    rows = client.get("/w/acme/keys/").context["rows"]
    return str(next(row["found"] for row in rows if row["key"] == key))


def hurry(workspace: Workspace) -> None:
    """Everything that waits for a time of day is due now."""
    now = datetime.now(UTC)
    Watch.objects.filter(workspace=workspace, next_at__isnull=False).update(next_at=now)
    Step.objects.filter(run__workspace=workspace, state=StepState.READY).update(due_at=now)


def alive(owner: str = "w") -> Worker:
    """A worker that counts as alive for a minute: its clock is ahead by nearly as much as one may be."""
    return Worker.objects.create(pk=owner, seen_at=datetime.now(UTC) + timedelta(seconds=45))


def requests(sandbox: Sandbox, method: str, path: str) -> list[dict[str, Any]]:
    """What the sandbox was asked, by method and the beginning of the path."""
    return [
        entry for entry in sandbox.log() if entry["method"] == method and entry["path"].split("?")[0] == path
    ]


def bodies(workspace: Workspace, route: str) -> list[dict[str, Any]]:
    """The bodies that went out on a route, in order, as the audit trail kept them."""

    rows = Entry.objects.filter(chain=str(workspace.pk), route=route, kind="call.asked").order_by("seq")
    return [json.loads(kept.load_text(row.chain, row.request_body or "") or "{}") for row in rows]


def ends(run: Run) -> dict[str, int]:
    """How many items came to which outcome, those without left out: as the run says, and as its items are (P3)."""
    told = {name: number for name, number in Run.objects.get(pk=run.pk).outcomes.items() if number}
    assert told == Counter(run.items.exclude(outcome=None).values_list("outcome", flat=True))
    return told
