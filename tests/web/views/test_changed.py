"""What Fini marks as changed: since when, filtered, exported, refreshed."""

import json
from typing import Any

import pytest
from django.test import Client

from fini_admin.ingestion.kinds.syncs import start_sync
from fini_admin.ingestion.models import Preview
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import drive, ends

PAGE = "/w/acme/sources/?changed=yes"


@pytest.fixture
def marked(connected: Workspace, sandbox: Sandbox) -> str:
    """The ID of the one source that is marked, after a sync."""
    ids = sandbox.seed(count=3)
    start_sync(by=by("ada"), workspace=connected)
    drive(connected)
    assert not Source.objects.filter(changed_at__isnull=False).exists()
    sandbox.change(ids[1], changed=True)
    start_sync(by=by("ada"), workspace=connected)
    drive(connected)
    return ids[1]


def exported(client: Client) -> list[dict[str, Any]]:
    answer: Any = client.get(f"{PAGE}&export=jsonl")
    return [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]


def test_it_is_filtered_with_since_when_and_exported(editor: Client, marked: str) -> None:
    page = editor.get(PAGE)
    assert [row.fini_id for row in page.context["page"].rows] == [marked]
    assert "changed at the provider, seen" in page.content.decode()
    assert "only of sources that are linked with knowledge" in page.content.decode()
    row = exported(editor)[0]
    assert (row["id"], row["changed_since"][:2]) == (marked, "20")


def test_since_when_stays_while_the_mark_does_and_goes_with_it(
    connected: Workspace, sandbox: Sandbox, marked: str
) -> None:
    seen = Source.objects.get(fini_id=marked).changed_at
    for title, mark in (("Another title", True), ("Another one", False)):
        sandbox.change(marked, title=title, changed=mark)
        start_sync(by=by("ada"), workspace=connected)
        drive(connected)
        assert Source.objects.get(fini_id=marked).changed_at == (seen if mark else None)


def test_from_there_it_is_refreshed(
    connected: Workspace, sandbox: Sandbox, editor: Client, marked: str
) -> None:
    answer = editor.post(PAGE, {"do": "refresh-all"})
    run = editor.post(answer["Location"])["Location"]
    assert Preview.objects.get().kind == "refresh"
    drive(connected)
    ended = ends(Source.objects.get(fini_id=marked).workspace.run_set.latest("number"))
    assert (run, ended) == ("/w/acme/runs/3/", {"done": 1})
