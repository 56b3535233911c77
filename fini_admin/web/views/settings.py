"""A workspace's settings and schedules."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from fini_admin.ingestion import budget, schedules
from fini_admin.ingestion.models import Schedule
from fini_admin.ingestion.wakeup import wake
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms import settings_page
from fini_admin.web.forms.base import add_errors
from fini_admin.web.forms.schedules import ScheduleForm
from fini_admin.web.forms.settings import SettingsForm
from fini_admin.web.pages import redirect_to
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.views.sources import SyncButton
from fini_admin.workspaces.permissions import Permission, roles_with

MAY_DISCOVER = roles_with(Permission.SOURCES_DISCOVER)


@requires(Permission.SETTINGS_MANAGE)
@reauthenticated  # the retention of the audit trail is a setting
def index(request: WorkspaceRequest) -> HttpResponse:
    """The form; posted, the changes."""
    held = settings_page.stored_values(request.workspace)
    if request.method != "POST":
        return _settings_page(request, SettingsForm(stored=held), ScheduleForm(initial=held), held)
    before = settings_page.read_shown(request.workspace, request.POST.get("shown", ""))
    form = SettingsForm(request.POST, stored=before or {})
    planned = ScheduleForm(request.POST)
    if form.is_valid() & planned.is_valid():
        try:
            changed = _save(request, form, planned, before)
        except settings_page.SavedMeanwhile as error:
            add_errors(form, error, planned)
            before = settings_page.stored_values(request.workspace)
        except ValidationError as error:
            add_errors(form, error, planned)
        else:
            messages.success(request, "The settings are saved." if changed else "Nothing was changed.")
            return redirect_to(request, reverse("settings", args=[request.workspace.slug]))
    return _settings_page(request, form, planned, before or held)


def _save(
    request: WorkspaceRequest, form: SettingsForm, planned: ScheduleForm, before: settings_page.Values | None
) -> bool:
    """Save, and wake the worker: calls that waited for the old budget may go out now."""
    changed = settings_page.save(
        by=request.by,
        workspace=request.workspace,
        values=form.values(),
        hours=planned.hours(),
        before=before,
    )
    if changed:
        budget.reopen(request.workspace)
        wake()
    return changed


@requires(Permission.SETTINGS_MANAGE)
def take_over(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """Make the person the owner of a schedule; htmx swaps only that schedule, so that what was typed stays."""
    if request.method == "POST":
        try:
            schedules.take_over(by=request.by, workspace=request.workspace, provider=provider)
        except Schedule.DoesNotExist as error:
            raise Http404 from error
        if request.htmx:
            rows = ScheduleForm().rows(
                schedules.schedule_statuses(request.workspace, MAY_DISCOVER, with_runs=True)
            )
            mine = next(row for row in rows if row["name"] == provider)
            return render(request, "settings/_schedule.html", {"row": mine})
        messages.success(request, "The schedule now runs in your name.")
    return redirect_to(request, reverse("settings", args=[request.workspace.slug]))


def _settings_page(
    request: WorkspaceRequest, form: SettingsForm, planned: ScheduleForm, shown: settings_page.Values
) -> HttpResponse:
    """The page with the form as it was typed. `shown`: the values that its reader takes for saved."""
    rows = planned.rows(schedules.schedule_statuses(request.workspace, MAY_DISCOVER, with_runs=True))
    context = {
        "form": form,
        "rows": rows,
        "shown": settings_page.sign_shown(request.workspace, shown),
        "sync": SyncButton(request),
    }
    return render(request, "settings/settings.html", context, status=422 if form.is_bound else 200)
