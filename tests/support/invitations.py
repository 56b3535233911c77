"""Invitations, made and opened as an admin and an invited person do."""

import re
from typing import Any

from django.test import Client
from django.utils import timezone

from fini_admin.people import invitations
from fini_admin.people.models import Invitation
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.workspaces import archive_workspace
from tests.support import people
from tests.support.who import by

NEW = "new@example.com"
HERE = "/invitations/"
TYPED: dict[str, Any] = {"name": "Nell New", "password": people.PASSWORD}
LINK = re.compile(r"http://testserver/invitations/([\w-]{43})/")


def invite(workspace: Workspace, email: str = NEW, role: str = "editor") -> str:
    """An invitation; the token of its link."""
    invited: dict[str, Any] = {"workspace": workspace, "email": email, "role": role}
    return invitations.invite(by=by("admin@example.com", "browser"), **invited)[1]


def opened(token: str, client: Any = None) -> tuple[Any, Any]:
    """A browser that opened the link, and the page it got."""
    browser = client or Client()
    return browser, browser.get(f"{HERE}{token}/", follow=True)


def only() -> Invitation:
    return Invitation.objects.get()


def send(browser: Client, invitation: Invitation | None = None, **typed: str):
    """What the page's form sends."""
    return browser.post(HERE, {"which": (invitation or only()).pk, **typed})


def rows(workspace: Workspace) -> list[tuple[str, str, dict]]:
    kinds = ("member.", "invitation.")
    return [
        row
        for row in people.trail(workspace)
        if row[0].startswith(kinds) and row[2]["email"] != "admin@example.com"
    ]


def members(workspace: Workspace) -> dict[str, str]:
    return dict(workspace.memberships.values_list("user__email", "role"))


def expire() -> None:
    Invitation.objects.update(expires_at=timezone.now())


def withdraw() -> None:
    invitations.withdraw(by=by("admin@example.com", "browser"), workspace=only().workspace, email=NEW)


def use() -> None:
    invitations.accept_as_new(invitation=only(), **TYPED)


def archive() -> None:
    archive_workspace(by=by(), workspace=only().workspace)
