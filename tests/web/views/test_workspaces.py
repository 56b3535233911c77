"""The superusers' page of workspaces."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fini_admin.workspaces.models import Workspace
from tests.support import people

pytestmark = pytest.mark.django_db
PAGE = "/workspaces/"


@pytest.fixture
def root(client: Client) -> Client:
    people.sign_in(client, people.user("root@example.com", superuser=True))
    return client


def names() -> dict[str, str]:
    return dict(Workspace.objects.values_list("slug", "name"))


def rename(workspace: Workspace) -> str:
    return f"/workspaces/{workspace.pk}/rename/"


def test_a_workspace_is_added_and_its_key_comes_next(root):
    answer = root.post(PAGE, {"name": " Acme ", "slug": "acme"}, follow=True)
    assert answer.redirect_chain == [("/w/acme/", 303)]
    assert "Acme is added. Its API key comes next." in answer.content.decode()
    assert names() == {"acme": "Acme"}
    trail = people.trail(Workspace.objects.get())
    assert trail == [("workspace.created", "root@example.com", {"slug": "acme", "name": "Acme"})]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": "", "slug": "two"}, "name"),
        ({"name": "Two", "slug": ""}, "slug"),
        ({"name": "Two", "slug": "Two"}, "slug"),
        ({"name": "Two", "slug": "-two"}, "slug"),
        ({"name": "Two", "slug": "s" * 64}, "slug"),
        ({"name": "Two", "slug": "acme"}, "slug"),
        ({"name": "n" * 101, "slug": "two"}, "name"),
        ({"name": "a\tb", "slug": "two"}, "name"),
        ({"name": people.KEY, "slug": "two"}, "name"),
        ({"name": "Two", "slug": people.KEY}, "slug"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(root, acme, typed, field):
    answer = root.post(PAGE, typed)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {field}
    page = answer.content.decode()
    assert people.KEY not in page
    assert field == "name" or f'value="{typed["name"]}"' in page
    assert names() == {"acme": "Acme Corporation"}


def test_a_form_that_was_sent_twice_adds_one_workspace(root):
    codes = [root.post(PAGE, {"name": "Acme", "slug": "acme"}).status_code for _ in range(2)]
    assert codes == [303, 422]
    assert names() == {"acme": "Acme"}


def test_a_workspace_is_renamed(root, acme, other):
    for _ in range(2):
        assert root.post(rename(acme), {"name": "Acme Ltd"}).url == PAGE
    assert names() == {"acme": "Acme Ltd", "other": "Other Company"}
    detail = {"name": "Acme Ltd", "was": "Acme Corporation"}
    assert people.trail(acme)[1:] == [("workspace.renamed", "root@example.com", detail)]
    assert "Acme Corporation is now Acme Ltd." in root.get(PAGE).content.decode()


@pytest.mark.parametrize(("name", "shown"), [("", ""), ("n" * 101, "n" * 101), (people.KEY, "[key removed]")])
def test_a_name_that_will_not_do_stands_open_beside_its_reason(root, acme, other, name, shown):
    answer = root.post(rename(acme), {"name": name})
    assert answer.status_code == 422
    rows = {row["workspace"].slug: row["form"] for row in answer.context["rows"]}
    assert rows["acme"].errors["name"]
    assert (rows["acme"]["name"].value() or "") == shown
    assert not rows["other"].is_bound
    assert people.KEY not in answer.content.decode()
    assert names()["acme"] == "Acme Corporation"


def test_a_get_changes_nothing_and_an_unknown_workspace_is_not_there(root, acme):
    assert root.get(rename(acme)).url == PAGE
    assert root.post(f"/workspaces/{uuid.uuid4()}/rename/", {"name": "New"}).status_code == 404
    assert names() == {"acme": "Acme Corporation"}


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_for_everyone_else_the_page_does_not_exist(client, acme, role):
    people.sign_in(client, people.member(acme, role))
    for answer in (
        client.get(PAGE),
        client.post(PAGE, {"name": "Mine", "slug": "mine"}),
        client.post(rename(acme), {"name": "Mine"}),
    ):
        assert answer.status_code == 404
    assert names() == {"acme": "Acme Corporation"}


def test_who_is_not_logged_in_is_led_to_the_log_in(client, acme):
    assert client.post(rename(acme), {"name": "Mine"}).url.startswith("/accounts/login/")
    assert names() == {"acme": "Acme Corporation"}


def test_names_are_escaped(root):
    people.workspace(name="<b>bold</b>")
    assert "<b>bold" not in root.get(PAGE).content.decode()


def count(client: Client) -> int:
    """How many queries the page makes."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(PAGE).status_code == 200
    return len(captured)


def test_three_workspaces_cost_no_more_queries_than_one(root, acme):
    one = count(root)
    for slug in ("two", "three"):
        people.workspace(slug)
    assert count(root) == one
