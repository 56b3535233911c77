"""All workspaces, for superusers: add one, rename one, archive and restore one."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from fini_admin.ingestion.models import RunState
from fini_admin.ingestion.queries import runs
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib.paging import count
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import refuse
from fini_admin.web.forms.workspaces import NameForm, WorkspaceForm
from fini_admin.web.pages import go
from fini_admin.web.permissions import Request, superuser_only
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.workspaces import (
    archive_workspace,
    create_workspace,
    rename_workspace,
    restore_workspace,
)


@superuser_only
def index(request: Request) -> HttpResponse:
    """All workspaces; posted, another one."""
    form = WorkspaceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            workspace = create_workspace(by=request.by, **form.cleaned_data)
        except ValidationError as error:
            refuse(form, error)
        else:
            messages.success(request, f"{workspace.name} is added. Its API key comes next.")
            return go(request, reverse("workspace", args=[workspace.slug]))
    return page(request, form=form)


@superuser_only
def rename(request: Request, workspace_id: UUID) -> HttpResponse:
    """Another name for a workspace."""
    workspace = get_object_or_404(queries.workspaces_of(request.user), pk=workspace_id)
    if request.method != "POST":
        return go(request, reverse("workspaces"))
    form = naming(workspace, request)
    if form.is_valid():
        try:
            rename_workspace(by=request.by, workspace=workspace, **form.cleaned_data)
        except ValidationError as error:
            refuse(form, error)
        else:
            messages.success(request, f"{workspace.name} is now {form.cleaned_data['name']}.")
            return go(request, reverse("workspaces"))
    return page(request, form=WorkspaceForm(), renaming={workspace.pk: form})


@superuser_only
@reauthenticated
def archive(request: Request, workspace_id: UUID) -> HttpResponse:
    """What archiving does; posted, it is done."""
    workspace = get_object_or_404(queries.workspaces_of(request.user), pk=workspace_id)
    if request.method == "POST":
        archive_workspace(by=request.by, workspace=workspace)
        messages.success(request, f"{workspace.name} is archived. Restore it here.")
        return go(request, reverse("workspaces"))
    context = {
        "workspace": workspace,
        "running": count(runs(workspace, state=RunState.RUNNING)),
        "members": count(queries.members(workspace)),
    }
    return render(request, "workspaces/archive.html", context)


@superuser_only
def restore(request: Request, workspace_id: UUID) -> HttpResponse:
    """An archived workspace is there again."""
    workspace = get_object_or_404(Workspace, pk=workspace_id)
    if request.method == "POST":
        restore_workspace(by=request.by, workspace=workspace)
        wake()
        messages.success(request, f"{workspace.name} is restored. Its work goes on.")
    return go(request, reverse("workspaces"))


def page(
    request: Request, *, form: WorkspaceForm, renaming: dict[UUID, NameForm] | None = None
) -> HttpResponse:
    """The page, with the forms as they were typed."""
    renaming = renaming or {}
    rows = [
        {"workspace": workspace, "form": renaming.get(workspace.pk) or naming(workspace)}
        for workspace in queries.workspaces_of(request.user)
    ]
    context = {"rows": rows, "form": form, "archived": queries.archived()}
    status = 422 if form.is_bound or renaming else 200
    return render(request, "workspaces/workspaces.html", context, status=status)


def naming(workspace: Workspace, request: Request | None = None) -> NameForm:
    """A workspace's rename form; its fields' IDs are its own."""
    return NameForm(
        request.POST if request else None, initial={"name": workspace.name}, auto_id=f"{workspace.pk}_%s"
    )
