"""Create, rename, archive and restore workspaces, change their settings; the locks that such writes share.

Each write is one transaction with its audit entry inside, and raises ValidationError on bad input.
"""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.workspaces import preferences, validators
from fini_admin.workspaces.models import Workspace, WorkspaceSettings


@transaction.atomic
def create_workspace(*, by: By, slug: str, name: str) -> Workspace:
    """Create a workspace with its chain in the audit trail. `slug` cannot be changed later."""
    workspace = Workspace(slug=validators.slug(slug), name=validators.plain_text("name", name))
    lock_installation()
    if Workspace.objects.filter(slug=workspace.slug).exists():
        raise ValidationError({"slug": f"There is a workspace {workspace.slug} already."})
    workspace.full_clean()
    workspace.save(force_insert=True)
    chain.start_chain(str(workspace.pk))
    detail = {"slug": workspace.slug, "name": workspace.name}
    record_activity(workspace, Activity.WORKSPACE_CREATED, by, **detail)
    return workspace


@transaction.atomic
def rename_workspace(*, by: By, workspace: Workspace, name: str) -> None:
    """Rename a workspace. Its slug stays, for addresses and scripts rely on it."""
    workspace = lock_workspace(workspace)
    was, workspace.name = workspace.name, validators.plain_text("name", name)
    if workspace.name == was:
        return
    workspace.full_clean()
    workspace.save(update_fields=["name"])
    record_activity(workspace, Activity.WORKSPACE_RENAMED, by, name=workspace.name, was=was)


@transaction.atomic
def archive_workspace(*, by: By, workspace: Workspace) -> None:
    """Hide a workspace from everybody and pause its work; nothing is deleted. Safe to repeat."""
    workspace = lock_workspace(workspace)
    if workspace.archived_at:
        return
    workspace.archived_at = timezone.now()
    workspace.save(update_fields=["archived_at"])
    record_activity(workspace, Activity.WORKSPACE_ARCHIVED, by, slug=workspace.slug, name=workspace.name)


@transaction.atomic
def restore_workspace(*, by: By, workspace: Workspace) -> None:
    """Show an archived workspace to its members again; its work goes on. Safe to repeat."""
    workspace = lock_workspace(workspace)
    if not workspace.archived_at:
        return
    workspace.archived_at = None
    workspace.save(update_fields=["archived_at"])
    record_activity(workspace, Activity.WORKSPACE_RESTORED, by, slug=workspace.slug, name=workspace.name)


@transaction.atomic
def change_settings(*, by: By, workspace: Workspace, values: Mapping[str, preferences.Value]) -> bool:
    """Change settings, None for the default; returns whether any changed.

    The trail has the values that changed, before and after.
    """
    preferences.check_values(values)
    workspace = lock_workspace(workspace)
    row = WorkspaceSettings.objects.filter(workspace=workspace).first() or WorkspaceSettings(
        workspace=workspace
    )
    held = preferences.own_values(row)
    after = {name: value for name, value in values.items() if value != held[name]}
    if not after:
        return False
    preferences.set_values(row, after)
    row.save()
    before = {name: held[name] for name in after}
    record_activity(workspace, Activity.SETTINGS_CHANGED, by, before=before, after=after)
    return True


def record_activity(workspace: Workspace, kind: Activity, by: By, /, **detail: object) -> None:
    """Add one activity to a workspace's chain."""
    chain.record(chain=str(workspace.pk), kind=kind, by=by, detail=detail)


def lock_installation() -> None:
    """Hold the installation's lock until the transaction ends: for what must be unique in all workspaces.

    Take it before any workspace's lock.
    """
    chain.lock_head(chain.INSTALLATION)


def lock_workspace(workspace: Workspace) -> Workspace:
    """Hold a workspace's lock until the transaction ends, and return its row as it is now.

    Every change of its keys, members or settings takes it. Rows that only point at the workspace, such as those of
    calls, can still be inserted.
    """
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
