"""A preview of many costs a page what one of few costs, and is confirmed and deleted in pieces (P7)."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.cli.management.commands import run_worker
from fini_admin.ingestion import previews
from fini_admin.ingestion.kinds import ingestions, registrations
from fini_admin.ingestion.models import Item, Preview, PreviewRow, PreviewState, QueueEntry
from fini_admin.ingestion.planning import planned_calls, preview_store
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support.effort import effort, measurable
from tests.support.queue_page import many
from tests.support.who import by
from tests.support.work import resources

pytestmark = pytest.mark.usefixtures("connected")

FEW, MANY = 200, 3_000
HTMX = {"HX-Request": "true"}
KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"


def known(acme: Workspace, number: int) -> None:
    """Sources of the resources, with other titles: every second one will be updated."""
    now = datetime.now(UTC)
    held = [
        Source(
            workspace=acme,
            fini_id=f"doc-{one.external_id}",
            provider="notion",
            external_id=one.external_id,
            title="Old",
            original_url=one.original_url,
            state=State.USABLE,
            state_since=now,
            first_seen=now,
            last_seen=now,
        )
        for one in resources(number)[::2]
    ]
    Source.objects.bulk_create(held, batch_size=1000)


def frozen(acme: Workspace, number: int) -> Preview:
    return registrations.freeze_register(
        workspace=acme, provider="notion", resources=resources(number), then_ingest=False
    )


def asked(editor: Client, preview: Preview) -> dict[str, Callable[[], Any]]:
    """What somebody does with a preview, all of it before it is confirmed: the last rows and calls too."""
    address = f"/w/acme/previews/{preview.token}/"
    half = preview_store.number_of_ids(preview) // 2
    calls = planned_calls.call_plan(preview).number
    wrong = {"reason": f"key {KEY}", "left": "0,2", "title-0": "x"}
    last = {"reason": f"key {KEY}", "left": str(2 * half - 2)}
    return {
        "opening": partial(editor.get, address),
        "paging": partial(editor.get, f"{address}?part=rows&group=update&from={half - 50}", headers=HTMX),
        "a call": partial(editor.get, f"{address}?part=body&call={calls}", headers=HTMX),
        "unticking": partial(editor.post, address, wrong),
        "unticking the last": partial(editor.post, address, last),
    }


def read_by(act: Callable[[], Any]) -> tuple[int, int, int]:
    """How many statements it takes, and how many rows and bytes they answer."""
    with CaptureQueriesContext(connection) as captured:
        assert act().status_code in (200, 422)
    asked = [query["sql"] for query in captured.captured_queries]
    rows: list[Any] = []
    with connection.cursor() as cursor:
        for sql in asked:
            if sql.startswith("SELECT"):
                cursor.execute(sql.replace("%", "%%") if connection.vendor == "postgresql" else sql)
                rows += cursor.fetchall()
    return len(asked), len(rows), sum(len(repr(row)) for row in rows)


def test_a_page_of_a_preview_of_many_reads_what_one_of_few_reads(acme: Workspace, editor: Client) -> None:
    known(acme, MANY)
    few, lots = asked(editor, frozen(acme, FEW)), asked(editor, frozen(acme, MANY))
    editor.get("/w/acme/")  # what is read once for all pages, is
    for name in few:
        less, more = read_by(few[name]), read_by(lots[name])
        if name == "unticking the last":  # 3,000 rows down they begin where it was unticked
            assert more[0] <= less[0], name
            assert more[1] <= less[1] + 10, name
            continue
        assert more[:2] == less[:2], name
        assert more[2] <= less[2] * 1.1 + 1_000, name


@measurable
def test_a_page_of_a_preview_of_many_is_no_more_work_for_the_database(
    acme: Workspace, editor: Client
) -> None:
    known(acme, MANY)
    few, lots = asked(editor, frozen(acme, FEW)), asked(editor, frozen(acme, MANY))
    tired = {name for name in few if effort(lots[name]) > effort(few[name]) * 1.2 + 1_000}
    assert tired == set()


@pytest.mark.parametrize("kind", ["register", "ingest"])
def test_it_is_confirmed_in_pieces(acme: Workspace, kind: str) -> None:
    def peak(number: int) -> int:
        if kind == "ingest":
            Item.objects.all().delete()
            QueueEntry.objects.all().delete()
            Source.objects.all().delete()
            entries = many(acme, number)
            preview = ingestions.freeze_ingest(workspace=acme, entries=entries)
        else:
            preview = frozen(acme, number)
        tracemalloc.start()
        run = previews.confirm(by=by("ada"), preview=preview)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (run.total, run.steps.count()) == (number, number // 100)
        assert list(run.items.order_by("position").values_list("position", flat=True)) == list(range(number))
        return size

    few, lots = peak(1_500), peak(6_000)
    assert lots < few * 1.5


def test_what_was_confirmed_or_is_a_day_old_goes_in_small_statements(acme: Workspace) -> None:
    old, confirmed, kept = (frozen(acme, 1_200) for _ in range(3))
    previews.confirm(by=by("ada"), preview=confirmed)
    assert Preview.objects.get(pk=confirmed.pk).state == PreviewState.CONFIRMED
    Preview.objects.filter(pk=old.pk).update(made_at=datetime(2026, 1, 1, tzinfo=UTC))
    statements: list[int] = []

    def note(execute: Any, sql: str, params: Any, several: bool, context: Any) -> Any:
        statements.append(len(params or ()))
        return execute(sql, params, several, context)

    with connection.execute_wrapper(note):
        run_worker.sweep()
    assert {held.pk for held in Preview.objects.all()} == {kept.pk, confirmed.pk}
    assert set(PreviewRow.objects.values_list("preview", flat=True)) == {kept.pk}
    assert PreviewRow.objects.count() == 1_200
    assert max(statements) <= 1_000


def test_what_is_still_being_written_cannot_be_found(acme: Workspace) -> None:
    preview = frozen(acme, 3)
    assert previews.find(acme, preview.token) == preview
    Preview.objects.update(state=PreviewState.WRITING)
    assert previews.find(acme, preview.token) is None
