"""Reads: who may see which workspace, its members, its keys."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.shortcuts import get_object_or_404
from django.views.decorators.debug import sensitive_variables

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
    """The workspaces in a person's sight, by name; a superuser sees all. What is archived is out of sight."""
    if not isinstance(user, User):
        return Workspace.objects.none()
    everything = Workspace.objects.filter(archived_at=None).order_by("name", "slug")
    return everything if user.is_superuser else everything.filter(memberships__user=user)


def archived() -> QuerySet[Workspace]:
    """The archived workspaces, by name, for superusers."""
    return Workspace.objects.exclude(archived_at=None).order_by("name", "slug")


def workspace_for(user: Visitor, slug: str) -> Workspace:
    """A workspace in the person's sight; Http404 for every other, whether or not it exists (P6)."""
    return get_object_or_404(workspaces_of(user), slug=slug)


def role_in(user: Visitor, workspace: Workspace) -> Role | None:
    """What a person is in a workspace, None for a stranger. A superuser is an admin everywhere."""
    if not isinstance(user, User):
        return None
    if user.is_superuser:
        return Role.ADMIN
    membership = Membership.objects.filter(user=user, workspace=workspace).first()
    return Role(membership.role) if membership else None


def own_settings(workspace: Workspace) -> dict[str, preferences.Value]:
    """What a workspace set itself, by the settings' names; None where the default holds."""
    return preferences.own(
        WorkspaceSettings.objects.filter(workspace=workspace).first() or WorkspaceSettings()
    )


def person(email: str) -> User | None:
    """Who has this address; raises ValidationError for what is none."""
    return User.objects.filter(email=validators.email_address(email)).first()


def members(workspace: Workspace) -> QuerySet[Membership]:
    """A workspace's members with their people."""
    return Membership.objects.filter(workspace=workspace).select_related("user", "workspace")


def member(workspace: Workspace, number: int) -> Membership:
    """One member; Http404 for another workspace's."""
    return get_object_or_404(members(workspace), pk=number)


def admins(workspace: Workspace) -> QuerySet[Membership]:
    """The members who administer a workspace and can log in."""
    return members(workspace).filter(role=Role.ADMIN, user__is_active=True)


def live_key(workspace: Workspace) -> ApiKey | None:
    """The key that calls go out with, None when the workspace has none."""
    return ApiKey.objects.filter(workspace=workspace, state=KeyState.LIVE).first()


def read_key(workspace: Workspace) -> ApiKey | None:
    """The key that reads go out with: it waits, may only read, and was found to open this workspace.

    None without one: then reads go out with the live key as everything else. Of several the one verified last.
    """
    reading = ApiKey.objects.filter(
        workspace=workspace, state=KeyState.WAITING, scopes="read", refused_at=None
    )
    return reading.filter(same_workspace=True).order_by("-verified_at").first()


def keys(workspace: Workspace) -> QuerySet[ApiKey]:
    """A workspace's keys, the live one first, then the newest ones."""
    return ApiKey.objects.filter(workspace=workspace).order_by("state", "-created_at", "pk")


def key(workspace: Workspace, key_id: UUID) -> ApiKey:
    """One key; Http404 for another workspace's."""
    return get_object_or_404(ApiKey.objects.select_related("workspace"), workspace=workspace, pk=key_id)


@sensitive_variables("text")
def holder(text: str) -> ApiKey | None:
    """The key with this text that some workspace holds and did not switch off, None when there is none."""
    return ApiKey.objects.filter(fingerprint__in=vault.fingerprints(text)).first()


@sensitive_variables("plain")
def same_key(workspace: Workspace, *, label: str, plain: str) -> ApiKey | None:
    """The key with this very label and text, None when there is none: a form sent twice finds what it added."""
    try:
        prints = vault.fingerprints(validators.key_text(plain))
    except ValidationError:
        return None
    return ApiKey.objects.filter(workspace=workspace, label=label.strip(), fingerprint__in=prints).first()


def usable_key(workspace_ref: str) -> Exists:
    """A condition: the workspace that `workspace_ref` names has a live key that Fini did not refuse.

    And it is not archived: then its work waits as well.
    """
    keys = ApiKey.objects.filter(workspace=OuterRef(workspace_ref), state=KeyState.LIVE, refused_at=None)
    return Exists(keys.filter(workspace__archived_at=None))
