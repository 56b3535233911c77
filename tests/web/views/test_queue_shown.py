"""What the queue's page sends is what it showed: its own button, *Select all N*, and what the page opens on."""

import re
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fini_admin.ingestion.models import Lane, Preview, QueueEntry, Run
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
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
    send_button,
    shown,
    waiting,
)
from tests.support.work import Start, drive, resources

pytestmark = pytest.mark.usefixtures("connected")

LANES = ("add", "refresh", "", "out", "taken")


def press(client: Client, button: tuple[str, str, dict[str, str]]) -> Preview:
    """The preview that the page's own button leads to."""
    _, leads, fields = button
    return preview_of(client.post(leads, fields, follow=True))


def taken_by(workspace: Workspace, number: int) -> Run:
    now = datetime.now(UTC)
    return Run.objects.create(
        workspace=workspace, number=number, kind="ingest", actor="a", origin="t", created_at=now
    )


def test_the_button_sends_what_the_tab_and_the_filters_show_and_says_how_many(
    editor: Client, acme: Workspace
) -> None:
    bulk = many(acme, 120)
    QueueEntry.objects.filter(pk__in=pks(bulk[100:])).update(lane=Lane.REFRESH)
    for query, says, entries in (
        ("", "Send 100 to ingestion", bulk[:100]),
        ("lane=refresh", "Send 20 to ingestion", bulk[100:]),
        ("q=n-9", "Send 11 to ingestion", [bulk[9], *bulk[90:100]]),
        ("q=n-11&lane=refresh", "Send 10 to ingestion", bulk[110:120]),
    ):
        button = send_button(editor, query)
        assert button[0] == says
        assert contents(press(editor, button))["entries"] == pks(entries)


def test_a_title_of_which_nothing_can_be_seen_gives_way_to_the_id(editor: Client, acme: Workspace) -> None:
    many(acme, 1)
    Source.objects.update(title="\u200b\u200d")
    page = editor.get(PAGE).content.decode()
    assert 'aria-label="Select n-0"' in page
    assert re.search(r'<a [^>]*href="/w/acme/sources/doc-0/">n-0</a>', page)


def test_without_a_script_the_button_sends_the_same(editor: Client, acme: Workspace) -> None:
    bulk = many(acme, 12)
    assert "Send all to ingestion" in editor.get(PAGE).content.decode()
    page = editor.get(f"{PAGE}?q=n-1").content.decode()
    assert "Send all that match to ingestion" in page
    assert f'action="{PAGE}?q=n-1&amp;lane=add"' in page
    preview = preview_of(post(editor, "send-all", [], "q=n-1&lane=add", upto=""))
    assert contents(preview)["entries"] == pks([bulk[1], bulk[10], bulk[11]])


def test_what_was_registered_after_the_number_came_is_not_sent_with_it(
    editor: Client, acme: Workspace, three: list[QueueEntry], register: Start
) -> None:
    button, (number, address) = send_button(editor), offer(editor)
    register(resources(2, "late"))
    drive(acme)
    assert (button[0], number) == ("Send 3 to ingestion", "3")
    assert contents(press(editor, button))["entries"] == pks(three)
    assert editor.get(f"{PAGE}{address}", headers=HTMX).content.decode() == ",".join(map(str, pks(three)))
    assert send_button(editor)[0] == "Send 5 to ingestion"


def test_what_was_taken_out_has_no_button_that_sends(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    post(editor, "remove", pks(three[:1]))
    assert "send-all" not in editor.get(f"{PAGE}?lane=out").content.decode().replace('id="send-all"', "")
    assert editor.post(f"{PAGE}?lane=out", {"do": "send-all"}).status_code == 400


def test_the_page_opens_on_a_lane_that_has_something(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    def opens(query: str = "") -> str:
        return str(editor.get(f"{PAGE}?{query}").context["lane"])

    assert opens() == "add"
    QueueEntry.objects.filter(pk=three[0].pk).update(lane=Lane.REFRESH)
    assert (opens(), opens("q=n-0"), opens("q=n-1"), opens("q=n-0&lane=add")) == (
        "add",
        "refresh",
        "add",
        "add",
    )
    QueueEntry.objects.update(lane="")
    assert (opens(), opens("lane=nonsense"), opens("q=zebra")) == ("unread", "unread", "add")
    QueueEntry.objects.update(lane=Lane.REFRESH)
    assert opens() == "refresh"
    assert sorted(shown(editor)) == ["n-0", "n-1", "n-2"]
    post(editor, "remove", pks(three))
    assert opens() == "add"


def test_select_all_gives_what_matches_now_and_no_later_search_changes_it(
    editor: Client, acme: Workspace, three: list[QueueEntry], register: Start
) -> None:
    register(resources(2, "m"))
    drive(acme)
    QueueEntry.objects.filter(pk=waiting(acme)[3].pk).update(run=taken_by(acme, 99))
    assert numbers(editor, "q=page")["add"] == "5"
    assert offer(editor, "q=page")[0] == "4"
    selected = select_all(editor, "q=/n/")
    assert selected == ",".join(map(str, pks(three)))
    for query in ("", "q=zebra", "lane=refresh", "provider=zendesk"):
        assert contents(preview_of(post(editor, "send", selected, query)))["entries"] == pks(three)


def test_of_what_was_selected_the_page_can_ask_what_waits_yet(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    def still(query: str = "") -> str:
        ids = ",".join(map(str, [*pks(three), 10**17, "x"]))
        return editor.get(f"{PAGE}?part=still&id={ids}&{query}", headers=HTMX).content.decode()

    assert still() == still("lane=refresh") == ",".join(map(str, pks(three)))
    post(editor, "remove", [three[0].pk])
    QueueEntry.objects.filter(pk=three[1].pk).update(run=taken_by(acme, 98))
    assert still("q=zebra") == str(three[2].pk)
    out = editor.get(f"{PAGE}?part=still&lane=out&id={three[0].source_id},{three[2].source_id}", headers=HTMX)
    assert out.content.decode() == str(three[0].source_id)


def test_nothing_of_what_was_selected_waits_any_more(
    editor: Client, acme: Workspace, three: list[QueueEntry]
) -> None:
    selected = select_all(editor)
    post(editor, "remove", pks(three))
    assert "None of these can be sent" in said(post(editor, "send", selected))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    places=st.lists(st.sampled_from(LANES), min_size=1, max_size=12),
    search=st.sampled_from(["", "Page", "n-1", "1", "doc-2", "zebra"]),
    lane=st.sampled_from(["", "add", "refresh", "unread"]),
)
@pytest.mark.django_db(transaction=True)
def test_whatever_is_shown_is_what_both_buttons_send(
    editor: Client, acme: Workspace, places: list[str], search: str, lane: str
) -> None:
    with transaction.atomic():
        bulk = many(acme, len(places))
        run = taken_by(acme, 97)
        for entry, place in zip(bulk, places, strict=True):
            mine = QueueEntry.objects.filter(pk=entry.pk)
            if place == "out":
                mine.update(closed_at=datetime.now(UTC), closed_how="removed")
            else:
                mine.update(lane="add" if place == "taken" else place, run=run if place == "taken" else None)
        query = f"q={search}" + (f"&lane={lane}" if lane else "")
        rows = editor.get(f"{PAGE}?{query}").context["page"].rows
        free = sorted(row.pk for row in rows if row.run_id is None)
        says, *_ = button = send_button(editor, query)
        assert says == f"Send {len(free)} to ingestion"
        assert select_all(editor, query) == ",".join(map(str, free))
        if free:
            assert contents(press(editor, button))["entries"] == free
        else:
            assert not offer(editor, query)[0]
        transaction.set_rollback(True)
    assert not Source.objects.exists()
