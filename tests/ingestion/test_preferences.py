"""What a workspace sets itself holds where the work is done: budget, batch size, what is sent along, types."""

import io
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client

from fini_admin.audit.models import Entry
from fini_admin.cli.management.commands.discover import Command
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import loop
from fini_admin.ingestion.kinds import discovery, ingestions, registrations
from fini_admin.ingestion.models import Budget, Preview, Run, Slot, Step, StepState, Watch
from fini_admin.ingestion.now import now_in
from fini_admin.ingestion.planning import planned_calls
from fini_admin.ingestion.runs.steps import batch_size
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import Value
from fini_admin.workspaces.workspaces import archive_workspace, change_settings, restore_workspace
from tests.support import people
from tests.support.discovered import key, leaf, listed
from tests.support.previews import contents, planned_bodies
from tests.support.queue_page import waiting
from tests.support.register import ROW, imported, preview_of
from tests.support.sandbox import Sandbox
from tests.support.who import by
from tests.support.work import OWNER, Start, bodies, drive, ends, hurry, requests, resources

WHO = by("ada@example.com")
REGISTER = "/v2/knowledge/sources/public/register"


@pytest.fixture
def other(acme: Workspace, sandbox: Sandbox) -> Workspace:
    """A second workspace, with its own key at the same Fini."""
    sandbox.add_key(people.KEY, "other")
    workspace = people.workspace("other", "Other Company")
    people.key(workspace, plain=people.KEY)
    return workspace


def change(workspace: Workspace, **values: Value) -> None:
    assert change_settings(by=WHO, workspace=workspace, values=values)


def asked(workspace: Workspace) -> int:
    """How many calls went out for a workspace."""
    return Entry.objects.filter(chain=str(workspace.pk), kind="call.asked").count()


def exhaust(workspace: Workspace) -> None:
    """Work until nothing goes out any more."""
    hurry(workspace)
    while loop.work_once(workspace.pk, OWNER):
        hurry(workspace)


def register(workspace: Workspace, count: int, **extra: Any) -> Run:
    return registrations.start_register(
        by=WHO,
        workspace=workspace,
        provider="notion",
        resources=[one.body() for one in resources(count, workspace.slug)],
        then_ingest=False,
        **extra,
    )


def test_two_workspaces_keep_to_their_own_budgets(
    acme: Workspace, other: Workspace, sandbox: Sandbox, settings: Any
) -> None:
    settings.FINI_CALLS_PER_MINUTE, settings.FINI_BATCH_SIZE = 50, 1
    change(acme, calls_per_minute=4)
    change(other, calls_per_minute=10)
    for workspace in (acme, other):
        register(workspace, 12)
        exhaust(workspace)
    # A tenth, one call at least, is kept for what a person waits for.
    assert (asked(acme), asked(other)) == (3, 9)
    assert len(sandbox.log()) == 12


def test_a_changed_budget_holds_from_the_next_call_on(acme: Workspace, settings: Any, client: Client) -> None:
    settings.FINI_CALLS_PER_MINUTE, settings.FINI_BATCH_SIZE = 50, 1
    change(acme, calls_per_minute=4)
    register(acme, 40)
    exhaust(acme)
    assert asked(acme) == 3
    assert not loop.due_steps(datetime.now(UTC)).exists()
    people.sign_in(client, people.member(acme, "admin"))
    assert client.post("/w/acme/settings/", {"calls_per_minute": "12"}).status_code == 303
    exhaust(acme)
    assert asked(acme) == 11
    assert client.post("/w/acme/settings/", {"calls_per_minute": "5"}).status_code == 303
    exhaust(acme)
    assert asked(acme) == 11


def test_lowered_and_raised_again_within_a_minute_no_budget_is_exceeded(
    acme: Workspace, settings: Any
) -> None:
    settings.FINI_CALLS_PER_MINUTE = 90

    def taken() -> int:
        """How many calls may still go out at once."""
        for number in range(100):
            try:
                budget.take(budget.lock_budget(acme), str(uuid4()), urgent=True)
            except budget.Spent:
                return number
        return 100

    change(acme, calls_per_minute=60)
    assert taken() == 60
    change(acme, calls_per_minute=5)
    assert taken() == 0
    change(acme, calls_per_minute=70)
    assert taken() == 10
    Slot.objects.filter(number__lte=66).update(sent_at=datetime.now(UTC) - timedelta(seconds=61))
    change(acme, calls_per_minute=5)
    assert taken() == 1
    change(acme, calls_per_minute=None)
    assert taken() == 85


def test_the_foot_shows_the_workspaces_own_budget(acme: Workspace, other: Workspace, settings: Any) -> None:
    settings.FINI_CALLS_PER_MINUTE = 90
    change(acme, calls_per_minute=12)
    assert (now_in(acme).limit, now_in(other).limit) == (12, 90)


def test_each_workspace_cuts_its_calls_by_its_own_batch_size(
    acme: Workspace, other: Workspace, settings: Any, editor: Client
) -> None:
    settings.FINI_BATCH_SIZE = 100
    change(acme, batch_size=2)
    preview = registrations.freeze_register(
        workspace=acme, provider="notion", resources=resources(5), then_ingest=False
    )
    assert [call.ids for call in planned_calls.call_plan(preview).calls(9)] == [2, 2, 1]
    for workspace in (acme, other):
        register(workspace, 5)
    drive(acme)
    drive(other)
    assert [len(body["resources"]) for body in bodies(acme, "register")] == [2, 2, 1]
    assert [len(body["resources"]) for body in bodies(other, "register")] == [5]
    ingestions.start_ingest(by=WHO, workspace=acme)
    assert Step.objects.filter(run__workspace=acme, kind="ingest").count() == 3


def test_what_fini_takes_at_most_still_bounds_a_larger_batch_size(acme: Workspace, settings: Any) -> None:
    change(acme, batch_size=400)
    held = budget.lock_budget(acme)
    assert batch_size(held) == 400
    Budget.objects.update(batch_limit=50)
    held.refresh_from_db()
    assert batch_size(held) == 50


def test_a_preview_opens_with_what_the_workspace_sends_along_and_a_person_may_say_otherwise(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    change(acme, english=True, baser=False)

    def frozen() -> str:
        held = registrations.freeze_register(
            workspace=acme, provider="notion", resources=resources(1), then_ingest=True
        )
        return f"/w/acme/previews/{held.token}/"

    page = editor.get(frozen())
    form = page.context["form"]
    assert (form["english"].value(), form["baser"].value()) == ("yes", "no")
    assert '<option value="no" selected>No</option>' in page.content.decode()
    editor.post(frozen(), {"english": "no", "baser": ""})
    run = Run.objects.get()
    assert (run.english, run.baser) == (False, None)


def test_the_calls_of_a_preview_carry_what_the_workspace_sends_along(
    acme: Workspace, editor: Client, sandbox: Sandbox
) -> None:
    register(acme, 1)
    drive(acme)
    change(acme, english=False)
    preview = ingestions.freeze_ingest(workspace=acme, entries=waiting(acme))
    (shown,) = planned_bodies(preview)
    assert shown["english"] is False
    assert "baser" not in shown
    page = editor.get(f"/w/acme/previews/{preview.token}/").context["form"]
    sent = {name: page[name].value() or "" for name in ("english", "baser")}
    editor.post(f"/w/acme/previews/{preview.token}/", sent)
    drive(acme)
    assert bodies(acme, "ingest") == [shown]


def test_commands_send_along_what_the_workspace_says(
    acme: Workspace, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(acme, english=True, mime_type_zendesk="text/plain")
    given = [{"externalId": "1", "title": "One", "originalUrl": "https://help.example/1"}]
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(given).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    call_command("register", "acme", "zendesk", "-")
    drive(acme)
    assert bodies(acme, "register")[0]["resources"][0]["mimeType"] == "text/plain"
    call_command("ingest", "acme")
    drive(acme)
    assert bodies(acme, "ingest")[0]["english"] is True


def test_the_register_form_offers_the_workspaces_types(acme: Workspace, editor: Client) -> None:
    change(acme, mime_type_zendesk="text/plain")
    page = editor.get("/w/acme/register/?provider=zendesk").content.decode()
    assert 'value="zendesk" selected data-mime="text/plain"' in page
    assert 'name="1-mime_type" value="text/plain"' in page
    assert 'value="confluence" data-mime="text/html"' in page
    moved = ROW | {"mime_of": "zendesk", "1-mime_type": "text/plain", "provider": "notion"}
    held = contents(preview_of(editor.post("/w/acme/register/", moved)))["resources"]
    assert held[0]["mimeType"] == "text/markdown"


@pytest.mark.parametrize(
    "given",
    [
        "title,externalId,originalUrl\nOne,1,https://help.example/1\n",
        json.dumps([{"id": "c", "name": "C", "sections": [
            {"id": "s", "name": "S", "articles": [
                {"id": "1", "title": "One", "url": "https://help.example/1"}]}]}]),
    ],
)  # fmt: skip
def test_an_import_without_types_gets_the_workspaces(acme: Workspace, editor: Client, given: str) -> None:
    change(acme, mime_type_zendesk="text/plain")
    held = contents(preview_of(imported(editor, given)))["resources"]
    assert [item["mimeType"] for item in held] == ["text/plain"]


def test_discover_offers_the_workspaces_type_for_what_came_without_one(
    acme: Workspace, editor: Client
) -> None:
    change(acme, mime_type_zendesk="text/plain")
    listed(acme, [leaf("1")])
    choice = editor.get("/w/acme/discover/zendesk/").context["choice"]
    assert choice["mime_type"].value() == "text/plain"
    fields = {"do": "register", "mime_type": "text/plain", "id": str(key("1"))}
    editor.post("/w/acme/discover/zendesk/", fields)
    assert [item["mimeType"] for item in contents(Preview.objects.get())["resources"]] == ["text/plain"]


def test_an_archived_workspaces_work_waits_and_goes_on_when_it_is_restored(
    acme: Workspace, other: Workspace, sandbox: Sandbox
) -> None:
    run = register(acme, 2)
    theirs = register(other, 2)
    archive_workspace(by=WHO, workspace=acme)
    assert loop.due_workspaces() == [other.pk]
    exhaust(acme)
    assert requests(sandbox, "POST", REGISTER) == []
    drive(other)
    assert ends(theirs) == {"done": 2}
    assert Step.objects.filter(run=run, state=StepState.READY).count() == 1
    restore_workspace(by=WHO, workspace=acme)
    drive(acme)
    assert ends(run) == {"done": 2}


def test_the_walk_of_an_archived_workspace_waits_too_and_nothing_in_it_gets_stuck(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(pending_seconds=[60, 60])
    run = register(resources(1), then_ingest=True)
    deadline = time.monotonic() + 20
    while not Source.objects.filter(sent_at__isnull=False).exists():
        assert time.monotonic() < deadline
        hurry(acme)
        loop.work_once(acme.pk, OWNER)
    archive_workspace(by=WHO, workspace=acme)
    before = len(sandbox.log())
    exhaust(acme)
    assert len(sandbox.log()) == before
    long_ago = datetime.now(UTC) - timedelta(hours=25)
    Source.objects.update(sent_at=long_ago, read_at=long_ago)
    Watch.objects.update(whole_at=long_ago)
    loop.mark_stuck()
    restore_workspace(by=WHO, workspace=acme)
    loop.mark_stuck()
    assert ends(run) == {}  # nobody has looked since
    Source.objects.update(read_at=datetime.now(UTC))
    loop.mark_stuck()
    assert Source.objects.get(provider="notion").state == State.STUCK


def test_a_command_that_waits_says_that_the_workspace_was_archived(acme: Workspace) -> None:
    run = discovery.start_discover(by=WHO, workspace=acme, provider="zendesk")
    archive_workspace(by=WHO, workspace=acme)
    with pytest.raises(Exception, match="run 1 waits: the workspace is archived"):
        Command().follow(run)
