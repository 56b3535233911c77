"""A source's page: every field, its history with the call that showed each step, its calls."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.audit import queries
from fini_admin.ingestion.models import Item, QueueEntry
from fini_admin.sources.models import Source, StateChange
from fini_admin.web.wording.source_facts import field_groups
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.sources import NOW, bare
from tests.support.work import Start, drive, resources

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def viewer(acme: Workspace, client: Client) -> Client:
    client.force_login(people.member(acme, "viewer"))
    return client


def address(source: Source) -> str:
    return f"/w/{source.workspace.slug}/sources/{source.fini_id}/"


def text(client: Client, source: Source, query: str = "", **extra: Any) -> str:
    return " ".join(client.get(f"{address(source)}?{query}", **extra).content.decode().split())


def ingested(register: Start, acme: Workspace) -> Source:
    register(resources(1), then_ingest=True)
    drive(acme)
    return Source.objects.get(external_id="n-0")


def test_the_history_leads_to_the_call_and_the_run_of_each_step(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    source = ingested(register, acme)
    answer = viewer.get(address(source))
    changes = list(StateChange.objects.filter(source=source).order_by("-pk"))
    assert answer.context["page"].rows == changes
    assert [changes[-1].new, changes[-2].new, changes[0].new] == ["queued", "sent", "usable"]
    rows = re.findall(r'<tr id="change-.*?</tr>', answer.content.decode(), re.DOTALL)
    assert len(rows) == len(changes)
    for row, change in zip(rows, changes, strict=True):
        assert change.call
        assert f'href="/w/acme/audit/{change.call}/"' in row
        assert 'href="/w/acme/runs/1/"' in row
        assert viewer.get(f"/w/acme/audit/{change.call}/").status_code == 200


def test_its_calls_are_those_of_its_history_and_of_the_steps_that_carried_it(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    source = ingested(register, acme)
    calls = viewer.get(address(source)).context["calls"]
    carried = Item.objects.get(source=source).step
    assert carried
    wanted = set(StateChange.objects.filter(source=source).values_list("call", flat=True)) | {carried.call}
    assert {row.call for row in calls} == wanted
    assert {row.kind for row in calls} == {"call.answered"}
    assert [row.seq for row in calls] == sorted((row.seq for row in calls), reverse=True)
    assert {"register", "ingest"} <= {row.route for row in calls}


def test_its_runs_tell_outcome_and_reason(
    viewer: Client, acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(outcomes={"n-0": "failed"})
    source = ingested(register, acme)
    (item,) = viewer.get(address(source)).context["items"]
    assert (item.outcome, bool(item.reason)) == ("failed", True)
    page = text(viewer, source)
    assert "Register, then ingest, 1 resource (add)" in page
    assert item.reason in page
    assert f"Fini failed on it: {source.error}" in page
    assert "A retry is safe: its job has ended" in page


def test_a_queued_source_says_where_it_waits_and_who_put_it_there(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    register(resources(1))
    drive(acme)
    source = Source.objects.get(external_id="n-0")
    page = text(viewer, source)
    assert "in the queue, lane add, by ada@example.com" in page
    assert "It waits to be sent to ingestion for the first time." in page
    way = f"/w/acme/queue/?lane=add&q={source.fini_id}"
    assert f'<a class="button" href="{way.replace("&", "&amp;")}">Show it in the queue</a>' in page
    assert [entry.source for entry in viewer.get(way).context["page"].rows] == [source]


def test_a_source_out_of_the_queue_leads_to_where_it_is_put_back(viewer: Client, acme: Workspace) -> None:
    source = bare(acme, state="registered")
    found = viewer.get(address(source)).context
    assert found["next_url"] == "/w/acme/queue/?lane=out&q=id-a"
    assert list(viewer.get(found["next_url"]).context["page"].rows) == [source]


def test_every_field_of_the_record_is_there_by_both_names(
    viewer: Client, acme: Workspace, register: Start
) -> None:
    source = ingested(register, acme)
    page = text(viewer, source)
    kept = {field.name for field in Source._meta.concrete_fields}
    inner = {
        "id",
        "workspace",
        "wanted_since",
        "missed_walks",
        "before_job",
        "before_status",
        "id_key",
        "address_key",
        "search_text",
    }
    told = {fact.wire for group in field_groups(source) for fact in group.fields if fact.wire}
    assert told == {
        "id", "title", "originalUrl", "source", "externalId", "mimeType", "type", "english", "baser", "createdAt",
        "updatedAt", "linkedJobStatus", "success", "error", "linkedJobId", "linkedKnowledgeId", "linkedOperation",
        "linkedReason", "changed", "paragraphs",
    }  # fmt: skip
    assert [name for name in told if f'<code class="wire">{name}</code>' not in page] == []
    for name in kept - inner - {"state", "state_since", "before_updated"}:
        value = getattr(source, name)
        if isinstance(value, str) and value and not name.endswith("_at") and name != "excerpt":
            assert value in page, name
    assert source.excerpt[:40].split("\n")[0] in page
    assert "The text itself, its former version and its storage address are not stored" in page


def test_a_record_that_was_never_read_says_so(viewer: Client, acme: Workspace) -> None:
    source = bare(acme, state="registered")
    page = text(viewer, source)
    assert "not read yet" in page
    assert "<h1> <bdi>id-a</bdi> </h1>" in page


@pytest.mark.parametrize("time", ["2026-08-03", "yesterday", "2026-08-03T09:00:12.004", "9" * 400, "٣"])
def test_a_time_of_the_wire_that_is_none_is_shown_as_it_came(
    viewer: Client, acme: Workspace, time: str
) -> None:
    assert f"<bdi>{time}</bdi>" in text(viewer, bare(acme, created_at=time))


def test_a_time_of_the_wire_is_said_in_the_viewers_zone(viewer: Client, acme: Workspace) -> None:
    viewer.cookies["zone"] = "Europe/Berlin"
    page = text(viewer, bare(acme, created_at="2025-08-03T09:00:12.004Z"))
    assert 'title="2025-08-03 11:00:12 CEST, 2025-08-03 09:00:12 UTC">3 Aug 2025</time>' in page


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://a.example", "https://", "not a url", ""])
def test_an_address_that_a_browser_must_not_follow_is_no_link(
    viewer: Client, acme: Workspace, url: str
) -> None:
    assert f'href="{url}"' not in text(viewer, bare(acme, original_url=url))


def test_the_original_opens_without_saying_where_one_came_from(viewer: Client, acme: Workspace) -> None:
    page = text(viewer, bare(acme, original_url="https://docs.example/a?b=1&c=2"))
    assert '<a href="https://docs.example/a?b=1&amp;c=2" rel="noreferrer noopener"' in page


def test_markup_in_any_field_is_escaped(viewer: Client, acme: Workspace) -> None:
    names = (
        "title", "external_id", "original_url", "mime_type", "kind", "error", "job_id", "job_status",
        "knowledge_id", "operation", "reason", "created_at", "updated_at", "excerpt", "content_sha256",
    )  # fmt: skip
    source = bare(acme, state="failed", **{name: f"<script>{name[:9]}</script>" for name in names})
    StateChange.objects.create(source=source, at=NOW, new="usable", note="<script>note</script>", call="<b>")
    page = text(viewer, source)
    assert re.findall(r"<script>\w*", page) == []
    assert "&lt;script&gt;title" in page
    assert "&lt;script&gt;note" in page


def test_for_htmx_only_the_source_is_answered_and_it_asks_again(viewer: Client, acme: Workspace) -> None:
    part = text(viewer, bare(acme), headers={"HX-Request": "true"})
    assert "<html" not in part
    assert 'data-live="source"' in part


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("editor", True), ("admin", True)])
def test_another_try_is_offered_to_who_may_start_it(
    acme: Workspace, client: Client, role: str, may: bool
) -> None:
    source = bare(acme, state="failed", error="No access", read_at=NOW)
    client.force_login(people.member(acme, role))
    page = text(client, source)
    assert "Correct what Fini names. Then retry it, below." in page
    assert ('id="do-retry"' in page) is may
    assert ("Your role does not allow this. Ask an editor or an admin." in page) is not may


def test_a_retry_is_advised_once(viewer: Client, acme: Workspace) -> None:
    page = text(viewer, bare(acme, state="failed", error="The provider refused access", read_at=NOW))
    assert "then retry: that is safe." in page
    assert "Then retry it, below." not in page


def test_what_is_not_there_is_not_found(viewer: Client, acme: Workspace, client: Client) -> None:
    other = people.workspace("other", "Other Company")
    theirs = bare(other)
    for fini_id in (theirs.fini_id, "nothing", "..%2f", "a" * 300, "-a"):
        assert viewer.get(f"/w/acme/sources/{fini_id}/").status_code == 404
    client.force_login(people.member(other, "admin"))
    assert client.get(address(theirs)).status_code == 200
    assert client.get(address(bare(acme))).status_code == 404


def test_a_history_goes_on_page_by_page(viewer: Client, acme: Workspace) -> None:
    source = bare(acme)
    for number in range(52):
        StateChange.objects.create(source=source, at=NOW, new="usable", note=f"note {number}")
    first = viewer.get(address(source)).context["page"]
    assert [change.note for change in first.rows][:2] == ["note 51", "note 50"]
    second = viewer.get(f"{address(source)}?after={first.older}").context["page"]
    assert [change.note for change in second.rows] == ["note 1", "note 0"]
    assert viewer.get(f"{address(source)}?after=x").context["page"].rows == first.rows
    assert "Nothing is older than this." in text(viewer, source, "after=1")


def test_three_steps_take_as_many_queries_as_one(viewer: Client, acme: Workspace, register: Start) -> None:
    source = ingested(register, acme)
    StateChange.objects.filter(source=source).exclude(new="usable").delete()
    viewer.get(address(source))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            viewer.get(address(source))
        return len(captured)

    one = queries()
    for _ in range(2):
        register(resources(1), then_ingest=True)
        drive(acme)
    assert StateChange.objects.filter(source=source).count() > 3
    assert Item.objects.filter(source=source).count() == 3
    assert queries() == one
    assert one <= 18


def test_its_calls_are_found_by_an_index(acme: Workspace, register: Start) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the planner of a nearly empty table proves nothing elsewhere")
    source = ingested(register, acme)
    ids = list(StateChange.objects.filter(source=source).values_list("call", flat=True))
    with CaptureQueriesContext(connection) as captured:
        assert queries.latest_call_rows(str(acme.pk), ids)
    plans = [connection.cursor().execute(f"EXPLAIN QUERY PLAN {query['sql']}") for query in captured]
    steps = [row[3] for plan in plans for row in plan.fetchall()]
    told = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
    assert [line for line in told if "one_asked_per_call" in line or "one_outcome_per_call" in line] == told


def test_the_entry_of_a_closed_wait_is_not_told(viewer: Client, acme: Workspace) -> None:
    source = bare(acme)
    QueueEntry.objects.create(workspace=acme, source=source, opened_at=NOW, opened_by="ada", closed_at=NOW)
    assert "in the queue" not in text(viewer, source)
