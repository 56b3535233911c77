"""What discovery lists without a title can be brought in: the preview has a field for it beside the row."""

import json
import re
from html import escape
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Item, Preview, Run
from fini_admin.sources.models import DiscoveredResource
from fini_admin.web.forms.base import KEY_HERE, MARK_HERE
from fini_admin.workspaces.models import Workspace
from tests.support.discovered import KEY, leaf, listed, register
from tests.support.register import errors, known, text_of
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import bodies, drive

UNSEEN = "\u200b \u2800"


def offered(acme: Workspace, editor: Client, *titles: str) -> str:
    """The address of the preview of articles with these titles, whose IDs count from 1."""
    nodes = [leaf(str(number)) for number in range(1, len(titles) + 1)]
    for node, title in zip(nodes, titles, strict=True):
        node.title = title
    listed(acme, nodes)
    answer = register(editor, id=every_leaf(acme))
    assert answer.status_code == 303, errors(answer)
    return str(answer.url)


def every_leaf(acme: Workspace) -> str:
    """The keys of all that is listed, as the page sends them."""
    return ",".join(
        map(str, DiscoveredResource.objects.filter(workspace=acme, leaf=True).values_list("pk", flat=True))
    )


def fields(answer: Any) -> dict[str, str]:
    """The fields for titles, with what stands in them."""
    shown = re.findall(r'<input[^>]*name="title-\d+"[^>]*>', answer.content.decode())
    return {re.findall('name="([^"]*)', tag)[0]: re.findall('value="([^"]*)', tag)[0] for tag in shown}


def sent() -> dict[str, str]:
    """What the run holds: titles by ID."""
    return {item.external_id: (item.resource or {})["title"] for item in Item.objects.all()}


def test_an_untitled_page_goes_from_discovery_into_fini_with_the_title_that_was_written(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    pages = [
        {
            "externalId": f"n{number}",
            "title": title,
            "originalUrl": f"https://notion.so/{number}",
            "object": "page",
        }
        for number, title in enumerate([None, "Known", UNSEEN])
    ]
    sandbox.fault(method="GET", path="/resources/notion", body=json.dumps(pages))
    discovery.start_discover(by=by("ada"), workspace=acme, provider="notion")
    drive(acme)
    chosen = {"do": "register", "id": every_leaf(acme), "mime_type": "text/markdown"}
    preview = editor.post("/w/acme/discover/notion/", chosen).headers["Location"]
    page = editor.get(preview)
    assert fields(page) == {"title-0": "Untitled", "title-2": "Untitled"}
    assert "2 resources came without a title, which Fini needs: write one beside each row below." in text_of(
        page
    )
    confirmed = editor.post(
        preview, {"title-0": f" Travel policy{UNSEEN}", "title-2": "Untitled", "do": "register"}
    )
    assert confirmed.status_code == 303
    drive(acme)
    told = {"n0": "Travel policy", "n1": "Known", "n2": "Untitled"}
    (body,) = bodies(acme, "register")
    assert {resource["externalId"]: resource["title"] for resource in body["resources"]} == told
    records = {record["externalId"]: record["title"] for record in sandbox.documents()}
    assert {name: records[name] for name in told} == told


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("", "Title is missing."),
        (UNSEEN, "Title is missing."),
        (KEY, escape(KEY_HERE)),
        (f"How {KEY} works", escape(KEY_HERE)),
        ("How [key removed] works", escape(MARK_HERE)),
        ("a\ufffdb", "Title holds � where a character was lost."),
    ],
)
def test_a_wrong_title_is_told_beside_it_and_nothing_typed_is_lost(
    acme: Workspace, editor: Client, title: str, said: str
) -> None:
    preview = offered(acme, editor, "", "One", "")
    answer = editor.post(preview, {"title-0": title, "title-2": "Second", "reason": "Why", "do": "register"})
    assert answer.status_code == 422
    (error,) = errors(answer)
    assert error.startswith(said)
    assert fields(answer)["title-2"] == "Second"
    assert "Why" in answer.content.decode()
    assert KEY not in answer.content.decode()
    assert re.search(r'name="title-0"[^>]*aria-invalid="true"', answer.content.decode())
    assert not Run.objects.filter(kind="register").exists()
    assert Preview.objects.exists()
    assert (
        editor.post(preview, {"title-0": "First", "title-2": "Second", "do": "register"}).status_code == 303
    )
    assert sent() == {"1": "First", "2": "One", "3": "Second"}


def test_only_titles_that_were_asked_for_can_be_written(acme: Workspace, editor: Client) -> None:
    preview = offered(acme, editor, "", "One")
    editor.post(preview, {"title-0": "Mine", "title-1": "Not mine", "title-7": "x", "do": "register"})
    assert sent() == {"1": "Mine", "2": "One"}


def test_what_is_known_by_a_title_keeps_it_and_what_is_left_out_needs_none(
    acme: Workspace, editor: Client
) -> None:
    known(acme, 1, "In Fini")
    known(acme, 3, "Also in Fini")
    preview = offered(acme, editor, "", "One", "")
    assert fields(editor.get(preview)) == {"title-0": "In Fini", "title-2": "Also in Fini"}
    left = {"offered": "0,2", "keep": "2", "title-0": "", "title-2": "Also in Fini", "do": "register"}
    assert editor.post(preview, left).status_code == 303
    assert sent() == {"2": "One", "3": "Also in Fini"}


def test_what_was_unticked_stays_so_after_an_error(acme: Workspace, editor: Client) -> None:
    known(acme, 1, "In Fini")
    known(acme, 3, "Also in Fini")
    preview = offered(acme, editor, "", "One", "")
    answer = editor.post(
        preview, {"offered": "0,2", "keep": "0", "title-0": "", "title-2": "", "do": "register"}
    )
    assert errors(answer) == ["Title is missing."]
    boxes = re.findall(r'<input type="checkbox"\s+name="keep"[^>]*>', answer.content.decode())
    assert {re.findall('value="([^"]*)', box)[0]: " checked" in " ".join(box.split()) for box in boxes} == {
        "0": True,
        "2": False,
    }


def test_the_untitled_stand_at_the_head_and_an_error_in_a_later_row_is_shown(
    acme: Workspace, editor: Client
) -> None:
    preview = offered(acme, editor, *["Title"] * 60, *[""] * 70)
    page = editor.get(preview)
    assert list(fields(page)) == [f"title-{position}" for position in range(60, 110)]
    more = editor.get(f"{preview}?part=rows&group=new&from=50", headers={"HX-Request": "true"})
    assert list(fields(more)) == [f"title-{position}" for position in range(110, 130)]
    typed = {f"title-{position}": f"Page {position}" for position in range(60, 130)}
    answer = editor.post(preview, typed | {"title-120": "", "do": "register"})
    assert errors(answer) == ["Title is missing."]
    assert fields(answer) == typed | {"title-120": ""}
    assert editor.post(preview, typed | {"do": "register"}).status_code == 303
    assert {sent()[str(position + 1)] for position in range(60, 130)} == set(typed.values())


def test_a_title_for_a_row_that_is_written_another_way_is_passed_over(
    acme: Workspace, editor: Client
) -> None:
    preview = offered(acme, editor, "", "One", "")
    answer = editor.post(preview, {"title-00": "Not of this page", "title-2": "Second", "do": "register"})
    assert answer.status_code in (303, 422)
    sent = [item.resource for run in acme.run_set.all() for item in run.items.all() if item.resource]
    assert "Not of this page" not in str(sent)
