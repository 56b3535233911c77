"""The page behind an invitation's link: the invited person comes in, and nobody else, once."""

import threading
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from fini_admin.audit.models import Entry
from fini_admin.people import invitations
from fini_admin.people.models import Invitation
from fini_admin.workspaces.models import Membership, User, Workspace
from fini_admin.workspaces.workspaces import restore_workspace
from tests.support import people
from tests.support.invitations import (
    HERE,
    NEW,
    TYPED,
    archive,
    expire,
    invite,
    members,
    only,
    opened,
    rows,
    send,
    use,
    withdraw,
)
from tests.support.log_ins import ADDRESS, by_provider, enrol, log_in, text
from tests.support.who import by


def test_a_new_person_sets_a_password_and_lands_in_the_workspace(client, acme):
    browser, page = opened(invite(acme))
    said = text(page)
    assert "admin@example.com invites new@example.com to the workspace Acme Corporation, as editor." in said
    answer = send(browser, **TYPED)
    assert (answer.status_code, answer.url) == (302, "/w/acme/")
    assert browser.get("/w/acme/").status_code == 200
    person = User.objects.get(email=NEW)
    assert (person.name, person.is_superuser, person.check_password(people.PASSWORD)) == (
        "Nell New",
        False,
        True,
    )
    assert EmailAddress.objects.filter(user=person, email=NEW, verified=True, primary=True).exists()
    assert members(acme) == {NEW: "editor"}
    assert only().accepted_at
    assert [row[:2] for row in rows(acme)][1:] == [("invitation.accepted", NEW), ("member.added", NEW)]
    assert [row[:2] for row in people.trail()] == [("user.added", NEW), ("login.succeeded", NEW)]
    again = Client()
    log_in(again, NEW)
    assert again.get("/w/acme/").status_code == 200
    # A password was typed a moment ago: nothing asks for it again at once.
    assert browser.get("/accounts/2fa/activate/").status_code == 200


def test_looking_changes_nothing(acme):
    token = invite(acme)
    before = (rows(acme), people.trail(), vars(only()) | {"_state": None})
    browser, _ = opened(token)
    for _ in range(2):
        assert browser.get(HERE).status_code == 200
    assert browser.head(HERE).status_code == 200
    assert browser.post(f"{HERE}{token}/", TYPED).status_code == 302
    assert (rows(acme), people.trail(), vars(only()) | {"_state": None}) == before
    assert User.objects.count() == 0


def test_the_address_is_the_invitations_whatever_is_sent(acme):
    browser, _ = opened(invite(acme))
    send(
        browser, **TYPED, email="evil@example.com", login="evil@example.com", role="admin", workspace="other"
    )
    assert list(User.objects.values_list("email", flat=True)) == [NEW]
    assert members(acme) == {NEW: "editor"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\tb"}, "name"),
        ({"name": people.KEY}, "name"),
        ({"name": "n" * 151}, "name"),
        ({"password": ""}, "password"),
        ({"password": "short"}, "password"),
        ({"password": "eleven char"}, "password"),
        ({"password": "123456789012"}, "password"),
        ({"password": "qwertyqwerty"}, "password"),
        ({"password": "new@example.com"}, "password"),
        ({"password": people.KEY}, "password"),
    ],
)
def test_what_will_not_do_is_said_beside_its_field_and_nobody_is_made(acme, changed, field):
    browser, _ = opened(invite(acme))
    answer = send(browser, **TYPED | changed)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    page = answer.content.decode()
    assert people.KEY not in page
    assert people.PASSWORD not in page
    assert field == "name" or "Nell New" in page
    assert User.objects.count() == 0
    assert only().accepted_at is None
    assert send(browser, **TYPED).status_code == 302


def test_who_is_known_logs_in_first_and_then_joins(ada, acme):
    browser, page = opened(invite(acme, ADDRESS))
    assert "There is an account with this address. Log in with it" in text(page)
    assert 'name="password"' not in page.content.decode()
    send(browser, **TYPED)
    assert members(acme) == {}
    assert log_in(browser, next=HERE).url == HERE
    assert "Join Acme Corporation" in text(browser.get(HERE))
    assert send(browser).url == "/w/acme/"
    assert members(acme) == {ADDRESS: "editor"}
    assert "You are editor in Acme Corporation." in text(browser.get("/w/acme/"))
    ada.refresh_from_db()
    assert ada.check_password(people.PASSWORD)
    assert [row[:2] for row in rows(acme)][1:] == [
        ("invitation.accepted", ADDRESS),
        ("member.added", ADDRESS),
    ]


def test_with_a_second_factor_too_and_the_token_is_in_no_session(ada, acme):
    secret_browser = Client()
    log_in(secret_browser)
    _, codes = enrol(secret_browser)
    token = invite(acme, ADDRESS)
    browser, _ = opened(token)
    assert log_in(browser, next=HERE).url == "/accounts/2fa/code/"
    assert send(browser).url == HERE  # not yet logged in
    stored = [str(one.get_decoded()) for one in Session.objects.all()]
    assert any(HERE in one for one in stored)
    assert not any(token in one for one in stored)
    assert browser.post("/accounts/2fa/code/", {"code": codes[0]}).url == HERE
    assert send(browser).url == "/w/acme/"


def test_somebody_else_is_told_so_and_may_log_out_and_go_on(ada, acme):
    browser = Client()
    log_in(browser)
    browser, page = opened(invite(acme), browser)
    assert "You are logged in as ada@example.com. The invitation counts for new@example.com alone" in text(
        page
    )
    answer = send(browser, **TYPED)
    assert answer.url == HERE
    assert "This invitation is for another address." in text(browser.get(HERE))
    assert members(acme) == {}
    assert User.objects.count() == 1
    assert browser.post("/accounts/logout/", {"next": HERE}).url == HERE
    assert send(browser, **TYPED).url == "/w/acme/"
    assert members(acme) == {NEW: "editor"}


def test_a_member_keeps_the_role_that_she_got_meanwhile(ada, acme):
    token = invite(acme, ADDRESS, "viewer")
    people.join(ada, acme, "admin")
    browser = Client()
    log_in(browser)
    opened(token, browser)
    assert send(browser).url == "/w/acme/"
    assert members(acme) == {ADDRESS: "admin"}
    assert rows(acme)[-1][0] == "invitation.accepted"


def test_someone_switched_off_does_not_come_in(ada, acme):
    User.objects.update(is_active=False)
    browser, page = opened(invite(acme, ADDRESS))
    assert "Log in with it" in text(page)
    send(browser, **TYPED)
    log_in(browser)
    assert send(browser, **TYPED).url == HERE
    assert members(acme) == {}


def test_every_link_that_does_not_count_gets_one_and_the_same_page(acme):
    pages = set()
    for token in ("a" * 43, "a", "a" * 44, "%2e%2e", "x" * 5000):
        answer = opened(token)[1]
        pages.add((answer.status_code, answer.content))
    for act in (expire, withdraw, use, archive):
        Invitation.objects.all().delete()
        User.objects.all().delete()
        token = invite(acme)
        act()
        browser, answer = opened(token)
        pages.add((answer.status_code, answer.content))
        assert send(browser, **TYPED).status_code == 404
    pages.add((404, Client().get(HERE).content))
    assert len(pages) == 1
    assert "Ask who invited you for a new link." in text(answer)
    assert "Acme" not in text(answer)


@pytest.mark.parametrize("act", [expire, withdraw, use, archive])
def test_one_that_ends_while_its_page_is_open_lets_nobody_in(acme, act):
    token = invite(acme)
    found = invitations.find_by_token(token)
    assert found
    act()
    before = (members(acme), User.objects.count())
    with pytest.raises(ValidationError, match="is no longer valid"):
        invitations.accept_as_new(invitation=found, name="X", password=people.PASSWORD)
    with pytest.raises(ValidationError, match="is no longer valid"):
        invitations.accept(invitation=found, user=User(email=NEW))
    assert (members(acme), User.objects.count()) == before


def test_a_restored_workspace_counts_again(acme):
    token = invite(acme)
    archive()
    assert opened(token)[1].status_code == 404
    restore_workspace(by=by(), workspace=acme)
    assert opened(token)[1].status_code == 200


def test_who_accepted_it_is_led_on_by_the_same_link_and_by_the_second_click(acme):
    token = invite(acme)
    browser, _ = opened(token)
    cookies = dict(browser.cookies)
    assert send(browser, **TYPED).url == "/w/acme/"
    assert browser.cookies["invitation"].value == ""
    browser.cookies["invitation"] = cookies["invitation"].value
    assert send(browser, **TYPED).url == "/w/acme/"
    assert opened(token, browser)[1].redirect_chain[-1] == ("/w/acme/", 303)
    assert opened(token)[1].status_code == 404
    assert (User.objects.count(), Membership.objects.count()) == (1, 1)
    assert [row[0] for row in rows(acme)].count("invitation.accepted") == 1


def test_a_tab_with_another_invitation_joins_neither(acme, other):
    browser, _ = opened(invite(acme))
    first = only()
    opened(invite(other, "second@example.com"), browser)
    assert send(browser, first, **TYPED).url == HERE
    assert "Another invitation was opened" in text(browser.get(HERE))
    assert User.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_person_and_one_membership():
    acme = people.workspace()
    invite(acme)
    start, outcomes = threading.Barrier(2), []

    def run() -> None:
        found = only()
        start.wait()
        try:
            invitations.accept_as_new(invitation=found, **TYPED)
            outcomes.append("in")
        except ValidationError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused"]
    assert members(acme) == {NEW: "editor"}
    assert User.objects.count() == 1


def test_the_token_is_in_no_log_no_trail_no_referer_and_no_page(acme, caplog):
    caplog.set_level(0)
    token = invite(acme)
    browser: Any = Client(enforce_csrf_checks=True)
    answer = browser.get(f"{HERE}{token}/")
    assert (answer.url, answer["Referrer-Policy"]) == (HERE, "no-referrer")
    assert "no-store" in answer["Cache-Control"]
    cookie = answer.cookies["invitation"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (HERE, True, "Lax")
    browser.post(f"{HERE}{token}/", TYPED)
    page = browser.get(HERE)
    # Not "no-referrer": a browser would send no Origin with the form then, and the form would be refused.
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    assert browser.post(HERE, {"which": only().pk, **TYPED}).status_code == 403
    sent = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value, "which": only().pk}
    assert browser.post(HERE, sent | {"name": ""}).status_code == 422
    assert browser.post(HERE, sent | TYPED).status_code == 302
    opened(token)
    told = caplog.text + page.content.decode() + str(list(Entry.objects.values()))
    told += str([one.get_decoded() for one in Session.objects.all()])
    assert token not in told
    assert people.PASSWORD not in told
    assert invitations._hash(token) not in told


def test_the_cookie_goes_only_over_tls_where_the_sessions_does(acme, settings):
    settings.SESSION_COOKIE_SECURE = True
    assert Client().get(f"{HERE}{invite(acme)}/").cookies["invitation"]["secure"]


def test_too_many_looks_from_one_place_are_refused(acme):
    browser, _ = opened(invite(acme))
    answers = [browser.get(HERE).status_code for _ in range(30)]
    assert answers[:29] == [200] * 29
    assert answers[-1] == 429
    assert send(browser, **TYPED).status_code == 429
    assert User.objects.count() == 0


def test_names_are_escaped(acme):
    people.workspace("bold", "<b>Bold</b>")
    _, page = opened(invite(Workspace.objects.get(slug="bold")))
    assert "<b>Bold" not in page.content.decode()


def test_the_provider_makes_an_invited_person_who_then_joins(provider, acme):
    provider.knows("i1", email="New@Example.com", email_verified=True, name="Nell New")
    browser, page = opened(invite(acme))
    assert "Log in at Acme" in text(page)
    assert by_provider(browser, provider, "i1", next=HERE).url == HERE
    person = User.objects.get()
    assert (person.email, person.has_usable_password(), person.is_superuser) == (NEW, False, False)
    assert EmailAddress.objects.get().verified
    assert EmailAddress.objects.get().email == NEW
    assert members(acme) == {}
    added = ("user.added", NEW, {"email": NEW, "superuser": False, "provider": "Acme"})
    assert added in people.trail()
    assert send(browser).url == "/w/acme/"
    assert members(acme) == {NEW: "editor"}


@pytest.mark.parametrize(
    "claims",
    [
        {"email": NEW, "email_verified": False},
        {"email": NEW, "email_verified": "true"},
        {"email": NEW},
        {"email": "evil@example.com", "email_verified": True},
        {},
    ],
)
def test_the_provider_makes_nobody_else(provider, acme, claims):
    provider.knows("i2", **claims)
    browser, _ = opened(invite(acme))
    assert by_provider(browser, provider, "i2", next=HERE).status_code == 403
    assert (User.objects.count(), SocialAccount.objects.count()) == (0, 0)


@pytest.mark.parametrize("act", [expire, withdraw, archive])
def test_the_provider_makes_nobody_for_an_invitation_that_does_not_count(provider, acme, act):
    provider.knows("i3", email=NEW, email_verified=True)
    invite(acme)
    act()
    assert by_provider(Client(), provider, "i3").status_code == 403
    assert User.objects.count() == 0


def test_the_provider_does_not_take_over_an_unproven_person_who_is_invited(provider, acme, ada):
    EmailAddress.objects.update(verified=False)
    provider.knows("i4", email=ADDRESS, email_verified=True)
    invite(acme, ADDRESS)
    assert by_provider(Client(), provider, "i4").status_code == 403
    assert SocialAccount.objects.count() == 0
