"""Invitations on the members' page: made, shown once, sent, withdrawn."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fini_admin.people import invitations, mail
from fini_admin.people.access import switch_off_user
from fini_admin.people.models import Invitation
from fini_admin.workspaces.models import Membership, User, Workspace
from tests.support import people
from tests.support.challenge import asks
from tests.support.invitations import (
    LINK,
    NEW,
    invite,
    only,
    opened,
    rows,
)
from tests.support.log_ins import log_in, text
from tests.support.who import by

PAGE = "/w/acme/members/"


@pytest.fixture
def admin(acme) -> Client:
    browser = Client()
    people.sign_in(browser, people.member(acme, "admin"))
    return browser


def address(invitation: Invitation, act: str, slug: str = "acme") -> str:
    return f"/w/{slug}/invitations/{invitation.pk}/{act}/"


def test_an_unknown_address_gets_a_link_that_is_shown_once_and_kept_only_as_a_hash(admin, acme):
    answer = admin.post(PAGE, {"email": " New@Example.com ", "role": "editor"})
    assert answer.status_code == 200
    (token,) = LINK.findall(answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    assert token not in admin.get(PAGE).content.decode()
    kept = only()
    assert (kept.email, kept.role, kept.invited_by) == (NEW, "editor", "admin@example.com")
    assert token not in str(vars(kept))
    assert timedelta(days=6, hours=23) < kept.expires_at - timezone.now() <= timedelta(days=7)
    ((kind, actor, detail),) = rows(acme)
    assert (kind, actor) == ("member.invited", "admin@example.com")
    assert detail == {
        "email": NEW,
        "role": "editor",
        "expires_at": kept.expires_at.isoformat(),
        "replaces": False,
    }
    assert not User.objects.filter(email=NEW).exists()
    page = text(admin.get(PAGE))
    assert re.search(
        r"new@example.com invited by admin@example.com just now until .* Editor Make a new link", page
    )


def test_the_link_is_mailed_where_mail_is_set_up_and_the_page_says_which(admin, acme, settings):
    said = text(admin.post(PAGE, {"email": NEW, "role": "admin"}))
    mail.wait()
    (message,) = outbox.outbox
    (token,) = LINK.findall(str(message.body))
    assert (message.to, message.subject) == ([NEW], "Acme Corporation: you are invited to Fini Admin")
    assert "admin@example.com invites you" in message.body
    assert "A mail with this link is on its way" in said
    assert opened(token)[1].status_code == 200
    for backend in ("console", "dummy", "filebased"):
        settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
        assert "No mail was sent" in text(admin.post(PAGE, {"email": NEW, "role": "admin"}))
    mail.wait()
    assert len(outbox.outbox) == 1


def test_a_new_invitation_takes_the_place_of_the_old_one(admin, acme):
    first = invite(acme)
    second = invite(acme, role="viewer")
    assert [row[2]["replaces"] for row in rows(acme)] == [False, True]
    assert opened(first)[1].status_code == 404
    assert opened(second)[1].status_code == 200
    assert invitations.open_in(acme).count() == 1
    old = Invitation.objects.order_by("pk").first()
    assert old is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.filter(pk=old.pk).update(withdrawn_at=None)


def test_a_new_link_is_made_for_an_open_or_expired_one(admin, acme):
    token = invite(acme)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "expired" in text(admin.get(PAGE))
    answer = admin.post(address(only(), "renew"))
    (fresh,) = LINK.findall(answer.content.decode())
    assert opened(token)[1].status_code == 404
    assert "as editor" in text(opened(fresh)[1])


def test_it_is_withdrawn_once_and_its_link_leads_nowhere(admin, acme):
    token = invite(acme)
    kept = only()
    assert admin.post(address(kept, "withdraw")).url == PAGE
    assert "Open invitations" not in text(admin.get(PAGE))
    assert rows(acme)[1:] == [("invitation.withdrawn", "admin@example.com", {"email": NEW, "role": "editor"})]
    assert opened(token)[1].status_code == 404
    for act in ("withdraw", "renew"):
        assert admin.post(address(kept, act)).status_code == 404
    assert len(rows(acme)) == 2


@pytest.mark.parametrize("act", ["withdraw", "renew"])
def test_only_admins_of_that_workspace_may_and_only_by_post_and_just_identified(
    admin, acme, other, later, act
):
    invite(acme)
    before = rows(acme)
    for role, status in (("viewer", 403), ("editor", 403)):
        browser = Client()
        people.sign_in(browser, people.member(acme, role))
        assert browser.post(address(only(), act)).status_code == status
        assert browser.post(PAGE, {"email": "x@example.com", "role": "admin"}).status_code == 403
    stranger = Client()
    people.sign_in(stranger, people.member(other, "admin", "stranger@example.com"))
    assert stranger.post(address(only(), act)).status_code == 404
    assert stranger.post(address(only(), act, "other")).status_code == 404
    nobody: Any = Client()
    assert nobody.post(address(only(), act)).url.startswith("/accounts/login/")
    assert admin.get(address(only(), act)).url == PAGE
    later(minutes=20)
    assert asks(admin.post(address(only(), act)))
    assert asks(admin.post(PAGE, {"email": "x@example.com", "role": "viewer"}))
    assert [row for row in rows(acme) if row[0] != "member.added"] == before
    assert only().withdrawn_at is None


def test_a_superuser_invites_by_leaving_the_first_password_out(acme):
    root = Client()
    people.sign_in(root, people.user("root@example.com", superuser=True))
    typed = {"email": NEW, "role": "viewer", "password": ""}
    refused = root.post(PAGE, typed | {"name": "New"})
    assert "take the name out to invite the person" in " ".join(refused.context["form"].errors["password"])
    assert LINK.search(root.post(PAGE, typed | {"name": ""}).content.decode())
    assert only().invited_by == "root@example.com"


def test_so_many_are_open_at_most(admin, acme, monkeypatch):
    monkeypatch.setattr(invitations, "MOST_OPEN", 2)
    for name in ("a", "b", "b"):
        invite(acme, f"{name}@example.com")
    answer = admin.post(PAGE, {"email": NEW, "role": "viewer"})
    assert (answer.status_code, "Withdraw one first" in text(answer)) == (422, True)
    assert not Invitation.objects.filter(email=NEW).exists()


def test_the_page_asks_the_same_queries_for_one_and_for_three(admin, acme):
    counts = []
    for names in ("a", "bc"):
        for name in names:
            invite(acme, f"{name}@example.com")
        with CaptureQueriesContext(connection) as asked:
            admin.get(PAGE)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_who_is_removed_does_not_come_back_by_an_open_invitation(admin, acme):
    token = invite(acme)
    people.join(people.user(NEW), acme, "viewer")
    member = Membership.objects.get(user__email=NEW)
    admin.post(f"{PAGE}{member.pk}/remove/")
    assert [row[0] for row in rows(acme)][-2:] == ["member.removed", "invitation.withdrawn"]
    browser = Client()
    log_in(browser, NEW)
    assert opened(token, browser)[1].status_code == 404


def removed(gone: User, acme: Workspace) -> None:
    invitations.end_membership(by=by("root@example.com"), membership=Membership.objects.get(user=gone))


def switched_off(gone: User, acme: Workspace) -> None:
    switch_off_user(by=by("root@example.com"), user=gone)


def demoted(gone: User, acme: Workspace) -> None:
    member = Membership.objects.get(user=gone)
    invitations.change_membership(by=by("root@example.com"), membership=member, role="viewer")


@pytest.mark.parametrize("leave", [removed, switched_off, demoted])
def test_whom_somebody_invited_who_may_not_any_more_does_not_come_in(
    admin, acme, leave: Callable[[User, Workspace], None]
):
    gone = people.member(acme, "admin", "gone@example.com")
    made = {"workspace": acme, "email": NEW, "role": "admin"}
    _, token = invitations.invite(by=by(gone.email, "browser"), **made)
    others = invite(acme, "other@example.com")
    leave(gone, acme)
    assert opened(token)[1].status_code == 404
    assert opened(others)[1].status_code == 200
    assert "invitation.withdrawn" in [row[0] for row in rows(acme)]
