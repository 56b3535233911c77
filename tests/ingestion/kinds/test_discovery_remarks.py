"""Discovery lists what can be read, and says what it left out and why: on its page and on its run's."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from fini_admin.fini.providers import Remark, Why
from fini_admin.ingestion.kinds import discovery, discovery_remarks
from fini_admin.ingestion.models import Run
from fini_admin.sources.models import DiscoveredResource
from fini_admin.workspaces.models import Workspace
from tests.support.discovered import ZENDESK, text
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import drive, ends

FILES = Path(__file__).parents[2] / "files"


def discovered(acme: Workspace, sandbox: Sandbox, body: str) -> Run:
    """The run of a discovery that is answered so."""
    sandbox.fault(method="GET", path="/resources/zendesk", body=body)
    run = discovery.start_discover(by=by("ada"), workspace=acme, provider="zendesk")
    drive(acme)
    run.refresh_from_db()
    assert run.error == ""
    return run


def titles(acme: Workspace) -> list[tuple[str, str]]:
    rows = DiscoveredResource.objects.filter(workspace=acme, leaf=True).order_by("pk")
    return list(rows.values_list("external_id", "title"))


CASES = {
    "discover_one_without_id.json": (
        [("781", "Good")],
        "1 item without an ID was left out : “Draft” (https://acme.zendesk.com/hc/de/articles/) .",
    ),
    "discover_zd_float_ids.json": (
        [("360012345670", "Float"), ("36001234567890123456", "Big"), ("360012345671", "Float2")],
        "1 item is listed with an ID that came as a number too long to be exact : “Big” (36001234567890123456) .",
    ),
    "discover_zd_same_id_two_locales.json": (
        [("77", "Returns")],
        (
            "1 title was dropped, for its ID stands further up with another title or address :"
            " “Retouren” (77, listed as “Returns”) ."
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_left_out_is_said_on_discover_and_on_the_runs_page(
    acme: Workspace, sandbox: Sandbox, editor: Client, name: str
) -> None:
    listed, said = CASES[name]
    run = discovered(acme, sandbox, (FILES / name).read_text())
    assert titles(acme) == listed
    assert ends(run) == {"done": len(listed)}
    for page in (ZENDESK, f"/w/acme/runs/{run.number}/"):
        assert said in text(editor.get(page)), page
    fresh = discovered(acme, sandbox, "[]")
    for page in (ZENDESK, f"/w/acme/runs/{fresh.number}/"):
        assert said not in text(editor.get(page)), page


def test_a_kept_title_is_text_and_holds_no_key(acme: Workspace, sandbox: Sandbox, editor: Client) -> None:
    key_text = "fini_live_abcdefghijklmnopqrstuvwxyz1234"
    escaped = key_text.replace(
        "_", "\\u005f"
    )  # an answer's text is freed of keys, not of every way to write one
    odd = [{"object": "article", "title": f"<b>{key_text}"}, "<script>alert(1)</script>"]
    run = discovered(acme, sandbox, json.dumps(odd).replace(key_text, escaped))
    for page in (ZENDESK, f"/w/acme/runs/{run.number}/"):
        shown = editor.get(page).content.decode()
        assert "&lt;b&gt;[key removed]" in shown
        assert "<script>alert" not in shown
        assert key_text not in shown
    assert key_text not in json.dumps(run.left_out)


def test_fifty_are_named_and_the_others_counted(acme: Workspace, sandbox: Sandbox, editor: Client) -> None:
    many: list[Any] = [
        {"object": "article", "title": f"Draft {number}" + "x" * 500} for number in range(1_040)
    ]
    run = discovered(acme, sandbox, json.dumps([*many, "odd"]))
    (drafts, odd) = discovery_remarks.remarks_of_run(run)
    assert (len(drafts.names), drafts.more, odd.names, odd.more) == (50, 990, [], 1)
    assert len(json.dumps(run.left_out)) < 50 * 400
    for page in (ZENDESK, f"/w/acme/runs/{run.number}/"):
        shown = text(editor.get(page))
        assert "1,040 items without an ID were left out" in shown
        assert "and 1,037 more" in shown
        assert "1 entry was left out, for it is no item" in shown


def test_each_kind_has_its_words() -> None:
    for why in Why:
        (one,) = discovery_remarks.remarks_to_store([Remark(why, "Draft", "7", "Other")])
        two = discovery_remarks.remarks_to_store([Remark(why, "", "7", ""), Remark(why, "B")])
        lines = [discovery_remarks.remarks_of_run(Run(left_out=held))[0].line for held in ([one], two)]
        assert lines[0].startswith("1 ")
        assert lines[1].startswith("2 ")
        assert "Draft" in lines[0]


def test_what_was_known_before_stays_when_it_comes_without_an_id(acme: Workspace, sandbox: Sandbox) -> None:
    article = {"id": "9", "title": "Good", "object": "article"}
    discovered(acme, sandbox, json.dumps([article]))
    discovered(acme, sandbox, json.dumps([article | {"id": None}, {"id": "8", "object": "article"}]))
    assert titles(acme) == [("9", "Good"), ("8", "")]
