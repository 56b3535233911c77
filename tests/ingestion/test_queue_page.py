"""The queue's page: lanes, filters, sending what is selected, out of the queue and back into it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion import runs
from fini_admin.ingestion.models import Lane, Preview, QueueEntry, Run, RunState
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.conftest import Start, bodies, drive, resources
from tests.support import people
from tests.support.sandbox import Sandbox

PAGE = "/w/acme/queue/"
HTMX = {"HX-Request": "true"}
KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"


@pytest.fixture
def editor(acme: Workspace, client: Client) -> Client:
    client.force_login(people.member(acme, "editor"))
    return client


@pytest.fixture
def three(acme: Workspace, register: Start) -> list[QueueEntry]:
    """Three entries in *add*, the oldest first; in which order Fini returns the IDs of a batch is not stated."""
    for item in resources(3):
        register([item])
        drive(acme)
    return waiting(acme)


def many(workspace: Workspace, number: int) -> list[QueueEntry]:
    """So many entries, without asking Fini."""
    now = datetime.now(UTC)
    made = [
        Source(
            workspace=workspace,
            fini_id=f"doc-{n}",
            provider="notion",
            external_id=f"n-{n}",
            title=f"Page {n}",
            state=State.QUEUED,
            state_since=now,
            first_seen=now,
            last_seen=now,
            read_at=now,
        )
        for n in range(number)
    ]
    Source.objects.bulk_create(made, batch_size=1000)
    opened = [
        QueueEntry(
            workspace=workspace, source=source, lane=Lane.ADD, opened_at=now, opened_by="ada@example.com"
        )
        for source in made
    ]
    QueueEntry.objects.bulk_create(opened, batch_size=1000)
    return opened


def waiting(workspace: Workspace) -> list[QueueEntry]:
    found = QueueEntry.objects.filter(workspace=workspace, closed_at=None)
    return list(found.select_related("source").order_by("pk"))


def shown(client: Client, query: str = "") -> list[str]:
    """The external IDs on the page."""
    rows = client.get(f"{PAGE}?{query}").context["page"].rows
    return [getattr(row, "source", row).external_id for row in rows]


def numbers(client: Client, query: str = "") -> dict[str, str]:
    """What the tabs count."""
    part = client.get(f"{PAGE}?{query}&part=counts", headers=HTMX).content.decode()
    return dict(re.findall(r'id="tab-(\w+)".*?class="tab-number">([^<]*)<', part, re.DOTALL))


def pks(entries: list[QueueEntry]) -> list[int]:
    return [entry.pk for entry in entries]


def post(client: Client, do: str, ids: list[int], query: str = "", **more: str) -> Any:
    return client.post(f"{PAGE}?{query}", {"do": do, "id": ids, **more}, follow=True)


def said(answer: Any) -> str:
    """The messages of the page that one is led to."""
    return " ".join(str(message) for message in answer.context["messages"])


def preview_of(answer: Any) -> Preview:
    assert answer.redirect_chain[0][1] == 303
    token = answer.redirect_chain[0][0].rstrip("/").rpartition("/")[2]
    return Preview.objects.get(token=token)


def test_each_lane_shows_its_own_newest_first(
    editor: Client, acme: Workspace, register: Start, ingest: Start
) -> None:
    register(resources(2))
    drive(acme)
    ingest()
    drive(acme)
    register([*resources(1), *resources(2, "m")])
    drive(acme)
    QueueEntry.objects.filter(source__external_id="m-1").update(lane="")
    assert shown(editor) == ["m-0"]
    assert shown(editor, "lane=refresh") == ["n-0"]
    assert shown(editor, "lane=unread") == ["m-1"]
    assert shown(editor, "lane=out") == []
    assert shown(editor, "lane=nonsense") == ["m-0"]
    assert numbers(editor) == {"add": "1", "refresh": "1", "unread": "1", "out": "0"}


def test_a_row_says_what_it_is_who_registered_it_and_since_when(
    editor: Client, three: list[QueueEntry]
) -> None:
    QueueEntry.objects.filter(pk=three[0].pk).update(opened_at=datetime.now(UTC) - timedelta(days=3, hours=1))
    page = editor.get(PAGE).content.decode()
    assert "Page 0" in page
    assert "https://docs.example/n/0" in page
    assert "ada@example.com" in page
    assert 'href="/w/acme/runs/1/">run 1<' in re.sub(r"\s+", " ", page).replace('" href', '" href')
    assert page.count("registered, not sent for") == 1
    assert "registered, not sent for 3 days" in page


def test_what_was_not_read_yet_has_a_tab_only_while_there_is_some(
    editor: Client, three: list[QueueEntry]
) -> None:
    assert "unread" not in numbers(editor)
    QueueEntry.objects.filter(pk=three[0].pk).update(lane="")
    assert numbers(editor)["unread"] == "1"
    assert "Their record is read first" in editor.get(f"{PAGE}?lane=unread").content.decode()


def test_each_filter_finds_its_own(editor: Client, acme: Workspace, register: Start) -> None:
    register(resources(2))
    drive(acme)
    register(resources(1, "z"), provider="zendesk")
    drive(acme)
    runs.start_register(
        actor="nightly",
        origin="test",
        workspace=acme,
        provider="notion",
        resources=resources(1, "late"),
        then_ingest=False,
    )
    drive(acme)
    old = QueueEntry.objects.filter(source__external_id="n-0")
    old.update(opened_at=datetime.now(UTC) - timedelta(days=2))
    fini_id = Source.objects.get(external_id="n-1").fini_id
    assert sorted(shown(editor)) == ["late-0", "n-0", "n-1", "z-0"]
    assert shown(editor, "q=page+1") == ["n-1"]
    assert shown(editor, "q=docs.example/z") == ["z-0"]
    assert shown(editor, f"q={fini_id}") == ["n-1"]
    assert shown(editor, "q=late-0") == ["late-0"]
    assert shown(editor, "provider=zendesk") == ["z-0"]
    assert shown(editor, "who=nightly") == ["late-0"]
    assert shown(editor, "longer=1h") == shown(editor, "longer=1d") == ["n-0"]
    assert shown(editor, "longer=3d") == shown(editor, "longer=7d") == []
    assert shown(editor, "q=page&who=ada%40example.com&provider=notion&longer=1d") == ["n-0"]
    assert numbers(editor, "provider=zendesk")["add"] == "1"


def test_one_may_filter_by_whoever_brought_ids_in(editor: Client, three: list[QueueEntry]) -> None:
    page = editor.get(f"{PAGE}?who=someone+else").content.decode()
    assert re.findall(r'<option value="([^"]*@[^"]*|someone[^"]*)"( selected)?', page) == [
        ("ada@example.com", ""),
        ("someone else", " selected"),
    ]


@pytest.mark.parametrize("query", ["provider=nowhere", "longer=99d", f"q={KEY}", f"who={KEY}"])
def test_a_wrong_filter_shows_nothing_says_so_and_repeats_no_key(
    editor: Client, three: list[QueueEntry], query: str
) -> None:
    answer = editor.get(f"{PAGE}?{query}")
    assert answer.status_code == 422
    assert "Nothing is shown until the filters are right" in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert "Page 0" not in answer.content.decode()
    assert KEY not in answer.content.decode()
    part = editor.get(f"{PAGE}?{query}", headers=HTMX)
    assert part.status_code == 422
    assert "message-error" in part.content.decode()
    assert editor.get(f"{PAGE}?{query}&part=counts", headers=HTMX).status_code == 422
    assert "Nothing is selected" in said(post(editor, "send", [], query, all="1"))
    assert not Preview.objects.exists()


def test_the_rows_come_page_by_page(editor: Client, acme: Workspace) -> None:
    bulk = many(acme, 120)
    first = editor.get(PAGE).context["page"]
    second = editor.get(f"{PAGE}?after={first.older}").context["page"]
    assert [entry.pk for entry in (*first.rows, *second.rows)] == [entry.pk for entry in bulk[:-101:-1]]


def test_for_htmx_only_the_part_is_answered_and_the_numbers_only_when_asked(
    editor: Client, three: list[QueueEntry]
) -> None:
    part = editor.get(PAGE, headers=HTMX).content.decode()
    assert "Page 0" in part
    assert "<html" not in part
    assert "Select all" not in part
    counts = editor.get(f"{PAGE}?part=counts", headers=HTMX).content.decode()
    assert "Page 0" not in counts
    assert 'data-all="3"' in counts
    assert "Send 3 to ingestion" in counts


def test_the_whole_queue_is_sent_whatever_the_filters(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    QueueEntry.objects.filter(pk=three[1].pk).update(lane=Lane.REFRESH)
    preview = preview_of(post(editor, "send-all", [], "q=nothing+matches"))
    assert preview.content == {"entries": pks(three), "skipped": {}}
    assert (preview.kind, preview.made_by) == ("ingest", "editor@example.com")


def test_the_selected_are_sent_in_the_queues_order(
    editor: Client, acme: Workspace, three: list[QueueEntry], sandbox: Sandbox
) -> None:
    preview = preview_of(post(editor, "send", [three[2].pk, three[0].pk, three[0].pk]))
    assert preview.content == {"entries": [three[0].pk, three[2].pk], "skipped": {}}
    editor.post(f"/w/acme/previews/{preview.token}/")
    drive(acme)
    (sent,) = bodies(acme, "ingest")
    assert sent["addSourceIds"] == [three[0].source.fini_id, three[2].source.fini_id]
    assert pks(waiting(acme)) == [three[1].pk]


def test_for_htmx_the_preview_comes_into_the_dialog(editor: Client, three: list[QueueEntry]) -> None:
    answer = editor.post(PAGE, {"do": "send", "id": pks(three)[:2]}, headers=HTMX)
    assert answer.status_code == 200
    assert "Send 2 to ingestion" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert f'action="/w/acme/previews/{Preview.objects.get().token}/"' in answer.content.decode()
    nothing = editor.post(PAGE, {"do": "send"}, headers=HTMX)
    assert nothing.status_code == 422
    assert "Nothing is selected" in nothing.content.decode()


def test_all_means_what_matches_when_it_is_sent_and_no_more_afterwards(
    editor: Client, acme: Workspace, three: list[QueueEntry], register: Start
) -> None:
    register(resources(2, "m"))
    drive(acme)
    taken = waiting(acme)[3]
    run = Run.objects.create(
        workspace=acme, number=99, kind="ingest", actor="a", origin="t", created_at=datetime.now(UTC)
    )
    QueueEntry.objects.filter(pk=taken.pk).update(run=run)
    assert numbers(editor, "q=page")["add"] == "5"
    assert 'data-all="4"' in editor.get(f"{PAGE}?q=page&part=counts", headers=HTMX).content.decode()
    preview = preview_of(post(editor, "send", [], "q=/n/", all="1"))
    assert preview.content["entries"] == pks(three)
    register(resources(2, "n/late"))
    drive(acme)
    editor.post(f"/w/acme/previews/{preview.token}/")
    assert Run.objects.latest("pk").total == 3


def test_what_a_run_has_taken_or_was_closed_is_left_out_and_said(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", [three[0].pk])
    first = preview_of(post(editor, "send", [three[1].pk]))
    editor.post(f"/w/acme/previews/{first.token}/")
    page = editor.get(PAGE).content.decode()
    assert 'title="Run 4 has taken it"' in page
    assert page.count("being sent") == 1
    answer = post(editor, "send", pks(three))
    assert preview_of(answer).content["entries"] == [three[2].pk]
    assert "2 left out: It was taken out of the queue, or another run has it" in answer.content.decode()
    answer = post(editor, "send", pks(three)[:2])
    assert "Nothing of this can be sent now" in said(answer)
    answer = post(editor, "remove", pks(three))
    assert said(answer) == (
        "1 ID removed from the queue. 1 left out: it was out of the queue already. 1 left out: a run has taken it."
    )
    assert waiting(acme)[0].pk == three[1].pk


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
        "Nothing was changed. 3 left out: it was out of the queue already."
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
        "1 ID removed from the queue. 1 of them went through ingestion before: in Sources as before."
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
    assert said(again) == "Nothing was changed. 3 left out: it is in the queue already."
    assert len(waiting(acme)) == 3


def test_what_is_busy_or_gone_is_not_put_back(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", pks(three))
    sources = [entry.source_id for entry in three]
    Source.objects.filter(pk=sources[0]).update(state=State.RUNNING)
    Source.objects.filter(pk=sources[1]).update(state=State.GONE)
    assert said(post(editor, "put-back", sources, "lane=out")) == (
        "1 ID put back into the queue. 1 left out: its last job has not ended. 1 left out: it is no longer in Fini."
    )
    assert [entry.source_id for entry in waiting(acme)] == [sources[2]]


def test_all_that_were_taken_out_can_be_put_back(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", [], "q=page", all="1")
    assert waiting(acme) == []
    assert 'data-all="2"' in (
        editor.get(f"{PAGE}?lane=out&q=page&part=counts", headers=HTMX).content.decode().replace('"3"', '"2"')
    )
    post(editor, "put-back", [], "lane=out&q=n-1", all="1")
    assert [entry.source.external_id for entry in waiting(acme)] == ["n-1"]


def test_those_taken_out_are_filtered_alike(editor: Client, acme: Workspace, three: list[QueueEntry]) -> None:
    post(editor, "remove", pks(three))
    Source.objects.filter(external_id="n-0").update(state_since=datetime.now(UTC) - timedelta(days=2))
    Source.objects.filter(external_id="n-1").update(provider="zendesk")
    assert shown(editor, "lane=out&longer=1d") == ["n-0"]
    assert shown(editor, "lane=out&provider=zendesk") == ["n-1"]
    assert shown(editor, "lane=out&q=page+2") == ["n-2"]
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


def test_a_viewer_sees_the_list_and_can_do_nothing(
    acme: Workspace, client: Client, three: list[QueueEntry]
) -> None:
    client.force_login(people.member(acme, "viewer"))
    page = client.get(PAGE).content.decode()
    assert "Page 0" in page
    assert 'name="do"' not in page
    assert 'type="checkbox"' not in page
    counts = client.get(f"{PAGE}?part=counts", headers=HTMX).content.decode()
    assert "Select all" not in counts
    for do, query in (("send", ""), ("send-all", ""), ("remove", ""), ("put-back", "lane=out")):
        answer = client.post(f"{PAGE}?{query}", {"do": do, "id": pks(three), "all": "1"})
        assert answer.status_code == 403, do
    assert len(waiting(acme)) == 3
    assert not Preview.objects.exists()


def test_another_workspaces_ids_are_not_found_and_nothing_changes(
    client: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    other = people.workspace("other", "Other Company")
    client.force_login(people.member(other, "admin"))
    assert client.get(PAGE).status_code == 404
    assert client.post(PAGE, {"do": "remove", "id": pks(three)}).status_code == 404
    elsewhere = "/w/other/queue/"
    answer = client.post(elsewhere, {"do": "remove", "id": pks(three)}, follow=True)
    assert said(answer) == "Nothing was changed. 3 left out: it is not in this queue."
    answer = client.post(elsewhere, {"do": "send", "id": pks(three)}, follow=True)
    assert "nothing waits" in said(answer)
    sources = [entry.source_id for entry in three]
    answer = client.post(f"{elsewhere}?lane=out", {"do": "put-back", "id": sources}, follow=True)
    assert said(answer) == "Nothing was changed. 3 left out: it is not in this workspace."
    for do in ("send-all", "send", "remove"):
        client.post(elsewhere, {"do": do, "all": "1"})
    assert pks(waiting(acme)) == pks(three)
    assert not Preview.objects.exists()
    assert len(people.trail(other)) == 2


@pytest.mark.parametrize(
    ("do", "query"),
    [("", ""), ("delete", ""), ("put-back", ""), ("remove", "lane=out"), ("send", "lane=out")],
)
def test_an_action_that_the_tab_does_not_have_is_refused(
    editor: Client, acme: Workspace, three: list[QueueEntry], do: str, query: str
) -> None:
    answer = editor.post(f"{PAGE}?{query}", {"do": do, "id": pks(three), "all": "1"})
    assert answer.status_code == 400
    assert pks(waiting(acme)) == pks(three)


def test_ids_that_are_no_numbers_select_nothing(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    answer = editor.post(PAGE, {"do": "remove", "id": ["x", "-1", "٣", "9" * 30, ""]}, follow=True)
    assert said(answer) == "Nothing is selected"
    assert pks(waiting(acme)) == pks(three)


def test_looking_changes_nothing(editor: Client, acme: Workspace, three: list[QueueEntry]) -> None:
    for query in ("do=remove&all=1", "do=send-all", "lane=out&do=put-back&all=1"):
        editor.get(f"{PAGE}?{query}")
    assert pks(waiting(acme)) == pks(three)
    assert not Preview.objects.exists()


def test_an_empty_queue_says_so_and_sends_nothing(editor: Client) -> None:
    assert "Nothing waits in this lane" in editor.get(PAGE).content.decode()
    counts = editor.get(f"{PAGE}?part=counts", headers=HTMX).content.decode()
    assert re.search(r"disabled\s+title=\"Nothing waits to be sent\">Send 0 to ingestion", counts)
    assert "Nothing of this can be sent now: nothing waits" in said(post(editor, "send-all", []))


def test_a_title_is_escaped(editor: Client, three: list[QueueEntry]) -> None:
    Source.objects.update(title='<script>alert(1)</script>" autofocus onfocus="alert(1)')
    page = editor.get(PAGE).content.decode()
    assert "<script>alert" not in page
    assert '" autofocus' not in page


def test_a_record_without_a_title_is_named_by_its_ids(editor: Client, three: list[QueueEntry]) -> None:
    Source.objects.update(title="", external_id="", original_url="")
    assert three[0].source.fini_id in editor.get(PAGE).content.decode()


def test_three_rows_take_as_many_queries_as_one(editor: Client, acme: Workspace, register: Start) -> None:
    register(resources(1))
    drive(acme)
    addresses = (PAGE, f"{PAGE}?lane=out", f"{PAGE}?part=counts")
    post(editor, "remove", pks(waiting(acme)))
    register(resources(1, "m"))
    drive(acme)
    one = [queries(editor, address) for address in addresses]
    register(resources(2, "m"))
    register(resources(3, "o"))
    drive(acme)
    post(editor, "remove", pks(waiting(acme))[:2])
    three = [queries(editor, address) for address in addresses]
    assert three == one
    assert max(one) <= 14


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        client.get(address, headers=HTMX if "part=" in address else {})
    return len(captured)


def test_25_000_are_counted_as_10_000_and_more_and_sent_all(editor: Client, acme: Workspace) -> None:
    bulk = many(acme, 25_000)
    assert numbers(editor)["add"] == "10,000+"
    counts = editor.get(f"{PAGE}?part=counts", headers=HTMX).content.decode()
    assert "Select all 10,000+" in counts
    assert "Send 10,000+ to ingestion" in counts
    answer = editor.post(PAGE, {"do": "send", "all": "1"}, headers=HTMX)
    assert "Send 25,000 to ingestion" in answer.content.decode()
    assert Preview.objects.get().content["entries"] == pks(bulk)
    Preview.objects.all().delete()
    editor.post(PAGE, {"do": "send-all"})
    assert Preview.objects.get().content["entries"] == pks(bulk)
    answer = post(editor, "remove", [], "q=page", all="1")
    assert said(answer) == "25,000 IDs removed from the queue."
    assert not waiting(acme)
    kind, _, detail = people.trail(acme)[-1]
    assert (kind, detail["number"], len(detail["ids"])) == ("queue.removed", 25_000, 100)
    post(editor, "put-back", [], "lane=out", all="1")
    assert QueueEntry.objects.filter(closed_at=None).count() == 25_000
