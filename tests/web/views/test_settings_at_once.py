"""Two copies of the settings page, open at once: nobody's change is lost unseen."""

import re
from typing import Any

import pytest
from django.core import signing

from fini_admin.workspaces.members import add_member
from fini_admin.workspaces.models import User, Workspace, WorkspaceSettings
from fini_admin.workspaces.preferences import SETTINGS, own_values
from tests.support import people
from tests.support.scheduling import PAGE, changes, held, text
from tests.support.who import by

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("connected")]
FIELDS = [*SETTINGS, "discover_notion_hours", "discover_zendesk_hours", "discover_confluence_hours"]


def shown(answer: Any) -> dict[str, str]:
    """What a copy of the page sends back if nobody types into it."""
    form = answer.context["form"], *[row["field"] for row in answer.context["rows"]]
    typed = {name: form[0][name].value() for name in SETTINGS} | {one.name: one.value() for one in form[1:]}
    seal = re.search(r'name="shown" value="([^"]*)"', answer.content.decode())
    assert seal
    return {name: "" if value is None else str(value) for name, value in typed.items()} | {"shown": seal[1]}


def stored(workspace: Workspace) -> dict[str, Any]:
    row = WorkspaceSettings.objects.get(workspace=workspace)
    return {name: value for name, value in own_values(row).items() if value is not None}


def test_what_a_colleague_saved_meanwhile_stays_where_this_page_was_left_as_it_was(admin, acme):
    old = shown(admin.get(PAGE))
    assert set(old) == {*FIELDS, "shown"}
    admin.post(PAGE, old | {"batch_size": "50", "discover_notion_hours": "24"})
    assert admin.post(PAGE, old | {"english": "yes", "discover_zendesk_hours": "12"}).status_code == 303
    assert stored(acme) == {"batch_size": 50, "english": True}
    assert {name: hours for name, (hours, _) in held().items()} == {"notion": 24, "zendesk": 12}
    assert [detail["after"] for _, detail in changes(acme)][2:] == [
        {"english": True},
        {"discover_zendesk_hours": 12},
    ]


@pytest.mark.parametrize(
    ("field", "theirs", "mine", "said"),
    [
        ("batch_size", "50", "60", "Somebody saved 50 here after you opened this page."),
        ("english", "yes", "no", "Somebody saved Yes here after you opened this page."),
        ("discover_notion_hours", "24", "12", "Somebody saved 24 here after you opened this page."),
    ],
)
def test_what_both_changed_is_said_beside_its_field_and_saved_when_it_is_sent_again(
    admin, acme, field, theirs, mine, said
):
    old = shown(admin.get(PAGE))
    admin.post(PAGE, old | {field: theirs})
    before = changes(acme)
    answer = admin.post(PAGE, old | {field: mine, "retention_days": "90"})
    assert answer.status_code == 422
    assert said in text(answer)
    assert changes(acme) == before
    again = shown(answer)
    assert again[field] == mine
    assert again["retention_days"] == "90"
    assert admin.post(PAGE, again).status_code == 303
    after = [detail["after"] for _, detail in changes(acme)[len(before) :]]
    assert {name for changed in after for name in changed} == {field, "retention_days"}
    assert shown(admin.get(PAGE))[field] == mine


def test_what_was_emptied_meanwhile_is_said_too(admin, acme):
    admin.post(PAGE, shown(admin.get(PAGE)) | {"batch_size": "50"})
    old = shown(admin.get(PAGE))
    admin.post(PAGE, old | {"batch_size": ""})
    answer = admin.post(PAGE, old | {"batch_size": "60"})
    assert answer.status_code == 422
    assert "Somebody emptied this after you opened this page." in text(answer)
    assert stored(acme) == {}


def test_the_same_change_twice_is_no_conflict(admin, acme):
    old = shown(admin.get(PAGE))
    for _ in range(2):
        assert admin.post(PAGE, old | {"batch_size": "50"}).status_code == 303
    assert len(changes(acme)) == 1


def test_an_error_elsewhere_on_the_page_forgets_nothing_of_what_was_shown(admin, acme):
    old = shown(admin.get(PAGE))
    admin.post(PAGE, old | {"batch_size": "50"})
    answer = admin.post(PAGE, old | {"retention_days": "1"})
    assert answer.status_code == 422
    assert admin.post(PAGE, shown(answer) | {"retention_days": "90"}).status_code == 303
    assert stored(acme) == {"batch_size": 50, "retention_days": 90}


@pytest.mark.parametrize(
    "seal", ["", "made up", people.KEY, pytest.param(signing.dumps({"batch_size": 1}), id="another's")]
)
def test_without_what_it_showed_a_page_saves_all_that_stands_in_it(admin, acme, seal):
    old = shown(admin.get(PAGE))
    admin.post(PAGE, old | {"batch_size": "50"})
    assert admin.post(PAGE, old | {"english": "yes", "shown": seal}).status_code == 303
    assert stored(acme) == {"english": True}


def test_what_the_page_of_another_workspace_showed_counts_for_nothing(admin, acme):
    other = people.workspace("other", "Other Company")
    add_member(by=by(), workspace=other, user=User.objects.get(), role="admin")
    foreign = shown(admin.get("/w/other/settings/"))
    admin.post(PAGE, shown(admin.get(PAGE)) | {"batch_size": "50"})
    assert admin.post(PAGE, foreign).status_code == 303
    assert stored(acme) == {}
