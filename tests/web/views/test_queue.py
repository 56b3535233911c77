"""The queue's page: lanes, filters, sending what is selected, who may do what."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion.kinds import registrations
from fini_admin.ingestion.models import Preview, QueueEntry
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.previews import contents
from tests.support.queue_page import (
    HTMX,
    PAGE,
    many,
    numbers,
    offer,
    pks,
    post,
    preview_of,
    said,
    select_all,
    shown,
    waiting,
)
from tests.support.sandbox import Sandbox
from tests.support.sources import count_again
from tests.support.who import by
from tests.support.work import Start, bodies, drive, resources

pytestmark = pytest.mark.usefixtures("connected")

KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"


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
    count_again(acme)
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
    assert 'href="/w/acme/runs/1/">run 1<' in page
    assert page.count("registered, not sent for") == 1
    assert "registered, not sent for 3 days" in page


def test_what_was_not_read_yet_has_a_tab_only_while_there_is_some(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    assert "unread" not in numbers(editor)
    QueueEntry.objects.filter(pk=three[0].pk).update(lane="")
    count_again(acme)
    assert numbers(editor)["unread"] == "1"
    assert "Their records in Fini are being read" in editor.get(f"{PAGE}?lane=unread").content.decode()


def test_each_filter_finds_its_own(editor: Client, acme: Workspace, register: Start) -> None:
    register(resources(2))
    drive(acme)
    register(resources(1, "z"), provider="zendesk")
    drive(acme)
    registrations.start_register(
        by=by("nightly"),
        workspace=acme,
        provider="notion",
        resources=[one.body() for one in resources(1, "late")],
        then_ingest=False,
    )
    drive(acme)
    old = QueueEntry.objects.filter(source__external_id="n-0")
    old.update(opened_at=datetime.now(UTC) - timedelta(days=2))
    fini_id = Source.objects.get(external_id="n-1").fini_id
    assert sorted(shown(editor)) == ["late-0", "n-0", "n-1", "z-0"]
    assert shown(editor, "q=page+n-1") == ["n-1"]
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
    assert "Nothing is shown until the filters are right" in said(post(editor, "send-all", [], query))
    assert editor.get(f"{PAGE}?{query}&part=ids", headers=HTMX).content == b""
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
    assert offer(editor)[0] == "3"
    assert "Send 3 to ingestion" in counts


def test_the_selected_are_sent_in_the_queues_order(
    editor: Client, acme: Workspace, three: list[QueueEntry], sandbox: Sandbox
) -> None:
    preview = preview_of(post(editor, "send", [three[2].pk, three[0].pk, three[0].pk]))
    assert contents(preview)["entries"] == [three[0].pk, three[2].pk]
    editor.post(f"/w/acme/previews/{preview.token}/")
    drive(acme)
    (sent,) = bodies(acme, "ingest")
    assert sent["documentIdsToAdd"] == [three[0].source.fini_id, three[2].source.fini_id]
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
    assert contents(preview_of(answer))["entries"] == [three[2].pk]
    assert "2 left out: It was taken out of the queue, or another run has it" in answer.content.decode()
    answer = post(editor, "send", pks(three)[:2])
    assert "None of these can be sent" in said(answer)
    answer = post(editor, "remove", pks(three))
    assert said(answer) == (
        "1 ID removed from the queue. 1 left out: It was out of the queue already. 1 left out: A run has taken it."
    )
    assert waiting(acme)[0].pk == three[1].pk


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
        answer = client.post(f"{PAGE}?{query}", {"do": do, "id": pks(three)})
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
    assert said(answer) == "Nothing was changed. 3 left out: It is not in this queue."
    answer = client.post(elsewhere, {"do": "send", "id": pks(three)}, follow=True)
    assert "nothing waits" in said(answer)
    sources = [entry.source_id for entry in three]
    answer = client.post(f"{elsewhere}?lane=out", {"do": "put-back", "id": sources}, follow=True)
    assert said(answer) == "Nothing was changed. 3 left out: It is not in this workspace."
    for do in ("send-all", "send", "remove"):
        client.post(elsewhere, {"do": do, "id": pks(three)})
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
    answer = editor.post(f"{PAGE}?{query}", {"do": do, "id": pks(three)})
    assert answer.status_code == 400
    assert pks(waiting(acme)) == pks(three)


def test_ids_that_are_no_numbers_select_nothing(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    answer = editor.post(PAGE, {"do": "remove", "id": ["x", "-1", "٣", "9" * 30, ""]}, follow=True)
    assert said(answer) == "Nothing is selected."
    assert pks(waiting(acme)) == pks(three)


def test_looking_changes_nothing(editor: Client, acme: Workspace, three: list[QueueEntry]) -> None:
    for query in ("do=remove", "do=send-all", "lane=out&do=put-back", "part=ids", "part=still&id=1"):
        editor.get(f"{PAGE}?{query}")
    assert pks(waiting(acme)) == pks(three)
    assert not Preview.objects.exists()


def test_an_empty_queue_says_so_and_sends_nothing(editor: Client) -> None:
    assert "Nothing waits in this lane" in editor.get(PAGE).content.decode()
    refresh = editor.get(f"{PAGE}?lane=refresh").content.decode()
    assert "refresh them on Sources" in refresh  # registering what is new fills the other lane
    assert "Register resources" not in refresh
    counts = editor.get(f"{PAGE}?part=counts", headers=HTMX).content.decode()
    assert re.search(
        r"disabled\s+title=\"Nothing of what is shown waits to be sent\">\s*Send 0 to ingestion", counts
    )
    assert "None of these can be sent: nothing waits" in said(post(editor, "send-all", []))


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


def test_25_000_are_counted_exactly_and_all_of_them_sent(editor: Client, acme: Workspace) -> None:
    bulk = many(acme, 25_000)
    count_again(acme)
    # PostgreSQL looks at its tables by itself, but not at rows of a transaction that is open.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert numbers(editor)["add"] == "25,000"
    assert numbers(editor, "provider=notion")["add"] == "10,000+"
    counts = editor.get(f"{PAGE}?part=counts", headers=HTMX).content.decode()
    assert "Select all 10,000+" in counts
    assert "Send 10,000+ to ingestion" in counts
    answer = editor.post(PAGE, {"do": "send", "id": select_all(editor)}, headers=HTMX)
    assert "Send 25,000 to ingestion" in answer.content.decode()
    assert contents(Preview.objects.get())["entries"] == pks(bulk)


@pytest.mark.parametrize(
    "at",
    [
        "",
        "yesterday",
        "2026-02-30T00:00:00+00:00",
        "2026-11-28T10:00:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\x00",
    ],
)
def test_an_undo_of_no_time_puts_nothing_back_and_says_so(editor: Client, at: str) -> None:
    assert "There is nothing to put back" in said(editor.post(PAGE, {"do": "undo", "at": at}, follow=True))
