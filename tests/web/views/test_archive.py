"""A workspace is archived and restored by a superuser, and never deleted."""

import re
import uuid

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Run
from fini_admin.workspaces.models import ApiKey, Workspace
from fini_admin.workspaces.workspaces import archive_workspace, restore_workspace
from tests.support import people
from tests.support.challenge import asks
from tests.support.who import by

pytestmark = pytest.mark.django_db
PAGE = "/workspaces/"
WHO = by()


@pytest.fixture
def root(client: Client) -> Client:
    people.sign_in(client, people.user("root@example.com", superuser=True))
    return client


def address(workspace: Workspace, act: str) -> str:
    return f"/workspaces/{workspace.pk}/{act}/"


def archived(workspace: Workspace) -> bool:
    return Workspace.objects.get(pk=workspace.pk).archived_at is not None


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def test_the_confirming_page_says_what_happens_and_changes_nothing(root, acme):
    people.member(acme, "viewer")
    for provider in ("zendesk", "notion"):
        discovery.start_discover(by=WHO, workspace=acme, provider=provider)
    page = text(root.get(address(acme, "archive")))
    assert "2 runs that go on will wait." in page
    assert "1 member no longer sees it." in page
    assert not archived(acme)


def test_archived_it_is_out_of_every_list_and_restored_it_is_back(root, acme, other):
    answer = root.post(address(acme, "archive"), follow=True)
    assert answer.redirect_chain == [(PAGE, 303)]
    assert "Acme Corporation is archived." in text(answer)
    assert archived(acme)
    assert [row["workspace"] for row in answer.context["rows"]] == [other]
    assert list(answer.context["archived"]) == [acme]
    assert "Acme Corporation" not in root.get("/switch/").content.decode()
    assert root.get("/w/acme/").status_code == 404
    answer = root.post(address(acme, "restore"), follow=True)
    assert "Acme Corporation is restored. Its work goes on." in text(answer)
    assert not archived(acme)
    assert root.get("/w/acme/").status_code == 200
    kinds = [(kind, actor) for kind, actor, _ in people.trail(acme)[-2:]]
    assert kinds == [("workspace.archived", "root@example.com"), ("workspace.restored", "root@example.com")]


def test_asked_for_twice_it_happens_once(acme):
    for act in (archive_workspace, restore_workspace):
        act(by=WHO, workspace=acme)
        act(by=WHO, workspace=acme)
    assert [kind for kind, *_ in people.trail(acme)][1:] == ["workspace.archived", "workspace.restored"]


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_a_member_finds_it_no_longer_and_again_once_it_is_restored(client, acme, role):
    people.sign_in(client, people.member(acme, role))
    archive_workspace(by=WHO, workspace=acme)
    for path in ("", "runs/", "queue/", "sources/", "keys/", "settings/", "activity/"):
        assert client.get(f"/w/acme/{path}").status_code == 404
    assert client.post("/w/acme/discover/zendesk/", {"do": "discover"}).status_code == 404
    for path in ("/", "/switch/"):
        assert "Acme Corporation" not in client.get(path).content.decode()
    restore_workspace(by=WHO, workspace=acme)
    assert client.get("/w/acme/").status_code == 200


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_for_everyone_else_the_acts_do_not_exist(client, acme, other, role):
    people.sign_in(client, people.member(acme, role))
    archive_workspace(by=WHO, workspace=other)
    assert client.get(address(acme, "archive")).status_code == 404
    assert client.post(address(acme, "archive")).status_code == 404
    assert client.post(address(other, "restore")).status_code == 404
    assert (archived(acme), archived(other)) == (False, True)


def test_a_get_restores_nothing_and_an_unknown_one_is_not_there(root, acme):
    archive_workspace(by=WHO, workspace=acme)
    assert root.get(address(acme, "restore")).url == PAGE
    assert archived(acme)
    assert root.post(f"/workspaces/{uuid.uuid4()}/archive/").status_code == 404
    assert root.post(f"/workspaces/{uuid.uuid4()}/restore/").status_code == 404
    assert root.get(address(acme, "archive")).status_code == 404
    assert root.post(address(acme, "rename"), {"name": "New"}).status_code == 404


def test_archiving_asks_again_who_one_is(client, acme):
    client.force_login(people.user("root@example.com", superuser=True))
    assert asks(client.post(address(acme, "archive")))
    assert not archived(acme)


@pytest.mark.parametrize(
    "command",
    [
        ("discover", "acme", "zendesk"),
        ("register", "acme", "zendesk", "-"),
        ("ingest", "acme"),
        ("add_key", "acme", "--label", "x"),
        ("add_user", "viewer@example.com", "--role", "viewer", "--workspace", "acme"),
    ],
)
def test_a_command_that_would_begin_work_refuses_in_one_line(acme, command):
    archive_workspace(by=WHO, workspace=acme)
    with pytest.raises(CommandError, match=r"^the workspace acme is archived: a superuser restores it"):
        call_command(*command)
    assert not Run.objects.exists()
    assert not ApiKey.objects.exists()


def test_what_only_reads_still_answers(acme, capsys):
    discovery.start_discover(by=WHO, workspace=acme, provider="zendesk")
    archive_workspace(by=WHO, workspace=acme)
    for command in (("run", "acme", "1"), ("export_sources", "acme"), ("export_audit", "acme")):
        call_command(*command)
    assert "workspace.archived" in capsys.readouterr().out


def test_its_key_and_its_slug_stay_taken(acme, other):
    people.key(acme)
    archive_workspace(by=WHO, workspace=acme)
    with pytest.raises(ValidationError, match="Another workspace here holds this key"):
        people.key(other)
    with pytest.raises(ValidationError, match="There is a workspace acme already"):
        people.workspace("acme")


def test_three_archived_cost_no_more_queries_than_one(root, acme, other):
    counts = []
    for spaces in ([acme], [other, people.workspace("third")]):
        for space in spaces:
            archive_workspace(by=WHO, workspace=space)
        with CaptureQueriesContext(connection) as captured:
            assert root.get(PAGE).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
