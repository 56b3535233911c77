"""What is counted is moved with what it counts (P3): whatever happens, the counts are what the rows say."""

import io
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from fini_admin.ingestion import queue_moves
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import ingestions
from fini_admin.ingestion.models import Item, QueueEntry, Run, Stage
from fini_admin.ingestion.runs import steering
from fini_admin.ingestion.verify_counts import differences
from fini_admin.sources import counts, mirror
from fini_admin.sources.counts import Counted
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Count, Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_trouble import reach_ingest
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, drive, hurry, resources

ADA = by("ada@example.com")


def right(workspace: Workspace) -> None:
    """Every count is what the rows say; a run's counts add up."""
    assert [str(one) for one in differences(workspace)] == []
    for run in Run.objects.filter(workspace=workspace):
        assert run.total == run.waiting + run.sent + run.running + run.ended


def test_the_counts_are_right_at_every_moment_of_a_run(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(running_seconds=[0.3, 0.6], outcomes={"n-0": "failed", "n-1": "empty"})
    run = register(resources(6), then_ingest=True)
    seen: set[tuple[int, int]] = set()

    def look() -> None:
        right(acme)
        now = Run.objects.get(pk=run.pk)
        seen.add((now.sent, now.running))

    drive(acme, between=look)
    right(acme)
    assert (6, 0) in seen
    assert any(running for _, running in seen), "nothing was seen running"
    kept = counts.kept(acme, Counted.SOURCES)
    mine = Source.objects.filter(workspace=acme)
    assert {state: number for state, number in kept.items() if number} == {
        state: mine.filter(state=state).count() for state in set(mine.values_list("state", flat=True))
    }


def test_the_counts_are_right_after_every_move_of_the_queue(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    run = register(resources(4))
    drive(acme)
    right(acme)
    assert counts.kept(acme, Counted.ENTRIES)["add"] == 4
    entries = list(QueueEntry.objects.order_by("pk").values_list("pk", flat=True))
    moved = queue_moves.remove_entries(by=ADA, workspace=acme, entries=entries[:2])
    right(acme)
    assert counts.kept(acme, Counted.ENTRIES)["add"] == 2
    queue_moves.put_sources_back(by=ADA, workspace=acme, sources=[source.pk for source in moved.sources])
    right(acme)
    ingest = ingestions.start_ingest(by=ADA, workspace=acme)
    right(acme)
    steering.stop(by=ADA, run=ingest)
    right(acme)
    gone = Source.objects.filter(external_id="n-0").get()
    sandbox.remove([gone.fini_id])
    ingestions.start_ingest(by=ADA, workspace=acme)
    drive(acme, between=lambda: right(acme))
    assert run.total == 4


def test_a_source_that_was_read_before_a_call_moves_from_where_it_is_by_now(
    acme: Workspace, register: Start
) -> None:
    register(resources(2), then_ingest=True)
    reach_ingest(acme)
    stale = list(Source.objects.filter(external_id__startswith="n-"))
    origin = Observation("", datetime.now(UTC))
    mirror.move_all(list(Source.objects.filter(external_id__startswith="n-")), State.RUNNING, origin)
    mirror.move_all(stale, State.UNKNOWN, origin)
    right(acme)
    assert set(stale[0].history.filter(new="unknown").values_list("old", flat=True)) == {"running"}


def test_an_item_is_counted_as_sent_and_running_once(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(running_seconds=[30, 30])
    run = register(resources(3), then_ingest=True)
    while not Run.objects.filter(pk=run.pk, running=3).exists():
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
        right(acme)
    assert set(Item.objects.values_list("stage", flat=True)) == {Stage.RUNNING}
    sandbox.advance(60)
    drive(acme)
    right(acme)


def verified(*words: str) -> str:
    out = io.StringIO()
    call_command("verify_counts", "acme", *words, stdout=out)
    return out.getvalue()


def test_a_count_that_was_changed_by_hand_is_found_and_set_right(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(3))
    drive(acme)
    assert verified() == "acme: all counts are right\n"
    Count.objects.filter(kind="entries", value="add").update(number=7)
    Run.objects.update(done=1, sent=2)
    Count.objects.filter(kind="sources", value="queued").delete()
    with pytest.raises(CommandError, match="4 counts of acme differ from the rows"):
        verified()
    told = verified("--mend").splitlines()
    assert told[-1] == "acme: 4 counts set right"
    assert "entries add: 7 kept, 3 in the rows" in told
    assert "run 1, done: 1 kept, 3 in the rows" in told
    assert verified() == "acme: all counts are right\n"


def test_the_migrations_count_what_was_there(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    from importlib import import_module  # noqa: PLC0415 - a migration's name is no identifier

    from django.apps import apps  # noqa: PLC0415 - the same

    register(resources(2))
    drive(acme)
    register(resources(3), then_ingest=True)
    reach_ingest(acme)
    Count.objects.all().delete()
    Run.objects.update(sent=0)
    for name in ("sources.migrations.0090_counts", "ingestion.migrations.0081_counts"):
        import_module(f"fini_admin.{name}").fill(apps, connection)
    right(acme)
