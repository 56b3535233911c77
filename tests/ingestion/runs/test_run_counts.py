"""A run counts its IDs as they end: what `drive` and `ends` compare with the items in every test of a run (P3)."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client

from fini_admin.ingestion.engine import follow
from fini_admin.ingestion.models import ItemOutcome, Run
from fini_admin.ingestion.runs.items import finish_and_release
from fini_admin.lib import paging
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_trouble import reach_ingest
from tests.support.work import Start, drive, ends, resources

NAMES = "done", "refused", "failed", "unknown", "skipped"


def test_an_id_has_one_end_and_is_counted_once(register: Start) -> None:
    run = register(resources(3))
    items = list(run.items.order_by("position"))
    finish_and_release(run, items[:2], ItemOutcome.FAILED, "first")
    finish_and_release(run, items, ItemOutcome.REFUSED, "second")
    assert ends(run) == {"failed": 2, "refused": 1}
    assert list(run.items.order_by("position").values_list("reason", flat=True)) == [
        "first",
        "first",
        "second",
    ]


def test_an_id_that_went_while_its_call_was_out_keeps_its_end(acme: Workspace, register: Start) -> None:
    run = register(resources(2), then_ingest=True)
    reach_ingest(acme)
    items = list(run.items.order_by("position"))
    origin = Observation("call", datetime.now(UTC), run.number)
    follow.source_gone(Source.objects.get(external_id="n-0"), origin)
    follow.follow_jobs(run, items, origin)
    assert list(run.items.order_by("position").values_list("stage", flat=True)) == ["ended", "follow"]
    assert ends(run) == {"failed": 1}


def test_runs_from_before_are_counted_by_the_migration(acme: Workspace, register: Start) -> None:
    register(resources(3))
    drive(acme)
    before = Run.objects.values_list(*NAMES).get()
    Run.objects.update(**dict.fromkeys(NAMES, 0))
    import_module("fini_admin.ingestion.migrations.0011_fill_run_counters").fill(apps, None)
    assert Run.objects.values_list(*NAMES).get() == before == (3, 0, 0, 0, 0)


def test_very_many_calls_are_counted_to_10_000(
    acme: Workspace, editor: Client, register: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(resources(3), then_ingest=True)
    drive(acme)
    monkeypatch.setattr(paging, "COUNTED", 1)
    assert ">1+ calls</a>" in editor.get("/w/acme/runs/1/").content.decode()
