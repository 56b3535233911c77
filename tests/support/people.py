"""People and workspaces for tests, made the way the product makes them."""

import json
from datetime import UTC, datetime

from allauth.usersessions.models import UserSession
from django.test import Client, RequestFactory

from fini_admin.audit import chain
from fini_admin.audit.models import Entry
from fini_admin.audit.names import HEAD_RECORDED
from fini_admin.people.allauth_internals import record_authentication
from fini_admin.workspaces.keys import add_key
from fini_admin.workspaces.members import add_member, add_user
from fini_admin.workspaces.models import ApiKey, User, Workspace
from fini_admin.workspaces.workspaces import create_workspace
from tests.support.who import by

PASSWORD = "seven green parcels"
# Too short for the pattern of a key: only Secret, and the marks on functions, keep it out of an error report.
SHORT_KEY = "fini_qzxw"
# An encryption key that a report would show as it stands.
PRINTABLE = b"an encryption key of 32 letters."
KEY = "fini_live_abcdefghijklmnopqrstuvwxyz1234"


def user(email: str = "ada@example.com", **fields) -> User:
    return add_user(by=by(), email=email, password=PASSWORD, **fields)


def workspace(slug: str = "acme", name: str = "Acme Corporation") -> Workspace:
    return create_workspace(by=by(), slug=slug, name=name)


def member(workspace: Workspace, role: str, email: str | None = None) -> User:
    person = user(email or f"{role}@example.com")
    join(person, workspace, role)
    return person


def join(person: User, workspace: Workspace, role: str = "viewer") -> None:
    add_member(by=by(), workspace=workspace, user=person, role=role)


def key(workspace: Workspace, label: str = "main", plain: str = KEY) -> ApiKey:
    return add_key(by=by(), workspace=workspace, label=label, plain=plain)


def verified(key: ApiKey, scopes: str = "read write", *, same: bool | None = True) -> ApiKey:
    """As if Fini had just been asked about it."""
    found = {"scopes": scopes, "same_workspace": same, "verified_at": datetime.now(UTC)}
    ApiKey.objects.filter(pk=key.pk).update(**found)
    return key


def trail(workspace: Workspace | None = None) -> list[tuple[str, str, dict]]:
    """Kind, actor and detail of a chain's rows, in order, less what the installation's records of the others."""
    name = str(workspace.pk) if workspace else chain.INSTALLATION
    rows = Entry.objects.filter(chain=name).exclude(kind=HEAD_RECORDED).order_by("seq")
    return [(row.kind, row.actor or "", json.loads(row.detail or "{}")) for row in rows]


def log_in(client: Client, person: User) -> None:
    """Logged in with the row that a real log-in leaves, from which a page has session and person by one query."""
    client.force_login(person)
    UserSession.objects.create(
        user=person, session_key=client.session.session_key, ip="127.0.0.1", user_agent="test"
    )


def sign_in(client: Client, person: User) -> None:
    """Logged in with the password just now: `force_login` alone is asked again by every dangerous act."""
    client.force_login(person)
    request = RequestFactory().get("/")
    request.session, request.user = client.session, person
    record_authentication(request, person, method="password")
    request.session.save()
