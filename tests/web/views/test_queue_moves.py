"""The queue's page: out of it and back into it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion import queue, queue_moves
from fini_admin.ingestion.models import Lane, QueueEntry, Run, RunState
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.queue_page import (
    PAGE,
    many,
    offer,
    pks,
    post,
    preview_of,
    said,
    select_all,
    shown,
    waiting,
)
from tests.support.who import by
from tests.support.work import Start, drive, resources

pytestmark = pytest.mark.usefixtures("connected")


def test_removed_ids_are_registered_again_and_the_trail_and_their_history_say_by_whom(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    answer = post(editor, "remove", pks(three)[:2])
    assert said(answer) == "2 IDs removed from the queue."
    closed = QueueEntry.objects.get(pk=three[0].pk)
    assert (closed.closed_how, closed.closed_at is None) == ("removed", False)
    assert pks(waiting(acme)) == [three[2].pk]
    source = Source.objects.get(pk=three[0].source_id)
    assert source.state == State.REGISTERED
    change = StateChange.objects.filter(source=source).latest("pk")
    assert (change.old, change.new, change.note) == (
        "queued",
        "registered",
        "Removed from the queue by editor@example.com",
    )
    ids = [entry.source.fini_id for entry in three[:2]]
    assert people.trail(acme)[-1] == ("queue.removed", "editor@example.com", {"number": 2, "ids": ids})
    assert shown(editor, "lane=out") == ["n-1", "n-0"]
    assert "Removed from the queue by editor@example.com" in editor.get(f"{PAGE}?lane=out").content.decode()


def test_removed_twice_it_is_removed_once(editor: Client, acme: Workspace, three: list[QueueEntry]) -> None:
    post(editor, "remove", pks(three))
    rows = (len(people.trail(acme)), StateChange.objects.count())
    assert said(post(editor, "remove", pks(three))) == (
        "Nothing was changed. 3 left out: It was out of the queue already."
    )
    assert (len(people.trail(acme)), StateChange.objects.count()) == rows


def test_what_went_through_ingestion_before_is_what_it_was_when_it_is_removed(
    editor: Client, acme: Workspace, register: Start, ingest: Start
) -> None:
    register(resources(1))
    drive(acme)
    ingest()
    drive(acme)
    register(resources(1))
    drive(acme)
    (entry,) = waiting(acme)
    assert entry.lane == Lane.REFRESH
    answer = post(editor, "remove", [entry.pk], "lane=refresh")
    assert said(answer) == (
        "1 ID removed from the queue. 1 of them were ingested before and keep their state in Sources."
    )
    assert Source.objects.get(pk=entry.source_id).state == State.USABLE
    assert shown(editor, "lane=out") == []


def test_put_back_they_wait_again_in_the_lane_that_their_record_says(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", pks(three))
    sources = [entry.source_id for entry in three]
    Source.objects.filter(pk=sources[1]).update(read_at=None)
    answer = post(editor, "put-back", sources, "lane=out")
    assert said(answer) == "3 IDs put back into the queue."
    entries = waiting(acme)
    assert [entry.source_id for entry in entries] == sources
    assert [entry.lane for entry in entries] == [Lane.ADD, "", Lane.ADD]
    assert {(entry.opened_by, entry.opened_run) for entry in entries} == {("editor@example.com", None)}
    states = Source.objects.filter(pk__in=sources).values_list("state", flat=True)
    assert set(states) == {State.QUEUED}
    assert StateChange.objects.latest("pk").note == "Put back into the queue by editor@example.com"
    kind, actor, detail = people.trail(acme)[-1]
    assert (kind, actor, detail["number"]) == ("queue.put_back", "editor@example.com", 3)
    QueueEntry.objects.filter(closed_at=None).update(opened_at=datetime.now(UTC) - timedelta(days=1))
    assert "put back, not sent for 1 day" in editor.get(PAGE).content.decode()
    again = post(editor, "put-back", sources, "lane=out")
    assert said(again) == "Nothing was changed. 3 left out: It is in the queue already."
    assert len(waiting(acme)) == 3


def test_what_is_busy_or_gone_is_not_put_back(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", pks(three))
    sources = [entry.source_id for entry in three]
    Source.objects.filter(pk=sources[0]).update(state=State.RUNNING)
    Source.objects.filter(pk=sources[1]).update(state=State.GONE)
    assert said(post(editor, "put-back", sources, "lane=out")) == (
        "1 ID put back into the queue. 1 left out: Its last job has not ended: it is running."
        " 1 left out: It is no longer in Fini."
    )
    assert [entry.source_id for entry in waiting(acme)] == [sources[2]]


def test_all_that_were_taken_out_can_be_put_back(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", select_all(editor, "q=page"), "q=page")
    assert waiting(acme) == []
    assert offer(editor, "lane=out")[0] == "3"
    post(editor, "put-back", select_all(editor, "lane=out&q=n-1"), "lane=out")
    assert [entry.source.external_id for entry in waiting(acme)] == ["n-1"]


def test_those_taken_out_are_filtered_alike(editor: Client, acme: Workspace, three: list[QueueEntry]) -> None:
    post(editor, "remove", pks(three))
    Source.objects.filter(external_id="n-0").update(state_since=datetime.now(UTC) - timedelta(days=2))
    Source.objects.filter(external_id="n-1").update(provider="zendesk")
    assert shown(editor, "lane=out&longer=1d") == ["n-0"]
    assert shown(editor, "lane=out&provider=zendesk") == ["n-1"]
    assert shown(editor, "lane=out&q=page+n-2") == ["n-2"]
    assert len(shown(editor, "lane=out&who=ada%40example.com")) == 3
    assert shown(editor, "lane=out&who=nightly") == []


def test_a_source_that_was_never_in_the_queue_is_among_those_taken_out(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    QueueEntry.objects.filter(pk=three[0].pk).delete()
    Source.objects.filter(pk=three[0].source_id).update(state=State.REGISTERED)
    assert shown(editor, "lane=out") == ["n-0"]
    post(editor, "put-back", [three[0].source_id], "lane=out")
    assert len(waiting(acme)) == 3


def test_a_removed_one_is_not_sent_by_a_preview_that_held_it(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    preview = preview_of(post(editor, "send-all", []))
    post(editor, "remove", [three[0].pk])
    editor.post(f"/w/acme/previews/{preview.token}/")
    drive(acme)
    run = Run.objects.latest("pk")
    assert run.items.get(outcome="skipped").source_id == three[0].source_id
    assert (run.kind, run.total, run.state) == ("ingest", 3, RunState.ENDED)


def test_many_go_out_and_back_in_portions_each_with_its_entry_in_the_trail(
    editor: Client, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_moves, "PORTION", 60)
    monkeypatch.setattr(queue, "CHUNK", 25)
    bulk = many(acme, 250)
    before = len(people.trail(acme))
    answer = post(editor, "remove", select_all(editor, "q=page"), "q=page")
    assert said(answer) == "250 IDs removed from the queue."
    assert not waiting(acme)
    answer = post(editor, "put-back", select_all(editor, "lane=out"), "lane=out")
    assert said(answer) == "250 IDs put back into the queue."
    assert [entry.source_id for entry in waiting(acme)] == [entry.source_id for entry in bulk]
    told = [(kind, detail["number"]) for kind, _, detail in people.trail(acme)[before:]]
    portions = [60, 60, 60, 60, 10]
    assert told == [(kind, number) for kind in ("queue.removed", "queue.put_back") for number in portions]


def test_the_trail_names_the_first_hundred_ids(editor: Client, acme: Workspace) -> None:
    many(acme, 130)
    post(editor, "remove", select_all(editor))
    detail = people.trail(acme)[-1][2]
    assert (detail["number"], detail["ids"]) == (130, [f"doc-{n}" for n in range(100)])


def test_a_removal_is_undone_from_its_message_less_what_came_back_meanwhile(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", pks(three)[2:])
    page = post(editor, "remove", pks(three)[:2])
    undo = re.search(
        r'name="at" value="([^"]+)">.*?value="undo"[^>]*>Undo<', page.content.decode(), re.DOTALL
    )
    assert undo
    queue_moves.put_sources_back(by=by("ada@example.com"), workspace=acme, sources=[three[0].source_id])
    assert said(post(editor, "undo", [], at=undo[1])) == (
        "1 ID put back into the queue. 1 left out: It is in the queue already."
    )
    assert {entry.source_id for entry in waiting(acme)} == {entry.source_id for entry in three[:2]}
    assert said(post(editor, "undo", [], at=undo[1])) == (
        "Nothing was changed. 2 left out: It is in the queue already."
    )
    for wrong in ("", "yesterday", "2026-13-01", "2026-01-01T00:00:00", "2020-01-01T00:00:00+00:00"):
        assert said(post(editor, "undo", [], at=wrong)) == "There is nothing to put back."
    assert len(waiting(acme)) == 2


def test_undo_finds_what_one_removal_took_by_its_time(acme: Workspace) -> None:
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert queue_moves.removed_at(acme, datetime.now(UTC)) == []
        how = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{how} {asked[-1]['sql']}")
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())
    assert re.search(r"entry_closed.*\bclosed_at ?=", plan), plan
