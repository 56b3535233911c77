"""A workspace's settings: each with what it means, its bounds and its default."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from fini_admin.ingestion import budget
from fini_admin.ingestion.wakeup import wake
from fini_admin.pages import go
from fini_admin.permissions import Permission, WorkspaceRequest, requires
from fini_admin.workspaces import actions, queries
from fini_admin.workspaces.forms import refuse
from fini_admin.workspaces.settings_form import SettingsForm


@requires(Permission.SETTINGS_MANAGE)
def index(request: WorkspaceRequest) -> HttpResponse:
    """The form; posted, the change."""
    if request.method != "POST":
        return page(request, SettingsForm(initial=queries.own_settings(request.workspace)))
    form = SettingsForm(request.POST)
    if form.is_valid():
        try:
            changed = change(request, form)
        except ValidationError as error:
            refuse(form, error)
        else:
            messages.success(request, "The settings are saved." if changed else "Nothing was changed.")
            return go(request, reverse("settings", args=[request.workspace.slug]))
    return page(request, form)


def change(request: WorkspaceRequest, form: SettingsForm) -> bool:
    """Save it. Work that waited for the old budget looks again at once."""
    changed = actions.change_settings(
        actor=request.user.email, origin="browser", workspace=request.workspace, values=form.values()
    )
    if changed:
        budget.reopen(request.workspace)
        wake(request.workspace.pk)
    return changed


def page(request: WorkspaceRequest, form: SettingsForm) -> HttpResponse:
    """The page, with the form as it was typed."""
    status = 422 if form.is_bound else 200
    return render(request, "workspaces/settings.html", {"form": form}, status=status)
