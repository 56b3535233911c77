"""The superusers' page of everybody."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fini_admin.workspaces.models import User
from tests.support import people
from tests.support.challenge import asks
from tests.support.log_ins import ADDRESS, enrol, log_in, signed_in, text, trail

PAGE = "/people/"
ROOT = "root@example.com"


@pytest.fixture
def root(client, db):
    user = people.user(ROOT, superuser=True, name="Radia")
    log_in(client, ROOT)
    return user


def do(client, user: User, what: str):
    """What the page's button sends; the page that follows."""
    return client.post(f"{PAGE}{user.pk}/", {"do": what}, follow=True)


def test_everybody_is_there_with_what_they_are(client, root, ada):
    ada.is_active = False
    ada.save()
    page = text(client.get(PAGE))
    assert re.search(r"Radia \(you\) root@example.com Superuser, no second factor", page)
    assert re.search(r"ada@example.com switched off no second factor Switch on", page)
    assert not re.search(r"Switch off root", page)


def test_a_name_is_escaped(client, root):
    people.user("x@example.com", name="<b>Bob</b>")
    assert "<b>Bob" not in client.get(PAGE).content.decode()


def test_it_asks_the_same_queries_for_one_and_for_three(client, root, ada):
    with CaptureQueriesContext(connection) as one:
        client.get(PAGE)
    people.user("bob@example.com")
    people.user("cyd@example.com")
    with CaptureQueriesContext(connection) as three:
        client.get(PAGE)
    assert len(one) == len(three)


def test_switched_off_and_on_again(client, root, ada):
    other = client.__class__()
    log_in(other, ADDRESS)
    assert "ada@example.com is switched off; every session ended." in text(do(client, ada, "off"))
    assert not signed_in(other)
    assert "ada@example.com can log in again." in text(do(client, ada, "on"))
    log_in(other, ADDRESS)
    assert signed_in(other)
    kinds = [row[0] for row in trail("user.switched_off", "user.switched_on")]
    assert kinds == ["user.switched_off", "user.switched_on"]


def test_a_workspace_without_an_admin_is_said(client, root, ada):
    people.join(ada, people.workspace(), "admin")
    assert "No admin is left in acme." in text(do(client, ada, "off"))


def test_a_lost_second_factor_is_taken_away(client, root, ada):
    other = client.__class__()
    log_in(other, ADDRESS)
    enrol(other)
    assert "second factor Remove second factor" in text(client.get(PAGE))
    assert "without a second factor" in text(do(client, ada, "factor"))
    assert trail("second_factor.removed")[-1][1] == ROOT


@pytest.mark.parametrize("what", ["off", "delete", ""])
def test_what_cannot_be_done_changes_nothing(client, root, what):
    page = text(do(client, root, what))
    assert ("cannot switch yourself off" in page) is (what == "off")
    root.refresh_from_db()
    assert root.is_active


def test_looking_changes_nothing_and_a_stranger_to_it_gets_404(client, root, ada):
    assert client.get(f"{PAGE}{ada.pk}/").url == PAGE
    assert client.post(f"{PAGE}999/", {"do": "off"}).status_code == 404
    client.post("/accounts/logout/")
    log_in(client, ADDRESS)
    assert client.get(PAGE).status_code == 404
    assert client.post(f"{PAGE}{root.pk}/", {"do": "off"}).status_code == 404
    assert User.objects.filter(is_active=True).count() == 2


def test_it_asks_again_who_one_is(client, root, ada, later):
    later(minutes=20)
    assert client.get(PAGE).status_code == 200
    answer = client.post(f"{PAGE}{ada.pk}/", {"do": "off"})
    assert asks(answer)
    ada.refresh_from_db()
    assert ada.is_active
