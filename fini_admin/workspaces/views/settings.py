"""A workspace's settings: each with what it means, its bounds and its default; and what is scheduled."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from fini_admin.ingestion import budget, schedules
from fini_admin.ingestion.schedule_form import ScheduleForm, initial
from fini_admin.ingestion.wakeup import wake
from fini_admin.pages import go
from fini_admin.permissions import Permission, WorkspaceRequest, reauthenticated, requires, roles_with
from fini_admin.workspaces import queries
from fini_admin.workspaces.forms import refuse
from fini_admin.workspaces.settings_form import SettingsForm

MAY_DISCOVER = roles_with(Permission.SOURCES_DISCOVER)


@requires(Permission.SETTINGS_MANAGE)
@reauthenticated  # how long the trail is kept is one of them
def index(request: WorkspaceRequest) -> HttpResponse:
    """The form; posted, the change."""
    if request.method != "POST":
        return page(request, SettingsForm(initial=queries.own_settings(request.workspace)))
    form, planned = SettingsForm(request.POST), ScheduleForm(request.POST)
    if form.is_valid() & planned.is_valid():
        try:
            changed = change(request, form, planned)
        except ValidationError as error:
            refuse(form, error)
        else:
            messages.success(request, "The settings are saved." if changed else "Nothing was changed.")
            return go(request, reverse("settings", args=[request.workspace.slug]))
    return page(request, form, planned)


def change(request: WorkspaceRequest, form: SettingsForm, planned: ScheduleForm) -> bool:
    """Save it. Work that waited for the old budget looks again at once."""
    changed = schedules.change_page(
        actor=request.user.email,
        origin="browser",
        workspace=request.workspace,
        values=form.values(),
        hours=planned.hours(),
    )
    if changed:
        budget.reopen(request.workspace)
        wake(request.workspace.pk)
    return changed


@requires(Permission.SETTINGS_MANAGE)
def take_over(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """A schedule runs in the reader's name; for htmx what is said of it then, so that what was typed stays."""
    if request.method == "POST":
        schedules.take_over(
            actor=request.user.email, origin="browser", workspace=request.workspace, provider=provider
        )
        if request.htmx:
            rows = ScheduleForm().rows(schedules.standing(request.workspace, MAY_DISCOVER))
            mine = next(row for row in rows if row["name"] == provider)
            return render(request, "workspaces/_schedule.html", {"row": mine})
        messages.success(request, "The schedule is yours.")
    return go(request, reverse("settings", args=[request.workspace.slug]))


def page(request: WorkspaceRequest, form: SettingsForm, planned: ScheduleForm | None = None) -> HttpResponse:
    """The page, with the form as it was typed."""
    held = schedules.standing(request.workspace, MAY_DISCOVER)
    rows = (planned or ScheduleForm(initial=initial(held))).rows(held)
    status = 422 if form.is_bound else 200
    return render(request, "workspaces/settings.html", {"form": form, "rows": rows}, status=status)
