"""Why a discovery failed or waits, in plain words (P8)."""

import re

import pytest
from django.test import Client

from fini_admin.audit.models import Entry
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.models import Run
from fini_admin.workspaces.models import ApiKey, Workspace
from tests.support import people
from tests.support.discovered import ZENDESK, at_work, discover, leaf, listed, section, text
from tests.support.sandbox import Sandbox
from tests.support.work import OWNER, drive

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def tree(acme: Workspace) -> Run:
    return listed(acme, [section("s1", leaf("1"), leaf("2"), leaf("3")), section("s2", leaf("4"))])


def fail(editor: Client, acme: Workspace) -> str:
    """Discover, and what the page says of it."""
    discover(editor)
    drive(acme)
    return text(editor.get(ZENDESK))


def test_a_provider_that_is_not_connected_says_what_to_do(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    sandbox.settings(connected=["notion"])
    page = fail(editor, acme)
    assert "Zendesk is not connected in Fini. Connect it in Fini's dashboard, then discover again." in page
    assert "Provider zendesk is not connected" in page
    call = Entry.objects.get(kind="call.asked").call
    assert f"/w/acme/audit/{call}/" in editor.get(ZENDESK).content.decode()
    assert "Nothing was listed yet" not in page


def test_a_failure_keeps_the_tree_that_was_listed_before(
    acme: Workspace, editor: Client, sandbox: Sandbox, tree: Run
) -> None:
    sandbox.settings(connected=[])
    page = fail(editor, acme)
    assert "Zendesk is not connected" in page
    assert "Section s1" in page
    assert "Listed by run 1" in page


def test_a_key_without_the_read_scope_is_told(acme: Workspace, editor: Client, sandbox: Sandbox) -> None:
    sandbox.add_key(sandbox.key, scopes=["write"])
    assert "The API key may not read." in fail(editor, acme)


def test_a_fini_that_fails_again_and_again_is_told_and_trying_again_is_safe(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    sandbox.fault(method="GET", path="resources/zendesk", status=500, count=5)
    discover(editor)
    page = fail(editor, acme)
    assert "Fini did not list what Zendesk holds." in page
    assert "trying again is safe" in page


def test_an_answer_that_cannot_be_read_is_told(acme: Workspace, editor: Client, sandbox: Sandbox) -> None:
    sandbox.fault(method="GET", path="resources/zendesk", body="<html>", count=5)
    assert "Fini's answer could not be read." in fail(editor, acme)


def test_a_revoked_key_a_missing_key_and_a_missing_worker_are_told_while_it_waits(
    acme: Workspace, editor: Client, sandbox: Sandbox, client: Client
) -> None:
    discover(editor)
    assert "No worker is running." in text(editor.get(ZENDESK))
    at_work()
    sandbox.revoke(sandbox.key)
    loop.work_once(acme.pk, OWNER)
    page = text(editor.get(ZENDESK))
    assert "Discovering: run 1" in page
    assert "no key that Fini accepts" in page
    assert "An admin of this workspace can change its keys." in page
    client.force_login(people.member(acme, "admin"))
    assert '<a href="/w/acme/keys/">Keys</a>' in client.get(ZENDESK).content.decode()
    ApiKey.objects.all().delete()
    assert "no key that Fini accepts" in text(client.get(ZENDESK))


def test_calls_that_did_not_end_well_are_told_while_it_goes_on(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    at_work()
    sandbox.fault(method="GET", path="resources/zendesk", status=500)
    discover(editor)
    loop.work_once(acme.pk, OWNER)
    said = text(editor.get(ZENDESK))
    assert re.search(
        r"Internal Server Error\. Tried once; (the next try is at \d\d:\d\d:\d\d|it is tried again now)", said
    )


@pytest.mark.parametrize(
    ("status", "message", "what"),
    [
        (400, "Unsupported provider", "Zendesk is not connected in Fini."),
        (403, "Not connected to a key with the scope read", "The API key may not read."),
        (418, "teapot", "Fini did not list what Zendesk holds."),
        (500, "The database is not connected", "Fini did not list what Zendesk holds."),
    ],
)
def test_each_failure_has_plain_words_by_its_kind(
    acme: Workspace, editor: Client, sandbox: Sandbox, status: int, message: str, what: str
) -> None:
    sandbox.fault(method="GET", path="resources/zendesk", status=status, message=message, count=5)
    page = fail(editor, acme)
    assert what in page
    assert message in page


def test_of_an_old_run_that_kept_no_kind_the_words_are_general(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    sandbox.settings(connected=[])
    fail(editor, acme)
    Run.objects.update(error_kind="")
    page = text(editor.get(ZENDESK))
    assert "Fini did not list what Zendesk holds. Discover only reads" in page
    assert "What was said stands below." in page
