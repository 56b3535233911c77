"""Reads: who may see which workspace."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from fini_admin.workspaces.models import ApiKey, KeyState, Membership, Role, User, Workspace

Visitor = User | AnonymousUser


def workspaces_of(user: Visitor) -> QuerySet[Workspace]:
    """The workspaces in a person's sight, by name; a superuser sees all."""
    if not isinstance(user, User):
        return Workspace.objects.none()
    everything = Workspace.objects.order_by("name", "slug")
    return everything if user.is_superuser else everything.filter(memberships__user=user)


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


def live_key(workspace: Workspace) -> ApiKey | None:
    """The key that calls go out with, None when the workspace has none."""
    return ApiKey.objects.filter(workspace=workspace, state=KeyState.LIVE).first()
