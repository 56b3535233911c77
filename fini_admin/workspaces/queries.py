"""Reads of workspaces: who may see them, their members, their keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.views.decorators.debug import sensitive_variables

from fini_admin.lib.prepared import prepared
from fini_admin.workspaces import preferences, validators, vault
from fini_admin.workspaces.models import (
    ApiKey,
    KeyState,
    Membership,
    Role,
    User,
    Workspace,
    WorkspaceSettings,
)

Visitor = User | AnonymousUser


def workspaces_of(user: Visitor) -> QuerySet[Workspace]:
    """The workspaces that a person may see, by name: a superuser all that are not archived (P6)."""
    if not isinstance(user, User):
        return Workspace.objects.none()
    everything = Workspace.objects.filter(archived_at=None).order_by("name", "slug")
    return everything if user.is_superuser else everything.filter(memberships__user=user)


def archived() -> QuerySet[Workspace]:
    """The archived workspaces, by name. Only superusers see them."""
    return Workspace.objects.exclude(archived_at=None).order_by("name", "slug")


def place_of(user: Visitor, slug: str) -> tuple[Workspace, Role] | None:
    """The workspace of this slug with the person's role, by one query; None if they may not see it (P6).

    A superuser is an admin everywhere.
    """
    if not isinstance(user, User):
        return None
    if user.is_superuser:
        workspace = workspaces_of(user).filter(slug=slug).first()
        return (workspace, Role.ADMIN) if workspace else None
    return next(((held.workspace, Role(held.role)) for held in _MEMBERSHIP(user.pk, slug)), None)


def _membership(_: datetime, person: int, slug: str) -> QuerySet[Membership]:
    theirs = Membership.objects.filter(user=person, workspace__slug=slug, workspace__archived_at=None)
    return theirs.select_related("workspace").order_by("pk")[:1]


_MEMBERSHIP = prepared(_membership)


def facts(workspace_id: UUID, *fields: str, **questions: Subquery) -> dict[str, Any]:
    """Fields of a workspace and of the rows it has one of, and the answers to questions, each a value: by one query."""
    return facts_query(workspace_id, *fields, **questions).get()


def facts_query(
    workspace_id: UUID, *fields: str, **questions: Subquery
) -> QuerySet[Workspace, dict[str, Any]]:
    """The query of `facts`."""
    found: QuerySet[Workspace, dict[str, Any]]
    found = Workspace.objects.filter(pk=workspace_id).values(*fields, **questions)
    return found


def own_settings(workspace: Workspace) -> dict[str, preferences.Value]:
    """The values that a workspace set itself, by the settings' names; None where the default holds."""
    return preferences.own_values(
        WorkspaceSettings.objects.filter(workspace=workspace).first() or WorkspaceSettings()
    )


def person(email: str) -> User | None:
    """The person with this address. Raises ValidationError for a text that is no address."""
    return User.objects.filter(email=validators.email_address(email)).first()


def members(workspace: Workspace) -> QuerySet[Membership]:
    """A workspace's members with their people."""
    return Membership.objects.filter(workspace=workspace).select_related("user", "workspace")


def admins(workspace: Workspace) -> QuerySet[Membership]:
    """The members who administer a workspace and can log in."""
    return members(workspace).filter(role=Role.ADMIN, user__is_active=True)


def live_key(workspace: Workspace) -> ApiKey | None:
    """The key that calls go out with, None when the workspace has none."""
    return next(iter(_LIVE_KEY(workspace.pk)), None)


_LIVE_KEY = prepared(
    lambda _, workspace: ApiKey.objects.filter(workspace=workspace, state=KeyState.LIVE).order_by("pk")[:1]
)


def read_key(workspace: Workspace) -> ApiKey | None:
    """The key for reads: a waiting key that may only read and was found to open this workspace.

    Of several the one verified last. None without one: reads then go out with the live key.
    """
    return next(iter(_READ_KEY(workspace.pk)), None)


def _read_key(_: datetime, workspace: UUID) -> QuerySet[ApiKey]:
    reading = ApiKey.objects.filter(
        workspace=workspace, state=KeyState.WAITING, scopes="read", refused_at=None
    )
    return reading.filter(same_workspace=True).order_by("-verified_at")[:1]


_READ_KEY = prepared(_read_key)


def keys(workspace: Workspace) -> QuerySet[ApiKey]:
    """A workspace's keys, the live one first, then the newest ones."""
    own = ApiKey.objects.filter(workspace=workspace).select_related("workspace")
    return own.order_by("state", "-created_at", "pk")


@sensitive_variables("text")
def holder(text: str) -> ApiKey | None:
    """The key with this text in any workspace, unless it is switched off."""
    return ApiKey.objects.filter(fingerprint__in=vault.fingerprints(text)).first()


@sensitive_variables("plain")
def same_key(workspace: Workspace, *, label: str, plain: str) -> ApiKey | None:
    """The key with this label and text, if there is one: a form sent twice finds what it added."""
    try:
        prints = vault.fingerprints(validators.key_text(plain))
    except ValidationError:
        return None
    return ApiKey.objects.filter(workspace=workspace, label=label.strip(), fingerprint__in=prints).first()


def usable_key(workspace_ref: str) -> Exists:
    """The condition that a workspace is not archived and has a live key that Fini did not refuse.

    `workspace_ref` is the field that names the workspace in the query that takes the condition.
    """
    keys = ApiKey.objects.filter(workspace=OuterRef(workspace_ref), state=KeyState.LIVE, refused_at=None)
    return Exists(keys.filter(workspace__archived_at=None))
