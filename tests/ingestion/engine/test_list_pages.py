"""What a page of the list costs does not grow with the queue, with the runs, or with what is still to be read (P7)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.engine import loop, walk
from fini_admin.ingestion.models import Item, QueueEntry, RunKind, RunState, Stage, Step, StepState, Watch
from fini_admin.ingestion.runs.starting import new_run
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support.effort import effort, measurable
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER

LISTED = 400
FEW, MANY = 500, 20_000
Furnish = Callable[[Workspace, list[str], int], None]


def name_of(number: int) -> str:
    return f"cost-{number}"


def registered(workspace: Workspace, ids: list[str], count: int) -> None:
    """`count` resources of a run were registered a moment ago: none of their records was read."""
    now = datetime.now(UTC)
    made = sources(workspace, ids, count, state=State.QUEUED, wanted_since=now)
    run = new_run(workspace, RunKind.REGISTER, by=by("ada@example.com"), total=count, provider="notion")
    step = Step.objects.create(
        run=run, number=1, kind="register", provider="notion", state=StepState.DONE, due_at=now
    )
    items = (
        Item(run=run, position=n, stage=Stage.PAIR, step=step, provider="notion", external_id=name_of(n))
        for n in range(count)
    )
    Item.objects.bulk_create(items, batch_size=1000)
    queue_all(workspace, made)


def followed(workspace: Workspace, ids: list[str], count: int) -> None:
    """`count` sources were sent a moment ago, by one run, and each is followed."""
    now = datetime.now(UTC)
    made = sources(workspace, ids, count, state=State.SENT, sent_at=now, read_at=now - timedelta(minutes=1))
    run = new_run(workspace, RunKind.INGEST, by=by("ada@example.com"), total=count)
    items = (
        Item(run=run, position=n, stage=Stage.FOLLOW, provider="notion", source=source)
        for n, source in enumerate(made)
    )
    Item.objects.bulk_create(items, batch_size=1000)


def sources(workspace: Workspace, ids: list[str], count: int, **fields: object) -> list[Source]:
    """`count` sources, of which the list shows the first ones: `ids` are Fini's IDs of these."""
    now = datetime.now(UTC)
    made = [
        Source(
            workspace=workspace,
            fini_id=ids[n] if n < len(ids) else f"unlisted-{n}",
            provider="notion",
            state_since=now,
            first_seen=now,
            last_seen=now,
            **fields,
        )
        for n in range(count)
    ]
    return Source.objects.bulk_create(made, batch_size=1000)


def queue_all(workspace: Workspace, waiting: list[Source]) -> None:
    now = datetime.now(UTC)
    opened = (
        QueueEntry(workspace=workspace, source=source, opened_at=now, opened_by="ada") for source in waiting
    )
    QueueEntry.objects.bulk_create(opened, batch_size=1000)


def third_page(workspace: Workspace, sandbox: Sandbox, furnish: Furnish, count: int) -> int:
    """What the third page of a walk costs the database, with `count` sources waiting to be seen."""
    sandbox.reset()
    sandbox.settings(seed_sources=False)
    records = [
        {
            "source": "notion",
            "externalId": name_of(n),
            "title": name_of(n),
            "originalUrl": f"https://x.example/{n}",
        }
        for n in range(LISTED)
    ]
    furnish(workspace, sandbox.seed(documents=records), count)
    with transaction.atomic():
        lock_budget(workspace)
    Watch.objects.filter(workspace=workspace).update(next_at=datetime.now(UTC), whole_at=None)
    assert loop.work_once(workspace.pk, OWNER)
    taken = effort(lambda: loop.work_once(workspace.pk, OWNER))
    watch = Watch.objects.get(workspace=workspace)
    assert watch.pages == 3
    assert watch.walk_started
    clear(workspace)
    return taken


def clear(workspace: Workspace) -> None:
    """As before the walk, for the next one."""
    Item.objects.all().delete()
    Step.objects.all().delete()
    QueueEntry.objects.all().delete()
    StateChange.objects.all().delete()
    Source.objects.all().delete()
    workspace.run_set.update(state=RunState.ENDED)
    watch = Watch.objects.get(workspace=workspace)
    walk._save_place(watch, cursor="", next_at=None)
    Watch.objects.update(walk_started=None, pages=0, news_at=None)


@measurable
@pytest.mark.parametrize("furnish", [registered, followed])
def test_a_page_of_the_list_costs_the_same_however_much_waits(
    acme: Workspace, sandbox: Sandbox, furnish: Furnish
) -> None:
    few, many = (third_page(acme, sandbox, furnish, count) for count in (FEW, MANY))
    assert many < few * 1.05, (few, many)
