"""A person's workspaces, to choose one; and all of them, for superusers: add, rename, archive, restore."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from fini_admin.ingestion.runs.queries import running
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib.paging import count
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import add_errors
from fini_admin.web.forms.workspaces import NameForm, WorkspaceForm
from fini_admin.web.pages import redirect_to, render_page
from fini_admin.web.permissions import SignedInRequest, signed_in, superuser_only
from fini_admin.web.wording.across import workspace_lines
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.workspaces import (
    archive_workspace,
    create_workspace,
    rename_workspace,
    restore_workspace,
)

MOST_WORKSPACES = 100


@signed_in
def choose(request: SignedInRequest) -> HttpResponse:
    """The person's only workspace, or what goes on in each of several."""
    workspaces = list(queries.workspaces_of(request.user)[: MOST_WORKSPACES + 1])
    if len(workspaces) == 1:
        return redirect("workspace", workspaces[0].slug)
    shown = workspaces[:MOST_WORKSPACES]
    context = {"lines": workspace_lines(shown), "more": len(workspaces) > len(shown)}
    return render_page(request, "workspaces/choose.html", context)


@signed_in
def switch_workspace(request: SignedInRequest) -> HttpResponse:
    """The workspaces that the menu's switch offers."""
    return render(request, "workspaces/_switch.html", {"workspaces": queries.workspaces_of(request.user)})


@superuser_only
def index(request: SignedInRequest) -> HttpResponse:
    """All workspaces; posted, a new one."""
    form = WorkspaceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            workspace = create_workspace(by=request.by, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{workspace.name} is added. Its API key comes next.")
            return redirect_to(request, reverse("workspace", args=[workspace.slug]))
    return _workspaces_page(request, form=form)


@superuser_only
def rename(request: SignedInRequest, workspace_id: UUID) -> HttpResponse:
    workspace = get_object_or_404(queries.workspaces_of(request.user), pk=workspace_id)
    if request.method != "POST":
        return redirect_to(request, reverse("workspaces"))
    form = _rename_form(workspace, request)
    if form.is_valid():
        try:
            rename_workspace(by=request.by, workspace=workspace, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{workspace.name} is now {form.cleaned_data['name']}.")
            return redirect_to(request, reverse("workspaces"))
    return _workspaces_page(request, form=WorkspaceForm(), renaming={workspace.pk: form})


@superuser_only
@reauthenticated
def archive(request: SignedInRequest, workspace_id: UUID) -> HttpResponse:
    """What archiving does; posted, it is done."""
    workspace = get_object_or_404(queries.workspaces_of(request.user), pk=workspace_id)
    if request.method == "POST":
        archive_workspace(by=request.by, workspace=workspace)
        messages.success(request, f"{workspace.name} is archived. Restore it here.")
        return redirect_to(request, reverse("workspaces"))
    context = {
        "workspace": workspace,
        "running": count(running(workspace)),
        "members": count(queries.members(workspace)),
    }
    return render(request, "workspaces/archive.html", context)


@superuser_only
def restore(request: SignedInRequest, workspace_id: UUID) -> HttpResponse:
    workspace = get_object_or_404(Workspace, pk=workspace_id)
    if request.method == "POST":
        restore_workspace(by=request.by, workspace=workspace)
        wake()
        messages.success(request, f"{workspace.name} is restored. Its work goes on.")
    return redirect_to(request, reverse("workspaces"))


def _workspaces_page(
    request: SignedInRequest, *, form: WorkspaceForm, renaming: dict[UUID, NameForm] | None = None
) -> HttpResponse:
    """The page with the forms as they were typed."""
    renaming = renaming or {}
    rows = [
        {"workspace": workspace, "form": renaming.get(workspace.pk) or _rename_form(workspace)}
        for workspace in queries.workspaces_of(request.user)
    ]
    context = {"rows": rows, "form": form, "archived": queries.archived()}
    status = 422 if form.is_bound or renaming else 200
    return render(request, "workspaces/workspaces.html", context, status=status)


def _rename_form(workspace: Workspace, request: SignedInRequest | None = None) -> NameForm:
    """A workspace's rename form, with IDs of its own on the page."""
    return NameForm(
        request.POST if request else None, initial={"name": workspace.name}, auto_id=f"{workspace.pk}_%s"
    )
