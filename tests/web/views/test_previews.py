"""The preview before a write: frozen, exact, confirmed once (P4, P7)."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.cli.management.commands import run_worker
from fini_admin.ingestion import previews
from fini_admin.ingestion.entries import close_entries, open_entries_of
from fini_admin.ingestion.kinds import ingestions, registrations
from fini_admin.ingestion.models import ItemOutcome, Preview, QueueEntry, Run
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support import people, queue_page
from tests.support.previews import planned_bodies
from tests.support.queue_page import many
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import Start, bodies, drive, ends, resources

pytestmark = pytest.mark.usefixtures("connected")

KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"


def frozen(acme: Workspace, count: int = 3, *, then_ingest: bool = False) -> Preview:
    return registrations.freeze_register(
        workspace=acme, provider="notion", resources=resources(count), then_ingest=then_ingest
    )


def waiting(acme: Workspace, register: Start, count: int = 3) -> list[QueueEntry]:
    register(resources(count))
    drive(acme)
    return list(
        QueueEntry.objects.filter(workspace=acme, closed_at=None).select_related("source").order_by("pk")
    )


def address(preview: Preview) -> str:
    return f"/w/acme/previews/{preview.token}/"


def test_the_preview_shows_exactly_the_calls_that_go_out(
    acme: Workspace, editor: Client, settings: Any, sandbox: Sandbox
) -> None:
    settings.FINI_BATCH_SIZE = 2
    preview = frozen(acme, 5)
    shown = planned_bodies(preview)
    page = editor.get(address(preview))
    assert page.context["number_of_calls"] == 3
    assert [button.text for button in page.context["buttons"]] == ["Register 5"]
    assert re.search(r"<strong>\s+<[^>]+>5</span>\s+will be registered", page.content.decode())
    assert "<strong>3 calls that write</strong>, about 4 with the reads that follow." in page.content.decode()
    editor.post(address(preview))
    drive(acme)
    assert bodies(acme, "register") == shown


def test_the_ingest_calls_of_several_providers_are_those_that_go_out(
    acme: Workspace, editor: Client, settings: Any, register: Start
) -> None:
    settings.FINI_BATCH_SIZE = 2
    for number, provider in enumerate(("notion", "zendesk", "notion", "zendesk", "notion")):
        register(resources(1, f"{provider}-{number}"), provider=provider)
        drive(acme)
    preview = ingestions.freeze_ingest(workspace=acme, entries=queue_page.waiting(acme))
    shown = planned_bodies(preview)
    assert [body["source"] for body in shown] == ["notion", "notion", "zendesk"]
    for number, body in enumerate(shown, 1):
        page = editor.get(f"{address(preview)}?call={number}")
        assert (json.loads(page.context["body"]), page.context["opened"].number) == (body, number)
    editor.post(address(preview))
    drive(acme)
    assert bodies(acme, "ingest") == shown


def test_a_preview_of_many_reads_only_what_it_shows(
    acme: Workspace, editor: Client, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.FINI_BATCH_SIZE = 10
    entries = many(acme, 1_200)
    few, all_of_them = (
        ingestions.freeze_ingest(workspace=acme, entries=held) for held in (entries[:150], entries)
    )
    with CaptureQueriesContext(connection) as queries:
        editor.get(address(few))
    with django_assert_num_queries(len(queries)):
        page = editor.get(address(all_of_them))
    assert page.context["number_of_calls"] == 120
    assert "110 more calls of this kind" in page.content.decode()
    last = editor.get(f"{address(all_of_them)}?call=120").context["body"]
    assert json.loads(last)["documentIdsToAdd"] == [f"doc-{n}" for n in range(1_190, 1_200)]
    assert editor.get(f"{address(all_of_them)}?call=121").context["body"] == ""


def test_a_call_of_the_preview_opens_to_its_body(acme: Workspace, editor: Client, settings: Any) -> None:
    settings.FINI_BATCH_SIZE = 2
    preview = frozen(acme, 3)
    part = editor.get(address(preview) + "?part=body&call=2", headers={"HX-Request": "true"}).content.decode()
    assert "n-2" in part
    assert "n-1" not in part
    assert "<html" not in part
    assert "n-2" in editor.get(address(preview) + "?call=2").content.decode()


def test_confirmed_it_is_a_run_with_its_reason(acme: Workspace, editor: Client) -> None:
    preview = frozen(acme, then_ingest=True)
    answer = editor.post(address(preview), {"reason": "help centre moved", "english": "yes", "baser": "no"})
    run = Run.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/w/acme/runs/1/")
    assert (run.reason, run.actor, run.origin, run.total) == (
        "help centre moved",
        "editor@example.com",
        "browser",
        3,
    )
    assert (run.english, run.baser, run.then_ingest) == (True, False, True)
    assert people.trail(acme)[-1][2]["reason"] == "help centre moved"
    drive(acme)
    assert bodies(acme, "ingest")[0].items() >= {"english": True, "baser": False}.items()


def test_confirmed_twice_it_leads_to_the_same_run(acme: Workspace, editor: Client) -> None:
    preview = frozen(acme)
    answers = [editor.post(address(preview)) for _ in range(3)]
    assert {answer.headers["Location"] for answer in answers} == {"/w/acme/runs/1/"}
    assert editor.get(address(preview)).headers["Location"] == "/w/acme/runs/1/"
    assert Run.objects.count() == 1


def test_two_confirmations_at_once_make_one_run(acme: Workspace) -> None:
    preview = frozen(acme)
    twin = Preview.objects.get(pk=preview.pk)
    first = previews.confirm(by=by("ada"), preview=preview)
    second = previews.confirm(by=by("ada"), preview=twin)
    assert first == second
    assert Run.objects.count() == 1


def test_nothing_is_sent_that_the_preview_did_not_hold(
    acme: Workspace, register: Start, ingest: Start
) -> None:
    entries = waiting(acme, register)
    preview = ingestions.freeze_ingest(workspace=acme, entries=entries[::-1])
    register(resources(2, "late"))
    drive(acme)
    close_entries(open_entries_of([entries[0].source]), "removed")
    run = previews.confirm(by=by("ada"), preview=preview)
    drive(acme)
    sent = [item.external_id for item in run.items.order_by("position")]
    assert sent == [entry.source.external_id for entry in entries[::-1]]
    assert ends(run) == {"done": 2, "skipped": 1}
    skipped = run.items.get(outcome=ItemOutcome.SKIPPED)
    assert (skipped.source, skipped.reason) == (
        entries[0].source,
        "It was taken out of the queue, or another run has it",
    )
    assert QueueEntry.objects.filter(closed_at=None, source__external_id__startswith="late").count() == 2


def test_what_another_tab_has_sent_meanwhile_offers_nothing_to_send(
    acme: Workspace, register: Start, editor: Client
) -> None:
    entries = waiting(acme, register)
    first, second = (ingestions.freeze_ingest(workspace=acme, entries=entries) for _ in "12")
    editor.post(address(first), {})
    answer = editor.post(address(second), {})
    page = answer.content.decode()
    assert (answer.status_code, Run.objects.filter(kind="ingest").count()) == (422, 1)
    assert (
        "None of these is waiting any more: another run has them, or they were taken out of the queue" in page
    )
    assert "will be sent to ingestion" not in " ".join(page.split())
    assert 'name="do"' not in page


def test_what_may_not_be_sent_is_left_out_and_said(acme: Workspace, register: Start, editor: Client) -> None:
    entries = waiting(acme, register)
    Source.objects.filter(pk=entries[0].source_id).update(state=State.RUNNING)
    entries = list(QueueEntry.objects.select_related("source").order_by("pk"))
    preview = ingestions.freeze_ingest(workspace=acme, entries=entries)
    page = editor.get(address(preview)).content.decode()
    assert "Send 2 to ingestion" in page
    assert "1 left out: Its last job has not ended: it is running" in page
    Source.objects.update(state=State.GONE)
    entries = list(QueueEntry.objects.select_related("source").order_by("pk"))
    with pytest.raises(CannotStart, match="no longer in Fini"):
        ingestions.freeze_ingest(workspace=acme, entries=entries)


def test_resources_can_be_left_out_when_it_is_confirmed(acme: Workspace, editor: Client) -> None:
    preview = frozen(acme, 4)
    editor.post(address(preview), {"left": ["1", "3", "x", "99"]})
    drive(acme)
    registered = Source.objects.filter(external_id__startswith="n-").values_list("external_id", flat=True)
    assert sorted(registered) == ["n-0", "n-2"]


def test_when_all_are_left_out_nothing_starts_and_it_says_so(acme: Workspace, editor: Client) -> None:
    preview = frozen(acme, 1)
    answer = editor.post(address(preview), {"left": ["0"]})
    assert answer.status_code == 422
    assert "There is nothing to register" in answer.content.decode()
    assert not Run.objects.exists()


def test_a_reason_that_looks_like_a_key_is_refused_beside_it(acme: Workspace, editor: Client) -> None:
    preview = frozen(acme)
    answer = editor.post(address(preview), {"reason": f"key {KEY}"})
    assert answer.status_code == 422
    assert "looks like an API key" in answer.content.decode()
    assert not Run.objects.exists()


def test_a_viewer_may_not_see_or_confirm_it(acme: Workspace, client: Client) -> None:
    preview = frozen(acme)
    client.force_login(people.member(acme, "viewer"))
    assert client.get(address(preview)).status_code == 403
    assert client.post(address(preview)).status_code == 403
    assert not Run.objects.exists()


def test_another_workspaces_preview_is_not_there(acme: Workspace, client: Client) -> None:
    other = people.workspace("other", "Other Company")
    preview = frozen(acme)
    client.force_login(people.member(other, "admin"))
    answer = client.post(f"/w/other/previews/{preview.token}/")
    assert answer.headers["Location"] == "/w/other/"
    assert not Run.objects.exists()
    assert client.get(address(preview)).status_code == 404


def test_previews_that_nobody_confirmed_go_after_a_day(acme: Workspace, editor: Client) -> None:
    old = frozen(acme)
    Preview.objects.update(made_at=datetime.now(UTC) - timedelta(days=1, minutes=1))
    new = frozen(acme)
    assert "no longer there" in editor.get(address(old), follow=True).content.decode()
    answer = editor.post(address(old), follow=True)
    assert (
        "This preview is no longer there: previews are kept for a day. Nothing was sent."
        in answer.content.decode()
    )
    assert not Run.objects.exists()
    run_worker.sweep()
    assert [held.token for held in Preview.objects.all()] == [new.token]
