"""Discover in the browser: the tree, live, and who may see it."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion.models import Run
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.discovered import (
    HTMX,
    KEY,
    TOKEN,
    ZENDESK,
    discover,
    key,
    leaf,
    listed,
    register,
    section,
    text,
)
from tests.support.sandbox import Sandbox
from tests.support.work import drive, requests

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def tree(acme: Workspace) -> Run:
    return listed(acme, [section("s1", leaf("1"), leaf("2"), leaf("3")), section("s2", leaf("4"))])


def test_discovering_all_three_lists_the_catalogue_on_the_page(acme: Workspace, editor: Client) -> None:
    for provider, count in (("notion", 397), ("zendesk", 380), ("confluence", 655)):
        address = f"/w/acme/discover/{provider}/"
        assert "Nothing was listed yet" in text(editor.get(address))
        assert discover(editor, provider, f"{TOKEN}-{provider}").status_code == 303
        assert f"Discovering: run {Run.objects.count()}" in text(editor.get(address))
        drive(acme)
        page = editor.get(address)
        assert page.context["tree"].number.total == Run.objects.latest("number").total == count
        assert f"Select all {count}" in text(page)


def test_the_first_list_makes_register_the_pages_main_act(acme: Workspace, editor: Client) -> None:
    page = "/w/acme/discover/zendesk/"
    assert main_act(editor.get(page)) == "Discover"
    discover(editor)
    drive(acme)
    assert main_act(editor.get(page)) == "Register"
    part = editor.get(f"{page}?part=tree", headers=HTMX).content.decode()
    assert re.search(
        r'<hx-partial hx-target="#go" hx-swap="outerMorph">\s*<button [^>]*class="button ">', part
    )


def main_act(answer: Any) -> str:
    """The first button of the page in the main colour that can be seen."""
    found = re.search(r'class="button button-primary">([^<]+)<', answer.content.decode())
    return found[1] if found else ""


def test_the_page_leads_to_the_provider_that_was_discovered_last(acme: Workspace, editor: Client) -> None:
    assert editor.get("/w/acme/discover/")["Location"] == "/w/acme/discover/notion/"
    listed(acme, [leaf("1")], "confluence")
    assert editor.get("/w/acme/discover/")["Location"] == "/w/acme/discover/confluence/"


def test_a_form_sent_twice_starts_one_discovery(acme: Workspace, editor: Client) -> None:
    discover(editor)
    discover(editor)
    drive(acme)
    discover(editor)
    assert Run.objects.count() == 1
    discover(editor, token=f"{TOKEN}-2")
    assert Run.objects.count() == 2


def test_a_second_tab_sees_the_discovery_that_goes_on(acme: Workspace, editor: Client) -> None:
    discover(editor)
    answer = discover(editor, token=f"{TOKEN}-2", headers=HTMX)
    assert Run.objects.count() == 1
    assert "Discovering: run 1" in text(answer)


@pytest.mark.parametrize("token", ["", "short", "x" * 65, f"{TOKEN}\x00", KEY + "!"])
def test_a_form_without_a_proper_token_starts_nothing(acme: Workspace, editor: Client, token: str) -> None:
    answer = discover(editor, token=token)
    assert not Run.objects.exists()
    assert "nothing was started" in text(editor.get(answer.url))


def test_the_run_says_who_started_it_and_where(acme: Workspace, editor: Client) -> None:
    discover(editor)
    run = Run.objects.get()
    assert (run.kind, run.provider, run.actor, run.origin) == (
        "discover",
        "zendesk",
        "editor@example.com",
        "browser",
    )


def test_branches_show_their_numbers_and_load_when_opened(acme: Workspace, editor: Client, tree: Run) -> None:
    Source.objects.create(
        workspace=acme,
        fini_id="fini-2",
        provider="zendesk",
        external_id="2",
        state="usable",
        state_since=tree.created_at,
        first_seen=tree.created_at,
        last_seen=tree.created_at,
    )
    page = text(editor.get(ZENDESK))
    assert "Section s1 3 resources, 2 not in Fini yet" in page
    assert "Section s2 1 not in Fini yet" in page
    assert "Article 2" not in page
    inside = editor.get(f"{ZENDESK}?part=level&branch={key('s1')}", headers=HTMX)
    assert re.findall(r"Article \d|usable", text(inside)) == ["Article 1", "Article 2", "usable", "Article 3"]
    assert (
        'href="https://help.example/2" target="_blank" rel="noreferrer"'
        in inside.content.decode().replace("\n", "")
    )


def test_only_what_is_not_in_fini_yet_and_what_a_search_finds_can_be_shown(
    acme: Workspace, editor: Client, tree: Run
) -> None:
    found = text(editor.get(ZENDESK, {"search": "article 3", "show": "new"}))
    assert "Select all 1" in found
    assert "Article 3" in found
    assert "Section s2" not in found
    assert "Nothing matches." in text(editor.get(ZENDESK, {"search": "zebra"}))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("search", KEY, "looks like an API key"),
        ("search", "x" * 201, "at most 200"),
        ("show", "old", "Select a valid"),
    ],
)
def test_a_filter_that_cannot_be_understood_says_so_and_hides_nothing(
    acme: Workspace, editor: Client, tree: Run, field: str, value: str, said: str
) -> None:
    for headers in ({}, HTMX):
        page = editor.get(ZENDESK, {field: value}, headers=headers)
        assert page.status_code == 200
        assert said in text(page)
        assert "Section s2" in text(page)


@pytest.mark.parametrize("opened", ["x", "0-x", "9" * 30, "-1", "1.2.3", "0-99999999", ".", "\x01"])
def test_what_is_open_may_be_any_text(acme: Workspace, editor: Client, tree: Run, opened: str) -> None:
    assert editor.get(ZENDESK, {"open": opened}).status_code == 200
    assert editor.get(ZENDESK, {"more": opened}, headers=HTMX).status_code == 200


def test_a_title_with_markup_is_text_and_an_address_that_is_none_is_no_link(
    acme: Workspace, editor: Client
) -> None:
    node = leaf("1")
    node.title, node.original_url = "<img src=x onerror=go()>", "javascript:go()"
    listed(acme, [node, section("<b>", leaf("2"))])
    page = editor.get(ZENDESK).content.decode()
    assert "&lt;img src=x onerror=go()&gt;" in page
    assert "&lt;b&gt;" in page
    assert "<img" not in page
    assert 'href="javascript' not in page


def test_an_unknown_branch_and_another_workspaces_are_not_there(
    acme: Workspace, editor: Client, tree: Run
) -> None:
    other = people.workspace("other")
    listed(other, [section("theirs", leaf("9"))])
    for branch in ("", "x", "0", str(10**17), str(key("theirs")), str(key("s1") + 10**6)):
        assert editor.get(f"{ZENDESK}?part=level&branch={branch}", headers=HTMX).status_code == 404
    assert (
        editor.get(f"/w/acme/discover/notion/?part=level&branch={key('s1')}", headers=HTMX).status_code == 404
    )
    assert "theirs" not in text(editor.get(ZENDESK, {"open": str(key("theirs"))}))


def test_nothing_is_sent_again_while_nothing_changed(acme: Workspace, editor: Client, tree: Run) -> None:
    seen = editor.get(ZENDESK).context["seen"]
    assert editor.get(ZENDESK, {"part": "tree", "seen": seen}, headers=HTMX).status_code == 204
    assert editor.get(ZENDESK, {"part": "tree", "seen": seen, "more": "0-2"}, headers=HTMX).status_code == 200
    discover(editor)
    assert editor.get(ZENDESK, {"part": "tree", "seen": seen}, headers=HTMX).status_code == 200


def test_what_is_open_stays_open_when_the_tree_is_drawn_anew(
    acme: Workspace, editor: Client, tree: Run
) -> None:
    answer = editor.get(ZENDESK, {"part": "tree", "open": f"0-1.{key('s1')}-1"}, headers=HTMX)
    assert "Article 2" in text(answer)
    assert "Article 4" not in text(answer)


def test_the_page_takes_the_same_queries_however_many_it_shows(acme: Workspace, editor: Client) -> None:
    listed(acme, [section("s0", leaf("0"))])
    one = {"open": str(key("s0"))}
    with CaptureQueriesContext(connection) as few:
        editor.get(ZENDESK, one, headers=HTMX)
    listed(acme, [section(f"s{n}", *(leaf(f"{n}-{m}") for m in range(9))) for n in range(30)])
    every = ".".join(map(str, DiscoveredResource.objects.filter(leaf=False).values_list("pk", flat=True)))
    with CaptureQueriesContext(connection) as many:
        editor.get(ZENDESK, {"open": every}, headers=HTMX)
    assert len(many) == len(few) < 20


def test_what_was_discovered_is_registered_and_shows_its_state(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    discover(editor)
    drive(acme)
    branch = DiscoveredResource.objects.filter(leaf=False, path__gt="").order_by("position")[0]
    answer = register(editor, do="ingest", branch=str(branch.pk))
    editor.post(answer.url)
    drive(acme)
    inside = editor.get(f"{ZENDESK}?part=level&branch={branch.pk}", headers=HTMX)
    assert text(inside).count("usable") == 4
    assert len(requests(sandbox, "POST", "/v2/documents/public/resources/zendesk")) == 1
    discover(editor, token=f"{TOKEN}-2")
    drive(acme)
    assert Run.objects.latest("number").total == 376
    again = editor.get(f"{ZENDESK}?part=level&branch={branch.pk}", headers=HTMX)
    assert text(again).count("usable") == 4
    fresh = editor.get(f"{ZENDESK}?part=level&branch={branch.pk}&show=new", headers=HTMX)
    assert "Article" not in text(fresh)
    assert "usable" not in text(fresh)


@pytest.mark.parametrize("address", [ZENDESK, "/w/acme/discover/dropbox/", "/w/acme/discover/"])
def test_a_viewer_may_not_and_a_stranger_does_not_see(acme: Workspace, client: Client, address: str) -> None:
    client.force_login(people.member(acme, "viewer"))
    assert client.get(address).status_code == 403
    assert client.post(address, {"do": "discover", "token": TOKEN}).status_code == 403
    client.force_login(people.user("stranger@example.com"))
    assert client.post(address, {"do": "discover", "token": TOKEN}).status_code == 404
    assert not Run.objects.exists()


def test_an_unknown_provider_is_not_there(acme: Workspace, editor: Client) -> None:
    for provider in ("dropbox", "web", "files", "Zendesk", "zendesk "):
        assert editor.get(f"/w/acme/discover/{provider}/").status_code == 404
        assert discover(editor, provider).status_code == 404
    assert not Run.objects.exists()


def test_no_page_calls_fini(acme: Workspace, editor: Client, sandbox: Sandbox, tree: Run) -> None:
    for _ in range(10):
        editor.get(ZENDESK, headers=HTMX)
    register(editor, id=str(key("1")))
    assert sandbox.log() == []
