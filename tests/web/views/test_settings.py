"""The page of a workspace's settings, and the table that it, its form and the work read."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.workspaces.models import Workspace, WorkspaceSettings
from fini_admin.workspaces.preferences import SETTINGS, Value, own_values, preferences
from fini_admin.workspaces.workspaces import change_settings
from tests.support import people
from tests.support.challenge import asks
from tests.support.who import by

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/settings/"
EMPTY = dict.fromkeys(SETTINGS, "")
SOME = EMPTY | {"calls_per_minute": "30", "english": "no", "mime_type_zendesk": " text/plain "}


@pytest.fixture(autouse=True)
def installation(settings: Any) -> None:
    settings.FINI_CALLS_PER_MINUTE, settings.FINI_BATCH_SIZE = 90, 100


def change(workspace: Workspace, **values: Value) -> bool:
    return change_settings(by=by(), workspace=workspace, values=values)


def stored(workspace: Workspace) -> dict[str, Value]:
    """What the workspace set itself."""
    row = WorkspaceSettings.objects.filter(workspace=workspace).first()
    return {name: value for name, value in own_values(row).items() if value is not None} if row else {}


def text(content: bytes) -> str:
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", content.decode()).split()))


def changes(workspace: Workspace) -> list[tuple[str, dict[str, Any]]]:
    """The trail's entries about settings: by whom, and what."""
    return [(actor, detail) for kind, actor, detail in people.trail(workspace) if kind == "settings.changed"]


def test_a_workspace_that_set_nothing_goes_by_the_defaults(acme):
    held = preferences(acme)
    assert (held.calls_per_minute, held.batch_size, held.english, held.baser) == (90, 100, None, None)
    assert held.mime_types == {
        "notion": "text/markdown",
        "zendesk": "text/html",
        "confluence": "text/html",
    }
    assert not WorkspaceSettings.objects.exists()


def test_the_page_says_of_each_setting_what_it_means_its_bounds_and_its_default(admin):
    page = text(admin.get(PAGE).content)
    for setting in SETTINGS.values():
        assert setting.meaning in page
        assert setting.bounds_hint in page
        assert setting.default_hint in page
    for said in (
        "1 to 90. By default the installation's 90.",
        "1 to 500. By default the installation's 100.",
        "1 to 168. By default 1.",
        "30 to 3,650. By default 400.",
        "By default the provider's text/markdown.",
        "As Fini decides",
    ):
        assert said in page


def test_what_is_saved_holds_is_shown_and_stands_in_the_trail(admin, acme):
    answer = admin.post(PAGE, SOME, follow=True)
    assert answer.redirect_chain == [(PAGE, 303)]
    assert "The settings are saved." in text(answer.content)
    held = preferences(acme)
    assert (held.calls_per_minute, held.batch_size, held.english, held.baser) == (30, 100, False, None)
    assert held.mime_types["zendesk"] == "text/plain"
    page = answer.content.decode()
    assert re.search(r'name="calls_per_minute" value="30"', page)
    assert re.search(r'name="mime_type_zendesk" value="text/plain"', page)
    assert re.search(r'<option value="no" selected>', page)
    before = {"calls_per_minute": None, "english": None, "mime_type_zendesk": None}
    after = {"calls_per_minute": 30, "english": False, "mime_type_zendesk": "text/plain"}
    assert changes(acme) == [("ada@example.com", {"before": before, "after": after})]


def test_only_what_changed_stands_in_the_trail_and_nothing_changed_is_no_entry(admin, acme):
    admin.post(PAGE, SOME)
    answer = admin.post(PAGE, SOME, follow=True)
    assert "Nothing was changed." in text(answer.content)
    admin.post(PAGE, SOME | {"calls_per_minute": "", "batch_size": "7"})
    assert len(changes(acme)) == 2
    assert changes(acme)[1][1] == {
        "before": {"calls_per_minute": 30, "batch_size": None},
        "after": {"calls_per_minute": None, "batch_size": 7},
    }
    assert stored(acme) == {"batch_size": 7, "english": False, "mime_type_zendesk": "text/plain"}


def test_everything_emptied_is_as_if_nothing_had_been_set(admin, acme):
    admin.post(PAGE, SOME)
    admin.post(PAGE, EMPTY)
    assert stored(acme) == {}
    assert WorkspaceSettings.objects.get().mime_types == {}


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("calls_per_minute", "0", "Enter a number from 1 to 90"),
        ("calls_per_minute", "91", "Enter a number from 1 to 90"),
        ("calls_per_minute", "many", "Enter a number from 1 to 90"),
        ("calls_per_minute", "-5", "Enter a number from 1 to 90"),
        ("calls_per_minute", "9" * 30, "Enter a number from 1 to 90"),
        ("fallback_hours", "169", "Enter a number from 1 to 168"),
        ("retention_days", "29", "Enter a number from 30 to 3,650"),
        ("retention_days", "0", "Enter a number from 30 to 3,650"),
        ("retention_days", "3651", "Enter a number from 30 to 3,650"),
        ("batch_size", "501", "Enter a number from 1 to 500"),
        ("batch_size", "1.5", "Enter a number from 1 to 500"),
        ("batch_size", "9" * 5000, "Enter a number from 1 to 500"),
        ("english", "perhaps", "Select a valid choice"),
        ("baser", "True", "Select a valid choice"),
        ("mime_type_notion", "html", "Write it as type/subtype"),
        ("mime_type_notion", "text/html\nx", "Write it as type/subtype"),
        ("mime_type_notion", "a\x00b/c", "Null characters"),
        ("mime_type_notion", f"text/{'x' * 300}", "Write it as type/subtype"),
        ("mime_type_notion", people.KEY, "This looks like an API key"),
        ("calls_per_minute", people.KEY, "This looks like an API key"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(admin, acme, field, typed, said):
    answer = admin.post(PAGE, SOME | {field: typed})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    assert said in text(answer.content)
    page = answer.content.decode()
    assert people.KEY not in page
    assert field == "calls_per_minute" or 'value="30"' in page
    assert (stored(acme), changes(acme)) == ({}, [])


@pytest.mark.parametrize("typed", ["5_0", "+5", "5.0", "5.", "٥٠", "５０", "0x10", "1e1", "5 0"])
def test_only_digits_are_a_number_and_what_was_typed_stays(admin, acme, typed):
    numbers = ["calls_per_minute", "batch_size", "fallback_hours", "retention_days"]
    answer = admin.post(PAGE, EMPTY | dict.fromkeys(numbers, typed))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == numbers
    page = answer.content.decode()
    assert [page.count(f'name="{name}" value="{typed}"') for name in numbers] == [1, 1, 1, 1]
    assert stored(acme) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"calls_per_minute": 91},
        {"calls_per_minute": True},
        {"batch_size": 0},
        {"batch_size": "7"},
        {"english": "yes"},
        {"mime_type_zendesk": 7},
        {"mime_type_zendesk": f"text/{people.KEY}"},
        {"mime_type_dropbox": "text/html"},
        {"workspace_id": "x"},
    ],
)
def test_the_action_holds_the_same_bounds_without_the_form(acme, values):
    with pytest.raises(ValidationError):
        change(acme, **values)
    assert (stored(acme), changes(acme)) == ({}, [])


def test_a_budget_above_what_the_installation_allows_since_is_cut_to_it(admin, acme, settings):
    change(acme, calls_per_minute=80)
    settings.FINI_CALLS_PER_MINUTE = 60
    assert preferences(acme).calls_per_minute == 60
    assert "0 of 60 calls this minute" in text(admin.get(PAGE).content)


def test_a_workspaces_settings_are_its_own(acme, other):
    change(acme, batch_size=7)
    assert (preferences(acme).batch_size, preferences(other).batch_size) == (7, 100)
    assert changes(other) == []


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_an_admin_comes_in(client, acme, role):
    people.sign_in(client, people.member(acme, role))
    for answer in (client.get(PAGE), client.post(PAGE, SOME)):
        assert answer.status_code == 403
    assert stored(acme) == {}


def test_for_another_workspaces_admin_the_page_is_not_there(client, acme, other):
    people.sign_in(client, people.member(other, "admin"))
    for answer in (client.get(PAGE), client.post(PAGE, SOME)):
        assert answer.status_code == 404
    assert stored(acme) == {}


def test_looking_changes_nothing_and_costs_the_same_with_settings_and_without(admin, acme):
    counts = []
    several: tuple[dict[str, Value], ...] = ({}, {"calls_per_minute": 7, "mime_type_notion": "text/plain"})
    for values in several:
        change(acme, **values)
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(PAGE, SOME).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert stored(acme) == {"calls_per_minute": 7, "mime_type_notion": "text/plain"}


def test_a_field_shows_the_value_in_force_and_saving_it_keeps_the_default(admin, acme):
    page = admin.get(PAGE).content.decode()
    assert 'name="calls_per_minute" value="90"' in page
    assert 'name="mime_type_notion" value="text/markdown"' in page
    admin.post(PAGE, {"calls_per_minute": "90", "retention_days": "400", "batch_size": "50"})
    assert stored(acme) == {"batch_size": 50}
    assert 'name="batch_size" value="50"' in admin.get(PAGE).content.decode()


def test_the_activity_page_tells_what_was_changed(admin, acme):
    admin.post(PAGE, SOME)
    page = text(admin.get("/w/acme/activity/").content)
    assert "Settings changed" in page
    assert "calls per minute none → 30" in page


def test_who_logged_in_long_ago_is_asked_again_for_the_trails_retention_is_among_them(client, acme):
    client.force_login(people.member(acme, "admin"))
    assert client.get(PAGE).status_code == 200
    assert asks(client.post(PAGE, {"retention_days": "30"}))
    assert stored(acme) == {}
