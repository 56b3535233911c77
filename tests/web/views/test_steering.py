"""Pause, Resume, Stop and *Hold everything*, as pages offer them."""

import pytest
from django.test import Client

from fini_admin.ingestion.kinds import ingestions
from fini_admin.ingestion.models import Budget, Run
from fini_admin.ingestion.runs import steering
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.chances import HTMX, said
from tests.support.discovered import at_work
from tests.support.queue_page import many
from tests.support.who import by
from tests.support.work import Start, resources

pytestmark = pytest.mark.usefixtures("connected")
RUN, STEER, RUNS, HOLD = "/w/acme/runs/1/", "/w/acme/runs/1/steer/", "/w/acme/runs/", "/w/acme/runs/hold/"


def state() -> str:
    return Run.objects.get().state


def test_an_editor_pauses_resumes_and_stops(editor: Client, register: Start) -> None:
    register(resources(2))
    answer = editor.post(STEER, {"do": "pause"})
    assert (answer.status_code, answer["Location"], state()) == (303, RUN, "paused")
    page = said(editor, RUN)
    assert ">Resume</button>" in page
    assert ">Pause</button>" not in page
    editor.post(STEER, {"do": "resume"})
    assert state() == "running"
    editor.post(STEER, {"do": "stop"})
    assert state() == "ended"
    assert "Stop run 1" not in said(editor, RUN)
    assert "2" in said(editor, f"{RUN}?outcome=skipped")


def test_who_paused_or_stopped_is_said_once(editor: Client, register: Start) -> None:
    at_work()
    register(resources(2))
    editor.post(STEER, {"do": "pause"})
    page = said(editor, RUN)
    assert page.count("by editor@example.com, <time") == 1
    assert "Paused by" not in page
    assert '<p class="run-waits">What was sent is followed.</p>' in page
    Run.objects.update(state="stopping")
    page = said(editor, RUN)
    assert page.count("stopped by editor@example.com") == 1
    assert '<p class="run-waits">What was sent is followed to its end.</p>' in page


def test_the_buttons_follow_the_run_when_the_page_asks_for_its_part(editor: Client, register: Start) -> None:
    register(resources(1))
    assert ">Pause</button>" in said(editor, RUN, headers=HTMX)
    editor.post(STEER, {"do": "pause"})
    part = said(editor, RUN, headers=HTMX)
    assert '<hx-partial hx-target="#steer" hx-swap="innerMorph">' in part
    assert ">Resume</button>" in part


def test_what_came_too_late_is_said_and_nothing_changes(editor: Client, register: Start) -> None:
    register(resources(1))
    editor.post(STEER, {"do": "stop"})
    page = editor.post(STEER, {"do": "resume"}, follow=True).content.decode()
    assert "Run 1 has ended: nothing was changed." in page
    assert editor.post(STEER, {"do": "nonsense"}).status_code == 303
    assert editor.get(STEER).status_code == 303


def test_a_viewer_steers_nothing(client: Client, acme: Workspace, register: Start) -> None:
    register(resources(1))
    client.force_login(people.member(acme, "viewer"))
    assert ">Pause</button>" not in said(client, RUN)
    assert client.post(STEER, {"do": "pause"}).status_code == 403
    assert state() == "running"


def test_an_admin_holds_everything_and_lets_it_go_on(admin: Client, acme: Workspace, register: Start) -> None:
    register(resources(1))
    assert ">Hold everything</button>" in said(admin, RUNS)
    assert admin.post(HOLD, {"do": "hold"})["Location"] == RUNS
    assert steering.holder_of(acme) == "ada@example.com"
    assert "ada@example.com holds everything: nothing is sent." in said(admin, RUNS)
    admin.post(HOLD, {"do": "release"})
    assert Budget.objects.get().held_at is None


def test_an_editor_sees_the_hold_and_cannot_lift_it(editor: Client, acme: Workspace, register: Start) -> None:
    register(resources(1))
    steering.hold(by=by("boss@example.com", "browser"), workspace=acme)
    page = said(editor, RUNS)
    assert "boss@example.com holds everything" in page
    assert "Resume everything" not in page
    assert editor.post(HOLD, {"do": "release"}).status_code == 403


def test_a_preview_says_that_everything_is_held(editor: Client, acme: Workspace) -> None:
    steering.hold(by=by("boss@example.com", "browser"), workspace=acme)
    preview = ingestions.freeze_ingest(workspace=acme, entries=many(acme, 1))
    page = said(editor, f"/w/acme/previews/{preview.token}/")
    assert (
        "boss@example.com holds everything: what you start waits until an admin resumes everything." in page
    )
