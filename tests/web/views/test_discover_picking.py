"""What is picked in Discover's tree goes on to a preview, or says beside the field what is wrong."""

import re

import pytest
from django.test import Client

from fini_admin.ingestion.models import Preview, Run
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.discovered import (
    HTMX,
    KEY,
    ZENDESK,
    key,
    leaf,
    listed,
    previewed,
    register,
    section,
    text,
)
from tests.support.previews import contents

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def tree(acme: Workspace) -> Run:
    return listed(acme, [section("s1", leaf("1"), leaf("2"), leaf("3")), section("s2", leaf("4"))])


def test_what_is_picked_goes_to_a_preview_in_discoverys_order(
    acme: Workspace, editor: Client, tree: Run
) -> None:
    answer = register(editor, id=f"{key('4')},{key('2')}")
    preview = Preview.objects.get()
    assert answer.url == f"/w/acme/previews/{preview.token}/"
    assert (preview.kind, preview.provider, preview.then_ingest) == ("register", "zendesk", False)
    assert previewed() == ["2", "4"]
    assert "Register 2" in text(editor.get(answer.url))
    assert Run.objects.count() == 1


def test_the_preview_comes_into_the_pages_dialog(acme: Workspace, editor: Client, tree: Run) -> None:
    fields = {"do": "ingest", "mime_type": "text/html", "branch": str(key("s1"))}
    answer = editor.post(ZENDESK, fields, headers=HTMX)
    assert "<html" not in answer.content.decode()
    assert "Register and ingest 3" in text(answer)
    assert Preview.objects.get().then_ingest


def test_boxes_without_a_script_say_the_same(acme: Workspace, editor: Client, tree: Run) -> None:
    register(editor, id=[str(key("1")), str(key("3"))], branch=[str(key("s2"))])
    assert previewed() == ["1", "3", "4"]


def test_what_is_not_in_the_tree_any_more_is_left_out_and_said(
    acme: Workspace, editor: Client, tree: Run
) -> None:
    other = people.workspace("other")
    listed(other, [section("theirs", leaf("9"))])
    answer = register(editor, id=f"{key('1')},{key('9')},x,{10**17}", branch=str(key("theirs")))
    assert previewed() == ["1"]
    assert "4 of what was selected are not in this tree any more." in text(editor.get(answer.url))


def test_the_mime_type_goes_to_those_that_came_without_one(
    acme: Workspace, editor: Client, tree: Run
) -> None:
    register(editor, id=str(key("1")), mime_type=" text/plain; charset=utf-8 ")
    assert [held["mimeType"] for held in contents(Preview.objects.get())["resources"]] == [
        "text/plain; charset=utf-8"
    ]
    assert editor.get(ZENDESK).context["choice"]["mime_type"].value() == "text/html"
    assert editor.get("/w/acme/discover/notion/").context["choice"]["mime_type"].value() == "text/markdown"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "This field is required"),
        ("text", "Write it as type/subtype"),
        ("text/", "Write it as type/subtype"),
        ("text/html\nx", "Write it as type/subtype"),
        ("té/xt", "Write it as type/subtype"),
        ("a/" + "b" * 300, "at most 200"),
        (KEY, "looks like an API key"),
        ("text/\x00", "Null characters"),
    ],
)
def test_a_bad_mime_type_is_told_beside_its_field_and_what_was_picked_stays(
    acme: Workspace, editor: Client, tree: Run, value: str, said: str
) -> None:
    fields = {"do": "register", "mime_type": value, "id": str(key("1")), "open": str(key("s1"))}
    answer = editor.post(ZENDESK, fields)
    assert answer.status_code == 422
    assert said in " ".join(answer.context["choice"].errors["mime_type"])
    assert len(re.findall(r'name="id"[^>]*checked', answer.content.decode())) == 1
    part = editor.post(ZENDESK, fields, headers=HTMX)
    assert (part.status_code, 'aria-invalid="true"' in part.content.decode()) == (422, True)
    assert "<html" not in part.content.decode()
    assert not Preview.objects.exists()


def test_nothing_selected_is_told_beside_the_buttons(acme: Workspace, editor: Client, tree: Run) -> None:
    for fields in ({}, {"id": "x"}, {"branch": str(10**17)}, {"branch": str(key("s1")), "search": "zebra"}):
        answer = register(editor, **fields)
        assert answer.status_code == 422
        assert "Nothing is selected." in text(answer)


def test_an_unknown_action_does_nothing(acme: Workspace, editor: Client, tree: Run) -> None:
    assert register(editor, do="delete", id=str(key("1"))).status_code == 422
    assert not Preview.objects.exists()


def test_what_register_would_refuse_is_left_out_of_the_preview_with_why(
    acme: Workspace, editor: Client
) -> None:
    homeless = leaf("2")
    homeless.original_url = ""
    listed(acme, [leaf("1"), homeless])
    answer = register(editor, id=f"{key('1')},{key('2')}")
    assert previewed() == ["1"]
    assert "resource 2 Article 2: originalUrl is missing" in text(editor.get(answer.url))
    refused = register(editor, id=str(key("2")))
    assert refused.status_code == 422
    assert "originalUrl is missing" in text(refused)
