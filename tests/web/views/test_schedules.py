"""Schedules on the pages: set, changed, ended, taken over; and what is said of them."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.ingestion import schedules
from fini_admin.ingestion.models import Run, Schedule
from fini_admin.people.access import switch_off_user
from fini_admin.workspaces import queries
from fini_admin.workspaces.members import remove_member
from fini_admin.workspaces.models import Membership, User, Workspace, WorkspaceSettings
from tests.support import people
from tests.support.sandbox import Sandbox
from tests.support.scheduling import PAGE, changes, due_in, held, scheduled, started, text
from tests.support.who import by
from tests.support.work import alive, drive

pytestmark = pytest.mark.usefixtures("connected")

TAKE_OVER = "/w/acme/settings/schedules/notion/take-over/"
ADVICE = "It keeps running: take it over or end it in Settings."


@pytest.fixture
def at_work(db: None) -> None:
    alive()


def needs(client: Client) -> list[tuple[str, str]]:
    return [(f"{need.text}. {need.why}", url) for need, url in client.get("/w/acme/").context["needs"]]


def test_a_new_workspace_has_no_schedule_and_nothing_is_started(acme: Workspace, admin: Client) -> None:
    schedules.start_due()
    page = admin.get(PAGE)
    assert text(page).count("Not scheduled.") == 3
    assert (held(), Run.objects.count()) == ({}, 0)


def test_it_is_set_changed_and_ended_with_before_and_after_in_the_trail(
    acme: Workspace, admin: Client
) -> None:
    answer = admin.post(PAGE, {"discover_notion_hours": "24", "discover_zendesk_hours": " 1 "}, follow=True)
    assert answer.redirect_chain == [(PAGE, 303)]
    assert "The settings are saved." in text(answer)
    assert held() == {"notion": (24, "ada@example.com"), "zendesk": (1, "ada@example.com")}
    assert timedelta(hours=23, minutes=59) < due_in("notion") <= timedelta(hours=24)
    page = answer.content.decode()
    assert 'name="discover_notion_hours" value="24"' in page
    assert "Set by ada@example.com." in text(answer)
    assert "Next" in text(answer)
    admin.post(PAGE, {"discover_notion_hours": "12"})
    assert held() == {"notion": (12, "ada@example.com")}
    assert due_in("notion") <= timedelta(hours=12)
    admin.post(PAGE, {})
    assert held() == {}
    assert changes(acme) == [
        (
            "ada@example.com",
            {
                "before": {"discover_notion_hours": None, "discover_zendesk_hours": None},
                "after": {"discover_notion_hours": 24, "discover_zendesk_hours": 1},
            },
        ),
        (
            "ada@example.com",
            {
                "before": {"discover_notion_hours": 24, "discover_zendesk_hours": 1},
                "after": {"discover_notion_hours": 12, "discover_zendesk_hours": None},
            },
        ),
        (
            "ada@example.com",
            {"before": {"discover_notion_hours": 12}, "after": {"discover_notion_hours": None}},
        ),
    ]


def test_what_another_person_saves_unchanged_keeps_its_owner_and_its_time(
    acme: Workspace, admin: Client
) -> None:
    scheduled(acme, "bob@example.com", notion=24)
    before = Schedule.objects.get().next_at
    answer = admin.post(PAGE, {"discover_notion_hours": "24", "batch_size": "7"}, follow=True)
    assert "The settings are saved." in text(answer)
    assert held() == {"notion": (24, "bob@example.com")}
    assert Schedule.objects.get().next_at == before
    assert [detail["after"] for _, detail in changes(acme)] == [
        {"discover_notion_hours": 24},
        {"batch_size": 7},
    ]
    admin.post(PAGE, {"discover_notion_hours": "23", "batch_size": "7"})
    assert held() == {"notion": (23, "ada@example.com")}


@pytest.mark.parametrize(
    "typed", ["0", "721", "-1", "1.5", "5_0", "+5", "1.0", "٥", "many", "9" * 30, "9" * 5000, people.KEY]
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost_or_saved(
    acme: Workspace, admin: Client, typed: str
) -> None:
    sent = {"discover_notion_hours": typed, "discover_zendesk_hours": "5", "batch_size": "7"}
    answer = admin.post(PAGE, sent)
    assert answer.status_code == 422
    said = "This looks like an API key" if typed == people.KEY else "Enter a number from 1 to 720"
    page = answer.content.decode()
    wrong = re.search(r'id="id_discover_notion_hours_error">(.*?)</p>', page, re.DOTALL)
    assert wrong
    assert said in wrong[1]
    assert page.count('class="wrong"') == 1
    assert 'name="discover_zendesk_hours" value="5"' in page
    assert 'name="batch_size" value="7"' in page
    assert people.KEY not in page
    assert (held(), changes(acme), WorkspaceSettings.objects.count()) == ({}, [], 0)


def test_what_is_wrong_with_a_setting_saves_no_schedule_and_keeps_what_was_typed(
    acme: Workspace, admin: Client
) -> None:
    answer = admin.post(PAGE, {"discover_notion_hours": "24", "batch_size": "many"})
    assert answer.status_code == 422
    assert 'name="discover_notion_hours" value="24"' in answer.content.decode()
    assert (held(), changes(acme)) == ({}, [])


@pytest.mark.parametrize("hours", [{"notion": 0}, {"notion": 721}, {"notion": True}, {"dropbox": 5}])
def test_the_action_holds_the_same_bounds_without_the_form(
    acme: Workspace, hours: dict[str, int | None]
) -> None:
    with pytest.raises(ValidationError):
        schedules.change(by=by("ada@example.com"), workspace=acme, hours=hours)
    assert (held(), changes(acme)) == ({}, [])


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_an_admin_sets_one_or_takes_one_over(acme: Workspace, client: Client, role: str) -> None:
    scheduled(acme, "gone@example.com", notion=24)
    people.sign_in(client, people.member(acme, role))
    for path in (PAGE, TAKE_OVER):
        assert client.post(path, {"discover_notion_hours": "1"}).status_code == 403
    assert held() == {"notion": (24, "gone@example.com")}


def test_of_somebody_who_is_switched_off_it_runs_on_and_the_home_says_so_until_it_is_taken_over(
    acme: Workspace, admin: Client, at_work: None
) -> None:
    bob = people.member(acme, "admin", "bob@example.com")
    scheduled(acme, bob.email, notion=24)
    assert needs(admin) == []
    switch_off_user(by=by("root"), user=bob)
    assert needs(admin) == [
        (
            f"The discovery of Notion every 24 hours was set by {bob.email}, who is switched off. {ADVICE}",
            "/w/acme/settings/#schedules",
        )
    ]
    schedules.start_due()
    assert started(acme) == [("notion", "bob@example.com")]
    page = admin.get(PAGE)
    assert "Set by bob@example.com, who is switched off." in text(page)
    assert f'action="{TAKE_OVER}"' in page.content.decode()
    time = Schedule.objects.get().next_at
    for _ in range(2):
        answer = admin.post(TAKE_OVER, follow=True)
        assert answer.redirect_chain == [(PAGE, 303)]
    assert "Take over" not in text(answer)
    assert held() == {"notion": (24, "ada@example.com")}
    assert Schedule.objects.get().next_at == time
    assert needs(admin) == []
    assert changes(acme)[1:] == [
        (
            "ada@example.com",
            {
                "before": {"discover_notion_set_by": "bob@example.com"},
                "after": {"discover_notion_set_by": "ada@example.com"},
            },
        )
    ]


def test_ended_it_needs_nobody_any_more(acme: Workspace, admin: Client, at_work: None) -> None:
    scheduled(acme, "bob@example.com", notion=1)
    assert "every hour was set by bob@example.com, whom nobody here knows" in needs(admin)[0][0]
    admin.post(PAGE, {})
    assert needs(admin) == []


def test_what_is_in_the_way_of_an_owner_is_named(acme: Workspace, admin: Client) -> None:
    bob = people.member(acme, "editor", "bob@example.com")
    scheduled(acme, bob.email, notion=1)

    def gone() -> str:
        return schedules.schedule_statuses(acme)[0].gone

    assert gone() == ""
    Membership.objects.filter(user=bob).update(role="viewer")
    assert gone() == "who may no longer discover here"
    remove_member(by=by("ada"), membership=queries.members(acme).get(user=bob))
    assert gone() == "who is no longer a member"
    User.objects.filter(pk=bob.pk).update(is_superuser=True)
    assert gone() == ""
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert gone() == "who is switched off"
    Schedule.objects.update(set_by="nobody@example.com")
    assert gone() == "whom nobody here knows"


def test_to_look_at_the_way_takes_nothing_over_and_what_is_not_there_cannot_be(
    acme: Workspace, admin: Client
) -> None:
    scheduled(acme, "bob@example.com", notion=1)
    assert admin.get(TAKE_OVER).status_code == 303
    for provider in ("zendesk", "dropbox"):
        assert admin.post(TAKE_OVER.replace("notion", provider)).status_code == 404
    assert held() == {"notion": (1, "bob@example.com")}


def test_with_a_script_only_the_line_changes_so_that_what_was_typed_stays(
    acme: Workspace, admin: Client
) -> None:
    scheduled(acme, "bob@example.com", notion=1)
    answer = admin.post(TAKE_OVER, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert text(answer).startswith("Set by ada@example.com. Due")
    assert "<form" not in answer.content.decode()


def test_a_run_of_a_schedule_says_so_where_it_is_shown(
    acme: Workspace, admin: Client, sandbox: Sandbox
) -> None:
    scheduled(acme, notion=24)
    schedules.start_due()
    page = text(admin.get(PAGE))
    assert re.search(r"Last just now : run 1 running", page)
    drive(acme)
    assert re.search(rf"run 1 done {Run.objects.get().total:,} listed", text(admin.get(PAGE)))
    Run.objects.update(error="Fini did not answer")
    assert re.search("run 1 failed", text(admin.get(PAGE)))
    said = text(admin.get("/w/acme/runs/1/")).replace(" ,", ",")
    assert "Started by a schedule of ada@example.com, just now" in said
    assert "ada@example.com by a schedule" in text(admin.get("/w/acme/runs/"))
    assert "by a schedule" in text(admin.get("/w/acme/activity/"))


def test_the_pages_ask_as_much_for_three_schedules_as_for_one(acme: Workspace, admin: Client) -> None:
    def asked(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(path).status_code == 200
        return len(captured)

    scheduled(acme, "bob@example.com", notion=1)
    schedules.start_due()
    one = [asked(path) for path in (PAGE, "/w/acme/")]
    scheduled(acme, "eve@example.com", zendesk=2, confluence=3)
    schedules.start_due()
    assert [asked(path) for path in (PAGE, "/w/acme/")] == one


def test_another_workspaces_schedule_is_its_own(acme: Workspace, admin: Client) -> None:
    other = people.workspace("other", "Other Company")
    scheduled(other, "bob@example.com", notion=1)
    assert "Not scheduled." in text(admin.get(PAGE))
    assert admin.post(TAKE_OVER).status_code == 404
    admin.post(PAGE, {"discover_notion_hours": "5"})
    assert sorted(Schedule.objects.values_list("workspace__slug", "every_hours")) == [
        ("acme", 5),
        ("other", 1),
    ]
