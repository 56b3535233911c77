"""What a preview's run will cost, and that the preview stays with its run."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from fini_admin.cli.management.commands import run_worker
from fini_admin.ingestion import budget, previews
from fini_admin.ingestion.kinds import ingestions, registrations
from fini_admin.ingestion.models import Budget, Preview, PreviewRow, Run, RunState, Slot
from fini_admin.ingestion.planning.effort import Effort, effort_of
from fini_admin.ingestion.planning.planned_calls import call_plan
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.queue_page import waiting
from tests.support.sandbox import Sandbox
from tests.support.sources import bare
from tests.support.who import by
from tests.support.work import Start, drive, resources

HTMX = {"HX-Request": "true"}


def frozen(acme: Workspace, count: int, *, choose: bool = False, then_ingest: bool = False) -> Preview:
    return registrations.freeze_register(
        workspace=acme,
        provider="notion",
        resources=resources(count),
        then_ingest=then_ingest,
        notes=registrations.RegisterNotes(choose=choose),
    )


def test_before_three_such_runs_no_time_is_known(acme: Workspace, settings: Any) -> None:
    settings.FINI_BATCH_SIZE = 2
    plan = call_plan(frozen(acme, 5))
    assert effort_of(plan, 5, then_ingest=False) == Effort(writes=3, calls=4)
    assert effort_of(plan, 5, then_ingest=True) == Effort(writes=6, calls=11)
    assert effort_of(plan, 2, then_ingest=False) == Effort(writes=1, calls=2)


def test_calls_and_time_are_what_such_runs_took(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any
) -> None:
    settings.FINI_BATCH_SIZE = 10
    for number, size in enumerate((10, 20, 30)):
        run = register(resources(size, f"r{number}-"))
        drive(acme)
        run.refresh_from_db()
        assert run.state == RunState.ENDED
        spent = timedelta(seconds=2 + size / 10)
        Run.objects.filter(pk=run.pk).update(ended_at=run.created_at + spent)
    found = effort_of(call_plan(frozen(acme, 40)), 40, then_ingest=False)
    assert found.writes == 4
    assert found.seconds == 6
    # Each such run wrote its batches, and read the records back.
    assert found.calls > found.writes


def test_what_is_unticked_moves_calls_and_time_and_starts_nothing(
    acme: Workspace, client: Client, settings: Any
) -> None:
    settings.FINI_BATCH_SIZE = 2
    client.force_login(people.member(acme, "editor"))
    preview = frozen(acme, 5, choose=True)
    url = f"/w/acme/previews/{preview.token}/?part=effort"
    whole = client.post(url, headers=HTMX)
    assert [effort.writes for _, effort in whole.context["efforts"]] == [3, 6]
    fewer = client.post(url, {"left": "0,1,2"}, headers=HTMX)
    assert [effort.writes for _, effort in fewer.context["efforts"]] == [1, 2]
    assert "Register and ingest" in fewer.content.decode()
    assert not Run.objects.exists()


def test_a_confirmed_preview_stays_with_its_run_and_its_rows_go(acme: Workspace, client: Client) -> None:
    preview = frozen(acme, 3)
    run = previews.confirm(by=by("ada@example.com"), preview=preview)
    assert previews.confirm(by=by("ada@example.com"), preview=preview) == run
    Preview.objects.update(made_at=datetime.now(UTC) - timedelta(days=3))
    run_worker.sweep()
    kept = Preview.objects.get()
    assert (kept.run, kept.approved) == (run, {"ids": 3, "writes": 1, "calls": 2, "seconds": None})
    assert not PreviewRow.objects.exists()
    assert json.dumps(kept.summary["groups"]) == '{"new": 3}'
    client.force_login(people.member(acme, "viewer"))
    page = " ".join(client.get(f"/w/acme/runs/{run.number}/").content.decode().split())
    assert "showed 3 IDs, 1 call that writes, about 2 with the reads." in page


def test_an_ingest_shows_the_title_beside_each_id(
    acme: Workspace, sandbox: Sandbox, register: Start, client: Client
) -> None:
    bare(acme)  # so that an entry has another key than its source
    register(resources(2))
    drive(acme)
    preview = ingestions.freeze_ingest(workspace=acme, entries=waiting(acme))
    client.force_login(people.member(acme, "editor"))
    page = client.get(f"/w/acme/previews/{preview.token}/").content.decode()
    for entry in waiting(acme):
        assert entry.source.title in page
        assert entry.source.external_id in page
    assert page.index("<summary>More</summary>") < page.index('name="english"')


def test_a_spent_budget_is_part_of_the_time(acme: Workspace, settings: Any) -> None:
    settings.FINI_CALLS_PER_MINUTE = 10  # of which a tenth is kept for what a person waits for
    budget.lock_budget(acme)
    assert budget.seconds_until_sent(acme, {"nine": 9}) == {"nine": 0}
    for number in range(1, 10):
        at = datetime.now(UTC) - timedelta(seconds=50 - number)
        Slot.objects.create(workspace=acme, number=number, call=str(number), sent_at=at)
    Budget.objects.update(number=9)
    acme = Workspace.objects.get()
    waits = budget.seconds_until_sent(acme, {calls: calls for calls in (1, 9, 10, 19)})
    assert list(waits.values()) == pytest.approx([11.5, 19.5, 72, 132.5], abs=0.5)
