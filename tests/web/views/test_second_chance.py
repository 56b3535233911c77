"""A second chance: retry, refresh and delete from Sources, from a source, from a run and from Home."""

import re
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion.models import Item, Preview, Run, RunKind, Stage
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.chances import HTMX, SOURCES, ended_run, failed, held, known, preview_after, said
from tests.support.sources import count_again

ROLES = ("viewer", "editor", "admin")
RETRY = "/w/acme/runs/41/retry/"


def log_in(client: Client, workspace: Workspace, role: str) -> Client:
    people.sign_in(client, people.member(workspace, role, f"{role}@example.com"))
    return client


def post(client: Client, do: str, ids: Any = (), address: str = SOURCES) -> Any:
    return client.post(address, {"do": do, "id": ids})


def test_a_batch_leads_to_the_preview_of_exactly_what_was_selected(editor: Client, acme: Workspace) -> None:
    one, two, three = (known(acme, name) for name in "abc")
    preview = preview_after(post(editor, "refresh", [three.pk, one.pk]))
    assert (preview.kind, held(preview)) == (RunKind.REFRESH, [three.pk, one.pk])
    page = said(editor, f"/w/acme/previews/{preview.token}/")
    assert "1 call that writes</strong>" in page
    assert "will be refreshed" in page
    assert "POST /v2/documents/public/refresh" in page
    assert ">Refresh 2</button>" in page
    assert "Title a" in page
    assert "Title b" not in page
    assert two.fini_id not in page
    assert "id-c" in said(editor, f"/w/acme/previews/{preview.token}/?call=1")


def test_what_is_confirmed_is_what_was_shown_and_twice_is_one_run(editor: Client, acme: Workspace) -> None:
    sources = [known(acme, name) for name in "abc"]
    preview = preview_after(post(editor, "refresh", ",".join(str(source.pk) for source in sources[:2])))
    known(acme, "d")
    address = f"/w/acme/previews/{preview.token}/"
    answers = [
        editor.post(address, {"reason": "stale", "do": "refresh", "id": sources[2].pk}) for _ in range(2)
    ]
    run = Run.objects.get()
    assert {answer["Location"] for answer in answers} == {f"/w/acme/runs/{run.number}/"}
    assert (run.kind, run.reason) == (RunKind.REFRESH, "stale")
    assert list(run.items.order_by("position").values_list("source", flat=True)) == [
        s.pk for s in sources[:2]
    ]


def test_what_another_run_has_is_left_out_and_leads_to_that_run(editor: Client, acme: Workspace) -> None:
    busy, free = known(acme, "busy"), known(acme, "free")
    other = ended_run(acme, "refresh", [], state="running", ended_at=None)
    Item.objects.create(run=other, position=0, stage=Stage.FOLLOW, source=busy)
    raw = known(acme, "raw", provider="files")
    preview = preview_after(post(editor, "refresh", [busy.pk, free.pk, raw.pk]))
    assert held(preview) == [free.pk]
    page = said(editor, f"/w/acme/previews/{preview.token}/")
    assert '1 left out: <a href="/w/acme/runs/41/">Run 41 has it</a>' in page
    assert "1 left out: Raw files cannot be refreshed" in page
    answer = post(editor, "delete", [busy.pk])
    assert answer.status_code == 403
    part = editor.post(SOURCES, {"do": "refresh", "id": busy.pk}, headers=HTMX)
    assert (part.status_code, "Run 41 has it" in part.content.decode()) == (422, True)


def test_select_all_means_what_the_filters_show(editor: Client, acme: Workspace) -> None:
    ours = [failed(acme, name) for name in "ab"]
    failed(acme, "c", "Something else")
    known(acme, "d")
    query = "reason=The+page+answered+403"
    part = editor.get(f"{SOURCES}?{query}&part=counts", headers=HTMX).content.decode()
    offer = re.search(r'data-all="([^"]*)"[^>]*data-number="(\d*)">Select all ([\d,]+)<', part, re.DOTALL)
    assert offer
    assert offer.groups()[1:] == ("2", "2")
    later = failed(acme, "later")
    asked = editor.get(f"{SOURCES}{offer[1].replace('&amp;', '&')}", headers=HTMX)
    assert asked["Content-Type"] == "text/plain"
    assert asked.content.decode() == f"{ours[1].pk},{ours[0].pk}"
    preview = preview_after(post(editor, "retry-all", address=f"{SOURCES}?{query}"))
    assert held(preview) == [later.pk, ours[1].pk, ours[0].pk]
    page = said(editor, f"/w/acme/previews/{preview.token}/")
    assert ">Retry 3</button>" in page
    assert "will be refreshed" in page


def test_a_selection_of_nothing_is_said(editor: Client, acme: Workspace) -> None:
    answer = editor.post(f"{SOURCES}?state=failed", {"do": "retry"})
    assert (answer.status_code, answer["Location"]) == (303, f"{SOURCES}?state=failed")
    assert "Nothing is selected." in said(editor, answer["Location"])
    assert post(editor, "publish", [1]).status_code == 400
    assert not Preview.objects.exists()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_offered_what_it_may_do_and_no_more(acme: Workspace, client: Client, role: str) -> None:
    source = failed(acme, "a")
    ended_run(acme, "refresh", [(source, "failed", "why")])
    ended_run(acme, "delete", [(source, "failed", "why")], number=42)
    count_again(acme)
    log_in(client, acme, role)
    edits, deletes = role != "viewer", role == "admin"
    may = {"refresh": edits, "retry": edits, "delete": deletes}
    page, own = said(client, SOURCES), said(client, f"{SOURCES}id-a/")
    for deed, allowed in may.items():
        assert (f'name="do" value="{deed}"' in page) is allowed
        assert (f'id="do-{deed}"' in own) is allowed
        for address in (SOURCES, f"{SOURCES}id-a/"):
            assert (post(client, deed, [source.pk], address).status_code == 403) is not allowed
    assert ("data-pick" in page) is edits
    assert ("Your role does not allow this. Ask an admin." in own) is not deletes
    for number, allowed in ((41, edits), (42, deletes)):
        assert (
            f'action="/w/acme/runs/{number}/retry/"' in said(client, f"/w/acme/runs/{number}/")
        ) is allowed
        assert (client.post(f"/w/acme/runs/{number}/retry/").status_code == 403) is not allowed
    assert ('value="retry-all"' in said(client, "/w/acme/")) is edits


def test_another_workspaces_sources_and_runs_are_not_there(
    editor: Client, acme: Workspace, other: Workspace
) -> None:
    theirs, ours = failed(other, "theirs"), failed(acme, "ours")
    ended_run(other, "refresh", [(theirs, "failed", "why")])
    assert held(preview_after(post(editor, "refresh", [theirs.pk, ours.pk]))) == [ours.pk]
    assert editor.post(RETRY).status_code == 404
    assert editor.post("/w/acme/runs/41/register-again/").status_code == 404
    assert post(editor, "retry", address=f"{SOURCES}id-theirs/").status_code == 404


def test_a_run_says_what_did_not_end_well_by_reason_and_retries_one_or_all(
    editor: Client, acme: Workspace
) -> None:
    sources = [failed(acme, str(number)) for number in range(4)]
    usable = known(acme, "usable")
    why = ["timed out", "answered 403", "timed out", "timed out"]
    ends = [(source, "failed", text) for source, text in zip(sources, why, strict=True)]
    ended_run(acme, "refresh", [*ends, (usable, "done", ""), (usable, "unknown", "no answer")])
    page = said(editor, "/w/acme/runs/41/")
    slow = page.index("<strong>3 × <bdi>The page did not answer Fini in time</bdi>.</strong>")
    assert slow < page.index("<bdi>timed out</bdi>") < page.index("<strong>1 × <bdi>The page needs a log-in")
    assert page.count('name="reason"') == 2  # what is usable by now is not offered
    assert "nothing left to retry" in page
    assert re.search(r'id="retry-all">Retry 4<', page)
    one = preview_after(editor.post(RETRY, {"reason": "timed  out"}))
    assert held(one) == [sources[0].pk, sources[2].pk, sources[3].pk]
    both = preview_after(editor.post(RETRY))
    assert held(both)[:4] == [source.pk for source in sources]
    assert 'A retry of <a href="/w/acme/runs/41/">run 41</a>' in said(
        editor, f"/w/acme/previews/{one.token}/"
    )
    editor.post(f"/w/acme/previews/{one.token}/", {})
    run = Run.objects.get(number=42)
    assert (run.retry_of and run.retry_of.number, run.total) == (41, 3)
    assert 'what needed attention in <a href="/w/acme/runs/41/">run 41</a>' in said(
        editor, "/w/acme/runs/42/"
    )
    assert 'Retried by <a href="/w/acme/runs/42/">run 42</a>.' in said(editor, "/w/acme/runs/41/")


def test_equal_causes_in_other_words_are_one_line_and_one_retry(editor: Client, acme: Workspace) -> None:
    words = ["timed out", "it timed out", "time-out at 7", "time-out at 8", "two\nlines", "answered 403"]
    sources = [failed(acme, str(number)) for number in range(6)]
    ended_run(
        acme, "refresh", [(source, "failed", text) for source, text in zip(sources, words, strict=True)]
    )
    page = said(editor, "/w/acme/runs/41/")
    assert "<strong>4 × <bdi>The page did not answer Fini in time</bdi>.</strong>" in page
    assert page.count("The page did not answer Fini in time</bdi>") == 1
    assert page.count('name="reason"') == 3
    assert "<bdi>time-out at 7</bdi>" in page
    assert "and 1 more in other words" in page
    slow = preview_after(editor.post(RETRY, {"reason": "timed out"}))
    assert held(slow) == [source.pk for source in sources[:4]]
    assert held(preview_after(editor.post(RETRY, {"reason": "two\r\nlines"}))) == [sources[4].pk]


@pytest.mark.parametrize(
    ("state", "outcome", "word"),
    [("running", "failed", "has not ended"), ("ended", "done", "nothing to retry")],
)
def test_a_run_that_cannot_be_retried_says_why(
    editor: Client, acme: Workspace, state: str, outcome: str, word: str
) -> None:
    ended_run(acme, "refresh", [(failed(acme, "a"), outcome, "why")], state=state)
    assert "run_retry" not in said(editor, "/w/acme/runs/41/")
    answer = editor.post(RETRY)
    assert (answer.status_code, answer["Location"]) == (303, "/w/acme/runs/41/")
    assert word in said(editor, "/w/acme/runs/41/")
    assert editor.get(RETRY)["Location"] == "/w/acme/runs/41/"


def test_home_retries_what_failed_and_what_came_out_empty(editor: Client, acme: Workspace) -> None:
    sources = [failed(acme, "a"), failed(acme, "b"), known(acme, "c", state="empty")]
    count_again(acme)
    page = said(editor, "/w/acme/")
    forms = re.findall(r'<form method="post" action="(/w/[^"]*)".*?Retry (\d+)<', page)
    assert forms == [(f"{SOURCES}?state=failed", "2"), (f"{SOURCES}?state=empty", "1")]
    preview = preview_after(post(editor, "retry-all", address=forms[0][0]))
    assert held(preview) == [sources[1].pk, sources[0].pk]


def test_of_a_failed_source_retry_and_refresh_do_not_read_the_same(editor: Client, acme: Workspace) -> None:
    failed(acme, "a")
    page = said(editor, f"{SOURCES}id-a/")
    assert "What did not end well is tried again: here that is a refresh." in page
    assert page.count("Fini processes it again.") == 1


def test_a_source_says_what_can_be_done_and_why_not(editor: Client, acme: Workspace) -> None:
    known(acme, "usable")
    known(acme, "raw", provider="files", original_url="upload.pdf")
    known(acme, "gone", state="gone")
    page = said(editor, f"{SOURCES}id-usable/")
    assert "It is usable by now" in page
    assert 'id="do-refresh"' in page
    assert (
        'href="https://docs.example/usable" rel="noreferrer noopener" target="_blank">Open the original</a>'
        in page
    )
    page = said(editor, f"{SOURCES}id-raw/")
    assert "Raw files cannot be refreshed" in page
    assert "Its address is not one that a browser opens" in page
    assert said(editor, f"{SOURCES}id-gone/").count("It is no longer in Fini") >= 2
    preview = preview_after(post(editor, "refresh", address=f"{SOURCES}id-usable/"))
    assert held(preview) == [Source.objects.get(fini_id="id-usable").pk]
    answer = post(editor, "refresh", address=f"{SOURCES}id-raw/")
    assert (answer.status_code, answer["Location"]) == (303, f"{SOURCES}id-raw/")


def test_the_reason_of_failed_ones_filters_and_stands_in_the_address(editor: Client, acme: Workspace) -> None:
    long = "x" * 300
    for name, error in (("a", "timed out"), ("b", "timed out"), ("c", long), ("d", "two\nlines")):
        failed(acme, name, error)
    known(acme, "e", error="timed out", state="running")

    def shown(query: str) -> list[str]:
        return [row.fini_id for row in editor.get(f"{SOURCES}?{query}").context["page"].rows]

    assert shown("reason=timed+out") == ["id-b", "id-a"]
    assert shown(f"reason={long[:200]}") == ["id-c"]
    assert shown("reason=two%0D%0Alines") == ["id-d"]
    page = said(editor, f"{SOURCES}?reason=timed+out")
    assert '<option value="timed out" selected>timed out</option>' in page
    assert f'<option value="{long[:200]}">' in page
    assert "Failed because: timed out" in page


def test_sources_are_sorted_only_where_an_index_carries_it(editor: Client, acme: Workspace) -> None:
    for name, day in (("b", 3), ("a", 1), ("C", 2)):
        known(acme, name, title=name, state_since=f"2026-11-0{day}T12:00:00Z")

    def shown(query: str) -> list[str]:
        return [row.title for row in editor.get(f"{SOURCES}?{query}").context["page"].rows]

    assert shown("") == ["C", "a", "b"]
    assert shown("sort=title") == ["a", "b", "C"]
    assert shown("sort=change") == ["b", "C", "a"]
    assert shown("sort=title&state=usable") == ["C", "a", "b"]
    assert shown("sort=change&since=2026-11-02T00:00") == ["b", "C"]
    assert shown("sort=nonsense&after=x.y") == ["C", "a", "b"]
    assert "no index carries both" in said(editor, f"{SOURCES}?state=usable")


@pytest.mark.parametrize(("sort", "names"), [("title", "asc"), ("change", "desc")])
def test_a_sorted_list_goes_on_page_by_page(editor: Client, acme: Workspace, sort: str, names: str) -> None:
    for number in range(60):
        known(acme, str(number), title=f"T {number % 7}", state_since=f"2026-11-01T12:{number % 5:02}:00Z")
    first = editor.get(f"{SOURCES}?sort={sort}").context["page"]
    second = editor.get(f"{SOURCES}?sort={sort}&after={first.older}").context["page"]
    rows = [*first.rows, *second.rows]
    assert len({row.pk for row in rows}) == 60
    values = [(row.title if sort == "title" else row.state_since, row.pk) for row in rows]
    assert values == sorted(values, reverse=names == "desc")
    assert f"sort={sort}" in said(editor, f"{SOURCES}?sort={sort}")


def test_the_preview_of_a_retry_that_ingests_shows_what_it_holds(editor: Client, acme: Workspace) -> None:
    never = [known(acme, name, state="registered", job_id="", job_status="") for name in "ab"]
    again = failed(acme, "c")
    ended_run(acme, "ingest", [(source, "refused", "bad ID") for source in [*never, again]])
    preview = preview_after(editor.post(RETRY))
    assert preview.kind == RunKind.INGEST
    page = said(editor, f"/w/acme/previews/{preview.token}/")
    assert "<strong>3</strong> in the order of sending" in page
    assert all(f"Title {name}" in page for name in "abc")
    assert "3</span> IDs: 2 will be ingested for the first time, 1 will be refreshed </strong>" in page


def test_two_ids_that_came_to_one_source_are_one_retry(editor: Client, acme: Workspace) -> None:
    one, other = failed(acme, "a"), failed(acme, "b")
    ended_run(acme, "web", [(one, "failed", "why"), (one, "failed", "why"), (other, "failed", "why")])
    preview = preview_after(editor.post(RETRY))
    assert held(preview) == [one.pk, other.pk]
    assert preview.summary["skipped"] == {
        "Another ID of the run came to the same source, which is tried again once": 1
    }


def test_a_run_with_many_failures_does_not_say_that_there_are_none(editor: Client, acme: Workspace) -> None:
    run = ended_run(acme, "refresh", [(failed(acme, "a"), "failed", "why")], state="running", ended_at=None)
    assert "<bdi>why</bdi>" in said(editor, "/w/acme/runs/41/")
    Run.objects.filter(pk=run.pk).update(failed=101)
    page = said(editor, "/w/acme/runs/41/")
    assert "101 of this run. Their reasons are listed here as soon as it has ended." in page
    assert "Nothing so far" not in page


def test_a_run_that_did_not_succeed_does_not_say_that_nothing_needs_attention(
    editor: Client, acme: Workspace
) -> None:
    run = ended_run(acme, "sync", [], error="It was stopped")
    part = said(editor, "/w/acme/runs/41/?part=list", headers=HTMX)
    assert "Nothing needs attention" not in part
    Run.objects.filter(pk=run.pk).update(error="")
    assert "Nothing needs attention" in said(editor, "/w/acme/runs/41/?part=list", headers=HTMX)


def test_what_cannot_be_registered_again_is_left_out_and_says_why(admin: Client, acme: Workspace) -> None:
    gone = {"state": "gone"}
    whole, typeless = known(acme, "a", **gone), known(acme, "b", mime_type="", **gone)
    ended_run(acme, "delete", [(whole, "done", ""), (typeless, "done", "")])
    preview = preview_after(admin.post("/w/acme/runs/41/register-again/"))
    assert preview.summary["skipped"] == {"It cannot be registered: mimeType is missing": 1}
    row = preview.rows.get()
    row.content = {"resource": dict.fromkeys(("originalUrl", "externalId", "mimeType"), "x") | {"title": ""}}
    row.save()
    page = said(admin, f"/w/acme/previews/{preview.token}/?call=1")
    assert "What cannot be sent together is left out or refused by the run: title is missing" in page


def test_a_refresh_that_fini_refused_is_tried_again(editor: Client, acme: Workspace) -> None:
    source = known(acme, "a")
    ended_run(acme, "refresh", [(source, "refused", "The API key may not do this")])
    assert 'id="retry-all">Retry 1<' in said(editor, "/w/acme/runs/41/")
    preview = preview_after(editor.post(RETRY))
    assert (preview.kind, held(preview), preview.summary["ways"]) == (
        RunKind.REFRESH,
        [source.pk],
        ["refresh"],
    )
