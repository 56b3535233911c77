"""The list of sources: its filters, its numbers, and what it exports."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion import export
from fini_admin.ingestion.models import QueueEntry
from fini_admin.lib.download import unescape_formula
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sources import count_again

NOW = datetime.now(UTC)
PAGE = "/w/acme/sources/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def viewer(acme: Workspace, client: Client) -> Client:
    client.force_login(people.member(acme, "viewer"))
    return client


def source(workspace: Workspace, name: str, **fields: Any) -> Source:
    values: dict[str, Any] = {
        "fini_id": f"id-{name}",
        "provider": "notion",
        "external_id": f"ext-{name}",
        "title": f"Title {name}",
        "original_url": f"https://docs.example/{name}",
        "state": "usable",
        "state_since": datetime.now(UTC) - timedelta(minutes=4, seconds=5),  # NOW is of when the tests began
        "first_seen": NOW,
        "last_seen": NOW,
    }
    return Source.objects.create(workspace=workspace, **values | fields)


def shown(client: Client, query: str = "") -> list[str]:
    """The IDs on the page, without what they begin with."""
    return [row.fini_id[3:] for row in client.get(f"{PAGE}?{query}").context["page"].rows]


def text(client: Client, query: str = "", **extra: Any) -> str:
    return " ".join(client.get(f"{PAGE}?{query}", **extra).content.decode().split())


def counted(client: Client, query: str = "", page: str = PAGE) -> str:
    """The tabs with their numbers, as they are loaded after the page."""
    return " ".join(client.get(f"{page}?part=counts&{query}", headers=HTMX).content.decode().split())


def numbers(part: str) -> dict[str, str]:
    """What the tabs count, without those that count nothing."""
    found = re.findall(r'<a id="tab-(\w+)"[^>]*>\w+ <span class="tab-number">([^<]+)</span>', part)
    return {state: number for state, number in found if number != "0"}


def exported(client: Client, query: str) -> str:
    answer = client.get(f"{PAGE}?{query}")
    assert answer.streaming
    return answer.getvalue().decode()


def test_a_row_tells_what_and_where_and_since_when(viewer: Client, acme: Workspace) -> None:
    source(acme, "a", state="running", run=7)
    page = text(viewer)
    assert '<a id="link-' in page
    assert 'href="/w/acme/sources/id-a/"><bdi>Title a</bdi></a>' in page
    assert '<bdi class="mono cut">ext-a</bdi>' in page
    assert '<bdi class="cut">docs.example</bdi><bdi dir="ltr">/a</bdi>' in page
    assert ">for 4 min</time>" in page
    assert 'href="/w/acme/runs/7/">7</a>' in page
    assert "running</span>" in page


def test_the_newest_comes_first_and_older_ones_page_by_page(viewer: Client, acme: Workspace) -> None:
    for number in range(53):
        source(acme, f"{number:02}")
    first = viewer.get(PAGE).context["page"]
    assert [row.fini_id for row in first.rows][:2] == ["id-52", "id-51"]
    assert shown(viewer, f"after={first.older}") == ["02", "01", "00"]
    assert shown(viewer, "after=1") == []
    assert "Nothing is older than this." in text(viewer, "after=1")


@pytest.mark.parametrize("cursor", ["x", "-1", "1e3", "9" * 40, "٣", "fini_abcdefghijklmnopqrstuv"])
def test_a_bad_cursor_leads_to_the_first_page_and_is_not_repeated(
    viewer: Client, acme: Workspace, cursor: str
) -> None:
    source(acme, "a")
    assert shown(viewer, f"after={cursor}") == ["a"]
    assert "fini_abc" not in text(viewer, f"after={cursor}")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=failed", ["b"]),
        ("provider=zendesk", ["c"]),
        ("run=5", ["d"]),
        ("q=Title+B", ["b"]),
        ("q=docs.example/c", ["c"]),
        ("q=EXT-D", ["d"]),
        ("q=id-a", ["a"]),
        ("q=title+docs+ext-a", ["a"]),
        ("q=title+nowhere", []),
        ("q=100%25", []),
        ("q=+++", ["d", "c", "b", "a"]),
        ("state=failed&provider=zendesk", []),
        ("state=failed&provider=notion&run=3&q=b", ["b"]),
    ],
)
def test_each_filter_finds_what_it_says(
    viewer: Client, acme: Workspace, query: str, found: list[str]
) -> None:
    source(acme, "a")
    source(acme, "b", state="failed", run=3)
    source(acme, "c", provider="zendesk")
    source(acme, "d", run=5)
    assert shown(viewer, query) == found


def test_the_search_folds_case_beyond_ascii(viewer: Client, acme: Workspace) -> None:
    source(acme, "a", title="Über uns")
    assert shown(viewer, "q=über") == ["a"]


def test_changed_since_is_a_time_in_the_viewers_zone(viewer: Client, acme: Workspace) -> None:
    source(acme, "old", state_since=datetime(2026, 3, 1, 11, 59, tzinfo=UTC))
    source(acme, "new", state_since=datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    assert shown(viewer, "since=2026-03-01T12:00") == ["new"]
    viewer.cookies["zone"] = "Europe/Berlin"
    assert shown(viewer, "since=2026-03-01T13:00") == ["new"]
    assert "Changed since (CE" in text(viewer)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=nonsense", "Not filtered by State: There is no such state."),
        ("provider=dropbox", "Not filtered by Provider: Select a valid choice."),
        ("run=abc", "Not filtered by Run: Enter a run&#x27;s number."),
        ("run=0", "Not filtered by Run: Enter a run&#x27;s number."),
        ("run=99999999999999999999", "Not filtered by Run: Enter a run&#x27;s number."),
        ("since=yesterday", "Enter a date like 2026-11-24, or a date and a time."),
        ("since=0001-01-01T00:00", "Enter a year from 2000 on."),
        (f"q={'x' * 301}", "Ensure this value has at most 300 characters"),
    ],
)
def test_a_bad_filter_is_said_and_left_out(viewer: Client, acme: Workspace, query: str, said: str) -> None:
    source(acme, "a")
    assert shown(viewer, query) == ["a"]
    assert said in text(viewer, query)


@pytest.mark.parametrize("name", ["q", "run", "since", "state", "provider", "after", "export", "part"])
def test_a_key_in_a_filter_is_never_shown_again(viewer: Client, acme: Workspace, name: str) -> None:
    source(acme, "a")
    for headers in ({}, HTMX):
        page = text(viewer, f"{name}={people.KEY}", headers=headers)
        assert people.KEY not in page
    for field in {"q", "run", "since", "provider"} & {name}:
        assert "looks like an API key" in text(viewer, f"{field}={people.KEY}")


def test_a_chip_says_what_its_filter_holds(viewer: Client, acme: Workspace) -> None:
    answer = viewer.get(f"{PAGE}?q=Travel+Terms&provider=googledrive&since=2026-01-02T03:04")
    assert [chip["said"].partition(": ")[2] for chip in answer.context["form"].chips()] == [
        "Travel Terms",
        "Google Drive",
        "2026-01-02 03:04",
    ]


def test_the_filters_in_use_stand_as_chips_that_remove_them(viewer: Client, acme: Workspace) -> None:
    source(acme, "a")
    chips = {
        chip["name"]: (chip["said"], chip["query"])
        for chip in viewer.get(f"{PAGE}?state=usable&q=a").context["form"].chips()
    }
    assert chips == {
        "q": ("Title, URL or ID: a", "state=usable"),
        "state": ("State: usable", "q=a"),
    }
    assert "Remove filter" not in text(viewer)


def test_the_counts_come_after_the_page_and_follow_the_other_filters(viewer: Client, acme: Workspace) -> None:
    source(acme, "a")
    source(acme, "b", state="failed")
    source(acme, "c", state="failed", provider="zendesk")
    count_again(acme)
    assert numbers(text(viewer)) == {}
    assert numbers(counted(viewer, "state=usable")) == {"all": "3", "usable": "1", "failed": "2"}
    assert numbers(counted(viewer, "provider=zendesk")) == {"all": "1", "failed": "1"}
    part = counted(viewer, "state=failed&provider=zendesk")
    assert 'href="/w/acme/sources/?provider=zendesk&amp;state=usable"' in part
    assert 'aria-current="page">failed' in part
    assert "<tbody" not in part


def test_clearing_the_filters_keeps_the_state_that_is_shown(viewer: Client, acme: Workspace) -> None:
    source(acme, "a", state="failed")
    clear = re.compile(r'href="([^"]*)"\s+data-clear')
    assert clear.findall(text(viewer, "state=failed&q=a&provider=notion")) == ["?state=failed"]
    assert clear.findall(text(viewer, "q=a")) == [PAGE]


def test_counts_that_read_every_row_are_not_taken_again_and_again(viewer: Client, acme: Workspace) -> None:
    source(acme, "a")
    polls = 'data-live="counts"'
    assert polls in counted(viewer, "provider=notion")
    assert polls not in counted(viewer, "q=a")
    assert polls not in counted(viewer, "since=2026-01-01T00:00")


def test_for_htmx_only_the_list_is_answered_and_it_stays_live(viewer: Client, acme: Workspace) -> None:
    source(acme, "a")
    part = text(viewer, "q=a&after=99999999", headers=HTMX)
    assert "<html" not in part
    assert "Title a" in part
    assert 'data-live="list"' in part


def test_an_empty_list_says_why(viewer: Client, acme: Workspace, client: Client) -> None:
    assert "No source is known yet." in text(viewer)
    assert "/w/acme/discover/" not in text(viewer)
    source(acme, "a")
    assert "No source matches." in text(viewer, "state=failed")
    client.force_login(people.member(acme, "editor"))
    Source.objects.all().delete()
    assert "Discover what can be brought in" in text(client)


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_whoever_may_read_sources_may_export_them(acme: Workspace, client: Client, role: str) -> None:
    source(acme, "a")
    client.force_login(people.member(acme, role))
    assert client.get(PAGE).status_code == 200
    assert json.loads(exported(client, "export=jsonl"))["id"] == "id-a"


def test_another_workspaces_sources_are_nowhere(acme: Workspace, client: Client) -> None:
    other = people.workspace("other", "Other Company")
    source(acme, "ours")
    source(other, "theirs")
    count_again(other)
    client.force_login(people.member(other, "admin"))
    assert client.get(PAGE).status_code == 404
    assert client.get(f"{PAGE}?export=csv").status_code == 404
    answer = client.get("/w/other/sources/")
    assert [row.fini_id for row in answer.context["page"].rows] == ["id-theirs"]
    lines = client.get("/w/other/sources/?export=jsonl").getvalue().decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["id-theirs"]
    assert numbers(counted(client, page="/w/other/sources/"))["all"] == "1"


def test_json_lines_hold_what_export_sources_prints_of_what_is_shown(viewer: Client, acme: Workspace) -> None:
    source(acme, "a", state="failed", title="Grüße <b>", mime_type="application/pdf", kind="page")
    queued = source(acme, "b", state="queued", run=3, error="once")
    source(acme, "c", state="usable")
    QueueEntry.objects.create(workspace=acme, source=queued, opened_at=NOW, opened_by="ada")
    every = {row["id"]: row for row in export.all_sources(acme)}
    lines = [json.loads(line) for line in exported(viewer, "export=jsonl").splitlines()]
    assert [line["id"] for line in lines] == ["id-c", "id-b", "id-a"]
    assert {line["id"]: line for line in lines} == every
    names = "id source externalId title originalUrl mimeType object state lane run first_seen last_seen"
    assert " ".join(lines[0]) == " ".join(export.NAMES) == f"{names} changed_since"
    assert every["id-b"]["lane"] == "refresh"
    assert (every["id-a"]["mimeType"], every["id-a"]["object"]) == ("application/pdf", "page")
    found = exported(viewer, "export=jsonl&q=gr&state=failed&after=1").splitlines()
    assert [json.loads(line) for line in found] == [every["id-a"]]


def test_an_export_goes_on_past_one_page(
    viewer: Client, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    for number in range(5):
        source(acme, str(number))
    lines = exported(viewer, "export=jsonl").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"id-{number}" for number in (4, 3, 2, 1, 0)]


def test_csv_has_the_same_columns_and_no_formulas(viewer: Client, acme: Workspace) -> None:
    dangerous = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x", "＝1", "  =1"]
    for number, title in enumerate(dangerous):
        source(acme, f"{number}", title=title)
    source(acme, "plain", title='Tea, "two" cups\nand = more', run=4)
    answer = viewer.get(f"{PAGE}?export=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="sources-acme-')
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))
    assert list(rows[0]) == export.NAMES
    titles = [row["title"] for row in reversed(rows[1:])]
    assert all(title.startswith("'") for title in titles)
    assert [unescape_formula(title) for title in titles] == dangerous
    assert rows[0]["title"] == 'Tea, "two" cups\nand = more'
    assert (rows[0]["run"], rows[0]["lane"], rows[1]["run"]) == ("4", "", "")


def test_an_empty_export_has_its_header(viewer: Client, acme: Workspace) -> None:
    assert exported(viewer, "export=csv") == ",".join(export.NAMES) + "\r\n"
    assert exported(viewer, "export=jsonl") == ""


def test_titles_of_every_kind_keep_to_their_row(viewer: Client, acme: Workspace) -> None:
    source(acme, "a", title="</a><script>alert(1)</script>", original_url='"><img src=x>')
    source(acme, "b", title="\u200b\u202e ")
    source(acme, "c", title="", external_id="")
    source(acme, "d", title="مرحبا \u202e evil 👩‍👩‍👧")
    source(acme, "e", title="A" * 5000)
    page = text(viewer)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;/a&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<bdi>ext-b</bdi></a>" in page
    assert "<bdi>id-c</bdi></a>" in page
    assert "<bdi>مرحبا \u202e evil 👩‍👩‍👧</bdi>" in page
    assert "A" * 159 + "…" in page
    assert "A" * 160 not in page


def test_three_sources_take_as_many_queries_as_one(viewer: Client, acme: Workspace) -> None:
    source(acme, "a", run=1)
    viewer.get(PAGE)

    def queries() -> list[int]:
        numbers = []
        for query, headers in (("", {}), ("q=a&state=usable", HTMX), ("part=counts", HTMX)):
            with CaptureQueriesContext(connection) as captured:
                viewer.get(f"{PAGE}?{query}", headers=headers)
            numbers.append(len(captured))
        return numbers

    one = queries()
    source(acme, "b", run=2)
    source(acme, "c", state="failed")
    assert queries() == one
    assert one[1] <= 6  # one asks the search's index
    assert one[2] <= len(State) + 6


def test_nothing_but_reading_is_done_here(viewer: Client, acme: Workspace) -> None:
    source(acme, "a")
    with CaptureQueriesContext(connection) as captured:
        text(viewer)
        exported(viewer, "export=jsonl")
    written = [
        query["sql"] for query in captured if query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")
    ]
    assert written == []
