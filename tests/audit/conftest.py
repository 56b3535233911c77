"""One sandbox for a file, one workspace whose calls go there, and short ways to send and to look at the trail."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from fini_admin.audit import chain, transport
from fini_admin.audit.models import Entry
from fini_admin.audit.recording import Context
from fini_admin.audit.transport import Exchange
from fini_admin.fini.client import Request
from tests.audit.pruned import Clock
from tests.support import people, rows
from tests.support.sandbox import Sandbox
from tests.support.triggers import drop

Send = Callable[..., Exchange[Any]]


@pytest.fixture
def sandbox(process: Sandbox, settings: Any) -> Sandbox:
    process.reset()
    process.clear_log()
    settings.FINI_API_BASE_URL = process.url
    settings.FINI_TIMEOUT = 5
    return process


@pytest.fixture
def send(sandbox: Sandbox, context: Context) -> Iterator[Send]:
    """Send a request to the sandbox, recorded."""
    sandbox.add_key(people.KEY)

    def exchange(request: Request[Any], **hooks: Any) -> Exchange[Any]:
        return transport.exchange(request, hooks.pop("context", context), **hooks)

    yield exchange
    transport._thread_session().close()


@pytest.fixture
def calls(context: Context) -> Callable[[], list[Entry]]:
    """The rows of calls, in order."""
    return lambda: list(Entry.objects.filter(chain=context.chain, call__isnull=False).order_by("seq"))


@pytest.fixture
def source(sandbox) -> str:
    return sandbox.seed(1, source="notion", state="usable")[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The trail's clock, which a test moves back."""
    moved = Clock()
    monkeypatch.setattr("fini_admin.audit.chain.utc_now_text", moved.now)
    return moved


@pytest.fixture
def aged(db: None, clock: Clock, request: pytest.FixtureRequest) -> Context:
    """A context whose workspace began 500 days ago."""
    clock.days = 500
    context: Context = request.getfixturevalue("context")
    clock.days = 0
    return context


@pytest.fixture
def trail(clock: Clock, aged: Context) -> str:
    """A row of the workspace's start and six of three calls, 500 days old, and four of two calls of today."""
    clock.days = 500
    rows.answered(aged, kept='{"old":1}')
    rows.lost(aged, rows.REGISTER)
    rows.answered(aged, rows.INGEST, kept='{"both":1}')
    clock.days = 0
    rows.answered(aged, rows.INGEST, kept='{"both":1}')
    rows.unsent(aged)
    return aged.chain


@pytest.fixture
def recorded_trail(context: Context) -> str:
    """Five rows, the head recorded, and two rows behind it. No trigger guards them."""
    rows.answered(context)
    rows.lost(context)
    chain.record_head(context.chain)
    rows.unsent(context)
    drop(connection)
    return context.chain
