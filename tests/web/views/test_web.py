"""The web's page: paste, or crawl and pick; preview, ingest."""

import re
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion import previews
from fini_admin.ingestion.kinds import crawls, retries, web
from fini_admin.ingestion.models import Preview, PreviewRow, Run, RunKind
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import bodies, drive, ends

PAGE = "/w/acme/web/"
SITE = "https://help.acme.example"
DJANGO = "https://docs.djangoproject.com/"
HTMX = {"HX-Request": "true"}


def page(client: Client, path: str = PAGE) -> str:
    return client.get(path).content.decode()


def token(client: Client) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page(client))
    assert found
    return found[1]


def paste(client: Client, *lines: str, **headers: str) -> Any:
    return client.post(PAGE, {"do": "ingest", "addresses": "\n".join(lines)}, headers=headers)


def crawl(client: Client, workspace: Workspace, links: str, **fields: object) -> Run:
    data = {"do": "crawl", "links": links, "limit": 250, "token": token(client)} | fields
    answer = client.post(PAGE, data)
    assert answer.status_code == 303
    drive(workspace)
    run = crawls.last_crawl(workspace)
    assert run
    assert answer["Location"] == f"{PAGE}?crawl={run.number}"
    return run


def brought_in(workspace: Workspace, *addresses: str) -> None:
    resources = [{"originalUrl": address} for address in addresses]
    web.start_web(by=by("ada@example.com"), workspace=workspace, resources=resources)
    drive(workspace)


def confirmed(client: Client, workspace: Workspace, **data: object) -> Run:
    found = Preview.objects.latest("made_at")
    answer = client.post(f"/w/acme/previews/{found.token}/", {"do": "ingest", **data})
    assert answer.status_code == 303, answer.content.decode()
    drive(workspace)
    return Run.objects.latest("number")


def test_pasted_addresses_are_previewed_as_they_will_be_sent_and_ingested(
    connected: Workspace, editor: Client
) -> None:
    answer = paste(editor, f"{SITE}/1", f"{SITE}/2")
    shown = page(editor, answer["Location"] + "?call=1")
    assert "1 call" in shown
    assert "Ingest 2" in shown
    assert "documentIdsToAdd" in shown
    run = confirmed(editor, connected)
    assert (run.kind, ends(run)) == (RunKind.WEB, {"done": 2})
    (sent,) = bodies(connected, "ingest")
    assert sent["documentIdsToAdd"] == [f"{SITE}/1", f"{SITE}/2"]
    assert "Ingest 2 web addresses" in page(editor, f"/w/acme/runs/{run.number}/")


def test_known_addresses_are_named_with_their_twin_and_stay_out_unless_let_in(
    connected: Workspace, editor: Client
) -> None:
    brought_in(connected, f"{SITE}/known", f"{SITE}/page")
    spelt = "http://HELP.acme.example:80/page/?utm_source=x#top"
    answer = paste(editor, f"{SITE}/known", spelt, f"{SITE}/new", f"{SITE}/new/")
    shown = page(editor, answer["Location"])
    assert "in Fini already: “" in shown
    assert f"The same page as the source “{SITE}/page” (Web, usable), {SITE}/page" in shown
    assert f"The same page as line 3, {SITE}/new" in shown
    assert "Ingest 1" in shown
    preview = Preview.objects.get()
    let = preview.rows.get(content__resource__originalUrl=spelt).position
    run = confirmed(editor, connected, let=let)
    assert run.total == 2
    assert set(run.items.values_list("external_id", flat=True)) == {spelt, f"{SITE}/new"}


def test_the_calls_of_a_preview_follow_what_is_let_in(
    connected: Workspace, editor: Client, settings: Any
) -> None:
    settings.FINI_BATCH_SIZE = 1
    brought_in(connected, f"{SITE}/page")
    answer = paste(editor, f"{SITE}/page/?utm_source=x", f"{SITE}/new")
    assert "1 call that writes" in page(editor, answer["Location"])
    let = Preview.objects.get().rows.get(content__resource__originalUrl=f"{SITE}/page/?utm_source=x").position
    part = editor.post(f"{answer['Location']}?part=effort", {"let": let}, headers=HTMX).content.decode()
    assert "2 calls that write" in part
    confirmed(editor, connected, let=let)
    assert len(bodies(connected, "ingest")[-2:]) == 2


def test_a_preview_that_is_confirmed_twice_leads_to_one_run(connected: Workspace, editor: Client) -> None:
    paste(editor, f"{SITE}/1")
    found = Preview.objects.get()
    there = [editor.post(f"/w/acme/previews/{found.token}/", {"do": "ingest"})["Location"] for _ in range(2)]
    assert there == ["/w/acme/runs/1/"] * 2


@pytest.mark.parametrize(
    "lines", [["https://a.example/1", "a b c " * 2_000], ["https://a.example/1"] * 5_001]
)
@pytest.mark.parametrize("do", ["ingest", "crawl"])
def test_more_than_can_be_taken_at_once_is_refused_beside_the_field(
    connected: Workspace, editor: Client, lines: list[str], do: str
) -> None:
    sent = {"do": do, "addresses": "\n".join(lines), "links": "\n".join(lines), "limit": 1}
    answer = editor.post(PAGE, sent | {"token": token(editor)})
    assert answer.status_code == 422
    said = (
        "More than 5,000 addresses, with the words that are none"
        if do == "ingest"
        else "50 addresses at most"
    )
    assert said in answer.content.decode()
    assert not PreviewRow.objects.exists()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([""], "Paste at least one address"),
        (["5a2c9e60-2c6c-4a0c-8a55-0f0c3b1f7b10"], "Line 1: 5a2c9e60-2c6c-4a0c-8a55-0f0c3b1f7b10 is an ID"),
        (["help.acme.example/1"], "https://"),
        (["https://a.example/\ufeffx y"], "Line 1"),
    ],
)
def test_what_is_no_address_is_caught_beside_the_field_and_kept(
    connected: Workspace, editor: Client, lines: list[str], said: str
) -> None:
    answer = paste(editor, *lines)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert all(line in answer.content.decode() for line in lines)
    assert not Preview.objects.exists()
    assert paste(editor, *lines, **HTMX).status_code == 422


def test_wrong_lines_are_named_and_the_others_go(connected: Workspace, editor: Client) -> None:
    answer = paste(editor, f"{SITE}/1", "refunds", f"{SITE}/1")
    shown = page(editor, answer["Location"])
    assert "is an ID or a word" in shown
    assert "the same as in line 1" in shown
    assert "Ingest 1" in shown


def test_a_line_that_holds_a_key_shows_none(connected: Workspace, editor: Client) -> None:
    answer = paste(editor, f"{SITE}/?key=fini_0123456789abcdef0123")
    assert answer.status_code == 422
    assert "fini_0123456789abcdef0123" not in answer.content.decode()


def test_nothing_left_is_said_beside_the_field(connected: Workspace, editor: Client) -> None:
    brought_in(connected, f"{SITE}/1")
    answer = paste(editor, f"{SITE}/1")
    assert answer.status_code == 422
    assert "In Fini already".lower() in answer.content.decode().lower()


def test_a_twin_among_what_was_picked_is_named_by_its_place_in_the_crawl(
    connected: Workspace, editor: Client
) -> None:
    first, second, *_ = crawls.pickable(crawl(editor, connected, SITE)).order_by("position")
    second.external_id = f"{first.external_id}/"
    second.save()
    answer = editor.post(PAGE, {"do": "pick", "id": f"{first.pk},{second.pk}"})
    said = f"The same page as address {first.position + 1}, {first.external_id}"
    assert said in page(editor, answer["Location"])


def test_a_crawl_is_picked_from_previewed_and_ingested(
    connected: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    run = crawl(editor, connected, SITE, exclude="*/1")
    assert (run.state, run.error) == ("ended", "")
    shown = page(editor)
    assert f"{run.total}</strong>" in shown
    assert "1 left out" in shown
    assert f'href="{PAGE}?crawl={run.number}">Pick what to ingest</a>' in page(
        editor, f"/w/acme/runs/{run.number}/"
    )
    items = list(crawls.pickable(run).order_by("position"))
    answer = editor.post(PAGE, {"do": "pick", "id": f"{items[2].pk},{items[0].pk}"})
    assert "Ingest 2" in page(editor, answer["Location"])
    ingested = confirmed(editor, connected)
    assert ends(ingested) == {"done": 2}
    assert {held["originalUrl"] for held in sandbox.documents() if held["source"] == "web"} == {
        items[0].external_id,
        items[2].external_id,
    }
    again = page(editor)
    assert again.count("In Fini already: refresh it there") == 2
    keys = editor.get(f"{PAGE}?part=ids&crawl={run.number}", headers=HTMX).content.decode().split(",")
    assert set(keys) == {str(item.pk) for item in items} - {str(items[0].pk), str(items[2].pk)}
    counts = editor.get(f"{PAGE}?part=counts&crawl={run.number}", headers=HTMX).content.decode()
    assert f"Select all {len(items) - 2}" in counts


def test_that_the_limit_was_reached_is_said(connected: Workspace, editor: Client) -> None:
    run = crawl(editor, connected, DJANGO)
    assert run.total == 250
    text = " ".join(page(editor).split())
    assert "<strong>250</strong> found, and there are more: the limit of 250 was reached" in text
    assert "250 found, and there are more" in page(editor, f"/w/acme/runs/{run.number}/")
    assert page(editor, f"{PAGE}?after=49").count("data-pick") == 50


def test_a_form_sent_twice_is_one_crawl(connected: Workspace, editor: Client) -> None:
    data = {"do": "crawl", "links": SITE, "limit": 5, "token": token(editor)}
    assert len({editor.post(PAGE, data)["Location"] for _ in range(2)}) == 1
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"links": ""}, "Enter an address to begin at"),
        ({"links": "0b6c2a52-77f4-4c0e-9a3d-2f1f6f0c9e11"}, "is an ID"),
        ({"links": "\n".join(f"{SITE}/{n}" for n in range(51))}, "50 addresses at most"),
        ({"limit": "0"}, "from 1 to 5,000"),
        ({"limit": "many"}, "from 1 to 5,000"),
        ({"include": "\n".join(map(str, range(51)))}, "At most 50 patterns"),
        ({"token": "x"}, "The form was incomplete"),
    ],
)
def test_a_wrong_crawl_starts_nothing_and_keeps_what_was_typed(
    connected: Workspace, editor: Client, fields: dict[str, str], said: str
) -> None:
    data = {"do": "crawl", "links": SITE, "limit": 5, "token": token(editor), "exclude": "/typed/"} | fields
    answer = editor.post(PAGE, data)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "/typed/" in answer.content.decode()
    assert not Run.objects.exists()


def test_a_crawl_that_fini_refused_says_so(connected: Workspace, editor: Client, sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path="deep-crawl", status=400, message="links must be URLs")
    crawl(editor, connected, SITE)
    assert "links must be URLs" in page(editor)


def test_picks_of_another_workspace_are_none(
    connected: Workspace, other: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    theirs = "fini_theirs_0123456789abcdef0123"
    sandbox.add_key(theirs, "theirs")
    people.key(other, plain=theirs)
    run = crawls.start_crawl(by=by("eve@example.com"), workspace=other, links=[SITE])
    drive(other)
    ids = ",".join(str(item.pk) for item in run.items.all())
    assert editor.post(PAGE, {"do": "pick", "id": ids}, headers=HTMX).status_code == 422
    assert not Preview.objects.exists()
    assert run.items.first().external_id not in page(editor, f"{PAGE}?crawl={run.number}")  # type: ignore[union-attr]


def test_viewers_are_refused(connected: Workspace, client: Client) -> None:
    client.force_login(people.member(connected, "viewer"))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"do": "ingest", "addresses": SITE}).status_code == 403
    assert not Source.objects.exists()


def test_an_unknown_action_does_nothing(connected: Workspace, editor: Client) -> None:
    assert editor.post(PAGE, {"do": "burn"}).status_code == 400


def test_a_runs_page_says_under_which_address_fini_keeps_a_page(
    connected: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    sandbox.settings(redirects={f"{SITE}/old": f"{SITE}/new"})
    brought_in(connected, f"{SITE}/old")
    shown = page(editor, "/w/acme/runs/1/")
    assert "Fini keeps it under" in shown
    assert f"{SITE}/new" in shown


def test_a_retry_of_a_crawl_that_ingested_sends_its_addresses_and_the_page_shows_the_crawl(
    connected: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    found = crawl(editor, connected, SITE)
    address = crawls.pickable(found).earliest("position").external_id
    sandbox.settings(outcomes={address: "failed"})
    whole = crawls.start_crawl(by=by("ada@example.com"), workspace=connected, links=[SITE], then_ingest=True)
    drive(connected)
    sandbox.settings(outcomes={})
    preview = retries.freeze_run(run=Run.objects.get(pk=whole.pk))
    again = previews.confirm(by=by("ada@example.com"), preview=preview)
    assert again.kind == "web"
    drive(connected)
    assert ends(again) == {"done": 1}
    assert f'href="/w/acme/runs/{whole.number}/"' in page(editor)
    Run.objects.filter(pk=again.pk).update(kind="crawl", crawl=None)  # as an older version started it
    assert f'href="/w/acme/runs/{whole.number}/"' in page(editor)


def test_who_may_not_crawl_is_not_led_to_the_page_that_refuses_them(
    connected: Workspace, editor: Client, client: Client
) -> None:
    run = crawl(editor, connected, SITE)
    address = f"/w/acme/runs/{run.number}/"
    assert "Pick what to ingest" in page(editor, address)
    client.force_login(people.member(connected, "viewer"))
    assert "Pick what to ingest" not in page(client, address)
