"""Workspaces: made, renamed, archived, their settings changed; and the locks and the record that such writes share.

Each write is one transaction with its audit entry inside, and raises ValidationError on bad input.
"""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from fini_admin.audit import chain
from fini_admin.audit.models import Head
from fini_admin.audit.names import Activity, By
from fini_admin.workspaces import preferences, validators
from fini_admin.workspaces.models import Workspace, WorkspaceSettings


@transaction.atomic
def create_workspace(*, by: By, slug: str, name: str) -> Workspace:
    """A new workspace and its chain in the audit trail."""
    workspace = Workspace(slug=validators.slug(slug), name=validators.plain_text("name", name))
    lock_installation()
    if Workspace.objects.filter(slug=workspace.slug).exists():
        raise ValidationError({"slug": f"There is a workspace {workspace.slug} already."})
    workspace.full_clean()
    workspace.save(force_insert=True)
    chain.start(str(workspace.pk))
    detail = {"slug": workspace.slug, "name": workspace.name}
    record_activity(workspace, Activity.WORKSPACE_CREATED, by, **detail)
    return workspace


@transaction.atomic
def rename_workspace(*, by: By, workspace: Workspace, name: str) -> None:
    """Another name for a workspace; its slug stays, for addresses and scripts rely on it."""
    workspace = lock_workspace(workspace)
    was, workspace.name = workspace.name, validators.plain_text("name", name)
    if workspace.name == was:
        return
    workspace.full_clean()
    workspace.save(update_fields=["name"])
    record_activity(workspace, Activity.WORKSPACE_RENAMED, by, name=workspace.name, was=was)


@transaction.atomic
def archive_workspace(*, by: By, workspace: Workspace) -> None:
    """Out of everybody's sight; its work waits, and nothing of it goes. Asked for twice, it happens once."""
    workspace = lock_workspace(workspace)
    if workspace.archived_at:
        return
    workspace.archived_at = timezone.now()
    workspace.save(update_fields=["archived_at"])
    record_activity(workspace, Activity.WORKSPACE_ARCHIVED, by, slug=workspace.slug, name=workspace.name)


@transaction.atomic
def restore_workspace(*, by: By, workspace: Workspace) -> None:
    """Back in the sight of its members; its work goes on. Asked for twice, it happens once."""
    workspace = lock_workspace(workspace)
    if not workspace.archived_at:
        return
    workspace.archived_at = None
    workspace.save(update_fields=["archived_at"])
    record_activity(workspace, Activity.WORKSPACE_RESTORED, by, slug=workspace.slug, name=workspace.name)


@transaction.atomic
def change_settings(*, by: By, workspace: Workspace, values: Mapping[str, preferences.Value]) -> bool:
    """Set these, None for the default; whether any changed. The trail has those that did, before and after."""
    preferences.check(values)
    workspace = lock_workspace(workspace)
    row = WorkspaceSettings.objects.filter(workspace=workspace).first() or WorkspaceSettings(
        workspace=workspace
    )
    held = preferences.own(row)
    after = {name: value for name, value in values.items() if value != held[name]}
    if not after:
        return False
    preferences.put(row, after)
    row.save()
    before = {name: held[name] for name in after}
    record_activity(workspace, Activity.SETTINGS_CHANGED, by, before=before, after=after)
    return True


def record_activity(workspace: Workspace, kind: Activity, by: By, /, **detail: object) -> None:
    """One activity in a workspace's chain."""
    chain.record(chain=str(workspace.pk), kind=kind, by=by, detail=detail)


def lock_installation() -> None:
    """Taken before any workspace's lock by what must be unique in all of them: the same may come twice at once."""
    Head.objects.select_for_update().filter(chain=chain.INSTALLATION).first()


def lock_workspace(workspace: Workspace) -> Workspace:
    """The workspace, held until the transaction ends: whoever changes its keys or members waits here for the others.

    Not in the way of rows that only point at it: calls go on being recorded.
    """
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
