"""Answers of every shape on every route: no fault of ours, no run without its end, and each ID with its cause.

`pytest --hypothesis-profile=fuzz` tries 10,000 runs, most of which get one or two changed answers.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from fini_admin.audit import transport
from fini_admin.audit.models import Entry
from fini_admin.audit.verify import verify
from fini_admin.ingestion import previews
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import deletions, discovery, refreshes, registrations
from fini_admin.ingestion.kinds.syncs import start_sync
from fini_admin.ingestion.models import Budget, ItemOutcome, Run, RunState, Stage, Watch, Worker
from fini_admin.ingestion.runs.items import FOLLOWED
from fini_admin.ingestion.runs.standstill import NO_KEY, why_it_stands_still
from fini_admin.ingestion.verify_counts import differences
from fini_admin.sources.models import Source
from fini_admin.workspaces.keys import switch_key
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.queries import usable_key
from tests.support import people
from tests.support.mangler import Answered, Mangler, mangling
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, QUICK, ends, hurry, resources

IDS = 3
MOST_ANSWERS = 4
BRIEF, PATIENCE = 2.0, 20.0
NUMBERS = count(1)
ADA = by("ada@example.com")
LONG = "x" * 100_000
OTHERS_ID = "0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11"

JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        2**70,
        "",
        "no",
        LONG,
        "a\u0000b\ud800",
        "../../etc",
        [],
        [None],
        {},
        {"a": {}},
        [[]],
    ]
) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
BODIES = st.sampled_from(
    [
        b"",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{}",
        b"<html>busy</html>",
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b"\xff\xfe",
        b"NaN",
    ]
) | st.binary(max_size=20)
TURNS = ("junk", "leave out", "twice", "new", "another's")
STATUSES = (
    200,
    200,
    201,
    202,
    204,
    206,
    300,
    302,
    400,
    401,
    403,
    404,
    409,
    413,
    422,
    429,
    500,
    502,
    503,
    504,
)


@dataclass(frozen=True)
class Lie:
    """One changed answer: its status, and what is done to its body."""

    route: str
    status: int = 200
    body: bytes | None = None
    edits: tuple[tuple[int, str, Any], ...] = ()
    cut_at: float = 1.0
    content_type: str = "application/json"

    def tell(self, plain: Answered) -> Answered:
        body = plain.body if self.body is None else self.body
        if self.edits:
            body = edited(body, self.edits)
        kept = body[: int(len(body) * self.cut_at)]
        status = plain.status if self.status == 200 else self.status
        return Answered(status, kept if status != 204 else b"", self.content_type, cut=len(kept) < len(body))


def edited(body: bytes, edits: tuple[tuple[int, str, Any], ...]) -> bytes:
    """The JSON of a body with some of its nodes changed: each edit has a place (by number), a turn and some junk."""
    try:
        root: list[Any] = [json.loads(body)]
    except ValueError:
        return body
    for place, turn, junk in edits:
        places = list(nodes(root))
        if not places:
            break
        parent, key = places[place % len(places)]
        change(parent, key, turn, deepcopy(junk))  # a further edit may change it, and it is used again
    return json.dumps(root[0] if root else None).encode()


def nodes(parent: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a JSON value, as its parent and its key there."""
    for key in range(len(parent)) if isinstance(parent, list) else list(parent):
        yield parent, key
        if isinstance(parent[key], list | dict):
            yield from nodes(parent[key])


def change(parent: Any, key: Any, turn: str, junk: Any) -> None:
    """One edit of a node."""
    if turn == "leave out":
        del parent[key]
    elif turn == "twice" and isinstance(parent, list):
        parent.append(parent[key])
    elif turn == "new" and isinstance(parent[key], str):
        parent[key] = f"{next(NUMBERS):08d}-77f4-4c0e-9a3d-2f1f6f0c9e11"
    elif turn == "another's" and isinstance(parent[key], list):
        parent[key].append(OTHERS_ID)
    else:
        parent[key] = junk


@dataclass
class Scene:
    """A workspace of its own in the product and in the sandbox, and the lies that are still to be told."""

    workspace: Workspace
    sandbox: Sandbox
    lies: list[Lie]
    told: list[Lie] = field(default_factory=list)
    keys: int = 0

    def mangle(self, route: str, plain: Answered) -> Answered:
        lie = next((lie for lie in self.lies if lie.route == route), None)
        if lie is None:
            return plain
        self.lies.remove(lie)
        self.told.append(lie)
        return lie.tell(plain)

    def new_key(self) -> None:
        """A key that the sandbox takes, in the place of the one before."""
        self.keys += 1
        plain = f"fini_{self.workspace.slug}_{self.keys}_0123456789abcdef"
        self.sandbox.add_key(plain, self.workspace.slug)
        added = people.key(self.workspace, f"key {self.keys}", plain)
        if self.keys > 1:
            switch_key(by=ADA, key=people.verified(added))


def start_register(scene: Scene) -> Run:
    given = [resource.body() for resource in resources(IDS, scene.workspace.slug)]
    return registrations.start_register(
        by=ADA, workspace=scene.workspace, provider="notion", resources=given, then_ingest=True
    )


def start_discover(scene: Scene) -> Run:
    return discovery.start_discover(by=ADA, workspace=scene.workspace, provider="notion")


def start_refresh(scene: Scene) -> Run:
    return previews.confirm(by=ADA, preview=refreshes.freeze(workspace=scene.workspace, sources=known(scene)))


def start_delete(scene: Scene) -> Run:
    found = deletions.freeze(workspace=scene.workspace, sources=known(scene), with_articles=False)
    return previews.confirm(by=ADA, preview=found)


def start_a_sync(scene: Scene) -> Run:
    known(scene)
    return start_sync(by=ADA, workspace=scene.workspace)


def start_refresh_of_removed(scene: Scene) -> Run:
    """Fini no longer has one of the sources: only asking for its ID tells (T3)."""
    run = start_refresh(scene)
    held = scene.sandbox.documents(scene.workspace.slug)
    scene.sandbox.remove([held[0]["id"]])
    return run


def known(scene: Scene) -> list[int]:
    """Usable sources that Fini has, by their keys here."""
    scene.sandbox.seed(IDS, workspace=scene.workspace.slug, source="notion", state="usable")
    now = datetime.now(UTC)
    made = [
        Source(
            workspace=scene.workspace,
            fini_id=held["id"],
            provider="notion",
            external_id=held["externalId"],
            job_id=held["linkedJobId"] or "",
            job_status=held["linkedJobStatus"] or "",
            success=True,
            paragraphs=1,
            updated_at=held["updatedAt"],
            state="usable",
            state_since=now,
            first_seen=now,
            last_seen=now,
            read_at=now,
        )
        for held in scene.sandbox.documents(scene.workspace.slug)
    ]
    Source.objects.bulk_create(made)
    differences(scene.workspace, mend=True)
    return [source.pk for source in made]


# What starts a run, and the routes that it asks.
STARTS: dict[Callable[[Scene], Run], tuple[str, ...]] = {
    start_register: ("register", "list", "ingest"),
    start_discover: ("discover",),
    start_refresh: ("refresh", "list"),
    start_delete: ("delete", "list"),
    start_a_sync: ("list", "list", "get"),
    start_refresh_of_removed: ("refresh", "list", "get"),
}
EDITS = st.lists(st.tuples(st.integers(0, 200), st.sampled_from(TURNS), JUNK), min_size=1, max_size=3)


@st.composite
def tales(draw: st.DrawFn) -> tuple[Callable[[Scene], Run], list[Lie]]:
    """How a run starts, and what it is told."""
    start = draw(st.sampled_from(list(STARTS)))
    route = st.sampled_from(STARTS[start])
    subtle = st.builds(Lie, route, edits=EDITS.map(tuple))
    plain = st.builds(
        Lie,
        route,
        st.sampled_from(STATUSES),
        st.none() | BODIES,
        cut_at=st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.0]),
        content_type=st.sampled_from(["application/json", "text/html", ""]),
    )
    return start, draw(st.lists(subtle | plain, min_size=1, max_size=MOST_ANSWERS))


def work_to_the_end(scene: Scene, run: Run) -> None:
    """Work on a short clock, in which every walk is whole; what waits for a key says so, and gets one.

    What Fini only said that it took has no end: it is followed for a day, which passes when nothing else is left.
    """
    started = time.monotonic()
    deadline = started + PATIENCE
    while Run.objects.filter(pk=run.pk).exclude(state=RunState.ENDED).exists():
        assert time.monotonic() < deadline, list(run.items.values("stage", "outcome", "reason"))
        hurry(scene.workspace)
        Watch.objects.filter(workspace=scene.workspace).update(news_at=None, whole_at=None)
        Budget.objects.filter(workspace=scene.workspace).update(blocked_until=None, spent_until=None)
        if not Workspace.objects.filter(usable_key("pk"), pk=scene.workspace.pk).exists():
            now = datetime.now(UTC)
            Worker.objects.update_or_create(id=OWNER, defaults={"seen_at": now})
            assert why_it_stands_still(run) == NO_KEY
            scene.new_key()
        if not loop.work_once(scene.workspace.pk, OWNER):
            time.sleep(0.01)
        if (
            time.monotonic() > started + BRIEF
            and not run.items.exclude(stage__in=(*FOLLOWED, Stage.ENDED)).exists()
        ):
            Source.objects.filter(workspace=scene.workspace, sent_at__isnull=False).update(
                sent_at=datetime.now(UTC) - timedelta(hours=25)
            )
            Watch.objects.filter(workspace=scene.workspace).update(whole_at=datetime.now(UTC))
            loop.mark_stuck()


@pytest.fixture
def mangler(process: Sandbox, settings: Any) -> Iterator[Mangler]:
    """The product talks to the sandbox through it."""
    process.reset()
    process.settings(seed_sources=False, **QUICK)
    with mangling(process.url) as server:
        settings.FINI_API_BASE_URL = server.url
        settings.FINI_CALLS_PER_MINUTE = 100_000
        settings.FINI_TIMEOUT = 2
        yield server
        transport._thread_session().close()


# A profile with more examples than this (`fuzz`, conftest.py) is asked for.
@bounds(
    max_examples=max(40, bounds.default.max_examples if bounds.default else 0),
    suppress_health_check=list(HealthCheck),
)
@given(tale=tales())
@example(tale=(start_register, [Lie("register", 401), Lie("list", 401)]))
@example(tale=(start_a_sync, [Lie("list", 403), Lie("list", body=b"[]")]))
@pytest.mark.usefixtures("impatient", "db")
def test_no_answer_stops_a_run_or_leaves_an_id_without_its_cause(
    tale: tuple[Callable[[Scene], Run], list[Lie]],
    process: Sandbox,
    mangler: Mangler,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    caplog.clear()
    (start, lies), number = tale, next(NUMBERS)
    workspace = people.workspace(f"w{number}", f"Company {number}")
    scene = Scene(workspace, process, list(lies))
    scene.new_key()
    mangler.mangle = scene.mangle
    run = start(scene)
    work_to_the_end(scene, run)
    assert [record.getMessage() for record in caplog.records] == []
    run.refresh_from_db()
    assert sum(ends(run).values()) == run.total
    assert not run.items.exclude(outcome=ItemOutcome.DONE).filter(reason="").exists()
    assert run.total or run.error or run.kind in ("discover", "sync")
    assert differences(workspace) == []
    assert verify(str(workspace.pk), with_bodies=True) > 0
    lost = Entry.objects.filter(chain=str(workspace.pk), outcome="unknown", kind__startswith="call.")
    assert not lost.filter(error=None).exists()
