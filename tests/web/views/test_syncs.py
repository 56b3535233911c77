"""Starting a sync from the pages, and the offer of the first one."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from fini_admin.ingestion.models import Run, RunKind, RunState
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.work import drive, verified

OFFER = "Fini holds sources already. Mirror them?"
PLACES = ("/w/acme/sources/", "/w/acme/settings/")


def token(client: Client, path: str = "/w/acme/sources/") -> str:
    found = re.search(r'action="/w/acme/sync/".*?name="token" value="([^"]+)"', page(client, path), re.DOTALL)
    return found[1] if found else ""


def page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


@pytest.mark.parametrize("path", PLACES)
def test_sync_is_a_button_that_leads_to_its_run(connected: Workspace, admin: Client, path: str) -> None:
    number = token(admin, path)
    answers = [admin.post("/w/acme/sync/", {"token": number}) for _ in range(2)]
    assert {answer["Location"] for answer in answers} == {"/w/acme/runs/1/"}
    assert Run.objects.get().kind == RunKind.SYNC
    assert "Syncing: run 1" in page(admin, path)
    assert token(admin, path) == ""
    drive(connected)
    assert admin.post("/w/acme/sync/", {"token": number})["Location"] == "/w/acme/runs/1/"
    assert "Synced" in page(admin, "/w/acme/sources/")


def test_without_its_one_time_number_nothing_is_started(connected: Workspace, editor: Client) -> None:
    for data in ({}, {"token": "short"}, {"token": "x" * 65}):
        assert editor.post("/w/acme/sync/", data)["Location"] == "/w/acme/sources/"
        said = "The form was incomplete, and nothing was started. Press Sync again."
        assert said in page(editor, "/w/acme/sources/")
    assert not Run.objects.exists()


def test_the_first_key_offers_to_mirror_what_fini_holds(
    acme: Workspace, admin: Client, sandbox: Sandbox
) -> None:
    key = people.key(acme, plain=sandbox.key)
    assert OFFER not in page(admin, "/w/acme/keys/")
    verified(admin, key)
    assert OFFER in page(admin, "/w/acme/keys/")
    assert OFFER in page(admin, "/w/acme/sources/")
    admin.post("/w/acme/sync/", {"token": token(admin, "/w/acme/keys/")})
    assert OFFER not in page(admin, "/w/acme/keys/")
    drive(acme)
    assert Source.objects.count() == len(sandbox.documents())


def test_an_empty_fini_offers_nothing(acme: Workspace, admin: Client, sandbox: Sandbox) -> None:
    sandbox.settings(seed_sources=False)
    verified(admin, people.key(acme, plain=sandbox.key))
    assert OFFER not in page(admin, "/w/acme/keys/")


def test_a_viewer_sees_when_it_was_and_no_button(acme: Workspace, client: Client) -> None:
    now = datetime.now(UTC)
    Run.objects.create(
        workspace=acme, number=1, kind=RunKind.SYNC, state=RunState.ENDED, created_at=now, ended_at=now
    )
    client.force_login(people.member(acme, "viewer"))
    assert "Synced" in page(client, "/w/acme/sources/")
    assert token(client) == ""
    assert client.post("/w/acme/sync/", {}).status_code == 403
