"""Pages ask for news of what they show: nothing without news, what changed with it, and never what one may not see."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fini_admin.audit.recording import Context
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Run, Slot, Worker
from fini_admin.sources.models import Source
from fini_admin.web import live
from fini_admin.web.templatetags.source_words import time_in_state
from fini_admin.workspaces.models import Membership, Role, WorkspaceSettings
from fini_admin.workspaces.vault import Secret
from tests.support import people, rows
from tests.support.furnished import Furnished, furnish
from tests.support.who import by

HTMX = {"HX-Request": "true"}
LIVE_PAGES = {
    "": "list,runs",
    "?trends=day": "list,trends,runs",
    "sources/": "list,counts",
    "queue/": "list,counts",
    "runs/": "list",
    "runs/1/": "list",
    "audit/": "list",
    "activity/": "list",
    "keys/": "list",
    "web/": "list",
    "discover/zendesk/": "list",
    "discover/zendesk/?seen=an+older+one": "list",
    "sources/acme-source-1/": "source",
}


class Tab:
    """A page that was loaded, and asks for news as live.js does."""

    def __init__(self, client: Client, url: str, parts: str = "") -> None:
        self.client, self.url, self.parts = client, url, parts
        page = client.get(url).content.decode()
        self.mark = re.findall(r'data-mark="([^"]*)"', page)[0]
        self.digests: dict[str, str] = {}

    def ask(self) -> Any:
        seen = f"{self.mark} {self.parts} {','.join(self.digests.values())}"
        answer = self.client.get(self.url, headers=HTMX | {"X-Seen": seen})
        if "X-Seen" in answer:
            self.mark = answer["X-Seen"]
            said = answer.content.decode()
            self.digests |= dict(re.findall(r'hx-target="([^"]+)"[^>]* data-d="([^"]+)"', said))
            self.digests |= {digest: digest for digest in re.findall(r'<tr data-d="([^"]+)"', said)}
        return answer

    def news(self) -> list[str]:
        """The places of the page for which something came."""
        return re.findall(r'<hx-partial hx-target="([^"]+)"', self.ask().content.decode())


@pytest.fixture
def company(db: None) -> Furnished:
    return furnish("acme", "Acme")


@pytest.fixture
def client(company: Furnished) -> Client:
    client = Client()
    people.log_in(client, company.members["admin"])
    return client


def older(tab: Tab) -> None:
    """As if the page had been looked at longer ago than without news it may stay as it is."""
    state, _, at = tab.mark.rpartition(".")
    tab.mark = f"{state}.{int(at) - live.AGE}"


@pytest.mark.parametrize("page", LIVE_PAGES)
def test_without_news_the_answer_is_empty_and_costs_three_queries(client: Client, page: str) -> None:
    tab = Tab(client, f"/w/acme/{page}", LIVE_PAGES[page])
    tab.ask()
    with CaptureQueriesContext(connection) as made:
        answer = tab.ask()
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(made) <= 3, [q["sql"][:150] for q in made]
    lines = [f"{name}: {value}" for name, value in answer.headers.items()]
    assert sum(len(line) + 2 for line in lines) < 250  # the server's own lines are about 110 more


@pytest.mark.parametrize("page", LIVE_PAGES)
def test_what_did_not_change_is_not_sent_again(client: Client, page: str, company: Furnished) -> None:
    tab = Tab(client, f"/w/acme/{page}", LIVE_PAGES[page])
    older(tab)
    assert "#foot" in tab.news()  # nothing was sent yet for what stands in the page
    older(tab)
    assert tab.ask().status_code == 204  # one-time tokens and times are no news
    assert tab.ask().status_code == 204


def test_with_news_comes_what_changed_and_no_more(client: Client, company: Furnished) -> None:
    tab = Tab(client, "/w/acme/sources/", "list,counts")
    older(tab)
    tab.ask()
    context = Context(
        str(company.workspace.pk),
        by("ada@example.com", "worker"),
        "live",
        str(company.keys["live"].pk),
        Secret("-"),
    )
    rows.asked(context)
    assert tab.news() == []
    Source.objects.filter(pk=company.sources[-1].pk).update(title="Another title")
    discovery.start_discover(**company.who, workspace=company.workspace, provider="notion")
    assert tab.news() == [f"#source-{company.sources[-1].pk}", "#note-runs"]
    assert tab.news() == []


def test_a_new_row_brings_the_list_with_the_cells_of_all_rows(client: Client, company: Furnished) -> None:
    tab = Tab(client, "/w/acme/runs/", "list")
    older(tab)
    tab.ask()
    run = discovery.start_discover(**company.who, workspace=company.workspace, provider="notion")
    said = tab.ask().content.decode()
    rows = re.findall(r"<tr data-d.*?</tr>", said, re.DOTALL)
    assert len(rows) == run.number
    assert all("run " in row for row in rows)
    assert "<!--cells" not in said
    Run.objects.filter(pk=run.pk).update(actor="bob@example.com")
    older(tab)
    assert tab.news() == [f"#run-{run.number}"]


NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def seen_once(monkeypatch: pytest.MonkeyPatch, passed: timedelta) -> str:
    """The version of a source's row, so long after it was last seen."""
    monkeypatch.setattr(timezone, "now", lambda: NOON + passed)
    source = Source(state="usable", state_since=NOON, first_seen=NOON, last_seen=NOON)
    return live.row_version([source, time_in_state(source)])


def test_a_row_is_another_one_when_a_time_in_it_is_told_in_other_words(monkeypatch) -> None:
    versions = [seen_once(monkeypatch, timedelta(minutes=passed)) for passed in (0, 1, 59, 61, 1500)]
    assert versions[0] == versions[1] == versions[2] != versions[3] != versions[4]


def test_a_row_that_is_seen_again_is_news_once_a_minute_and_its_state_at_once() -> None:
    first = Source(state="running", state_since=NOON, first_seen=NOON, last_seen=NOON)
    later = {
        seconds: live.row_version([copy(first, last_seen=NOON + timedelta(seconds=seconds))])
        for seconds in (3, 59, 60)
    }
    assert live.row_version([first]) == later[3] == later[59] != later[60]
    assert live.row_version([copy(first, state="usable")]) != live.row_version([first])
    titled = [live.row_version([copy(first, title=title)]) for title in ("for 5 s", "for 6 s")]
    assert titled[0] != titled[1]


def copy(source: Source, **changed: object) -> Source:
    """A source with other values in some fields."""
    return Source(**{name: held for name, held in vars(source).items() if name != "_state"} | changed)


def test_what_changes_with_time_alone_is_looked_at_after_a_while(client: Client, company: Furnished) -> None:
    Worker.objects.update(seen_at=datetime.now(UTC))
    tab = Tab(client, "/w/acme/sources/")
    Worker.objects.update(seen_at=datetime.now(UTC) - timedelta(hours=1))
    assert "no worker running" in tab.ask().content.decode()
    assert tab.ask().status_code == 204
    Slot.objects.create(
        workspace=company.workspace, number=1, call="1", sent_at=datetime.now(UTC) - timedelta(seconds=40)
    )
    assert "<b>1</b>" in tab.ask().content.decode()
    Slot.objects.update(sent_at=datetime.now(UTC) - timedelta(seconds=61))
    assert "<b>0</b>" in tab.ask().content.decode()
    WorkspaceSettings.objects.create(workspace=company.workspace, calls_per_minute=7)
    assert tab.ask().status_code == 204  # nobody wrote that: it stands for what time alone changes
    older(tab)
    assert "of 7 calls" in tab.ask().content.decode()


def test_a_page_without_live_parts_hears_of_its_frame_and_is_not_read(
    client: Client, company: Furnished
) -> None:
    tab = Tab(client, "/w/acme/members/")
    discovery.start_discover(**company.who, workspace=company.workspace, provider="notion")
    # The address of a form that was answered with its page.
    tab.url = f"/w/acme/members/{company.membership('viewer').pk}/role/"
    assert set(tab.news()) >= {"#foot", "#note-runs"}


def test_who_may_not_see_a_page_any_more_hears_nothing_of_it(client: Client, company: Furnished) -> None:
    tab = Tab(client, "/w/acme/keys/", "list")
    Membership.objects.filter(pk=company.membership("admin").pk).update(role=Role.VIEWER)
    assert tab.ask().status_code == 403
    Membership.objects.filter(pk=company.membership("admin").pk).delete()
    assert tab.ask().status_code == 404


def test_a_refused_page_asks_for_no_news(company: Furnished) -> None:
    client = Client()
    client.force_login(company.members["viewer"])
    answer = client.get("/w/acme/keys/")
    assert answer.status_code == 403
    assert 'id="clock"' not in answer.content.decode()


def test_a_mark_that_nobody_made_is_no_mark(client: Client) -> None:
    for mark in ("x", "1.2.3.4.5", "1.2.3.1.0.99999999999999999999", f"{'9' * 500} list", "² list"):
        answer = client.get(
            "/w/acme/sources/", headers=HTMX | {"X-Seen": mark.encode("latin-1", "replace").decode("latin-1")}
        )
        assert answer.status_code == 200, mark
