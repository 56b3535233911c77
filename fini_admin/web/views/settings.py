"""A workspace's settings and schedules."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from fini_admin.ingestion import schedules, settings_change
from fini_admin.ingestion.models import Schedule
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.forms.base import add_errors
from fini_admin.web.forms.schedules import ScheduleForm
from fini_admin.web.forms.settings import SettingsForm, read_shown, sign_shown
from fini_admin.web.pages import redirect_to
from fini_admin.web.permissions import WorkspaceRequest, requires
from fini_admin.web.sync_button import SyncButton
from fini_admin.workspaces.permissions import Permission


@requires(Permission.SETTINGS_MANAGE)
@reauthenticated  # the retention of the audit trail is a setting
def index(request: WorkspaceRequest) -> HttpResponse:
    """The form; posted, the changes."""
    held = settings_change.stored_values(request.workspace)
    if request.method != "POST":
        return _settings_page(request, SettingsForm(stored=held), ScheduleForm(initial=held), held)
    before = read_shown(request.workspace, request.POST.get("shown", ""))
    form = SettingsForm(request.POST, stored=before or {})
    planned = ScheduleForm(request.POST)
    if form.is_valid() & planned.is_valid():
        try:
            changed = settings_change.save(
                by=request.by,
                workspace=request.workspace,
                values=form.values(),
                hours=planned.hours(),
                before=before,
            )
        except settings_change.SavedMeanwhile as error:
            add_errors(form, error, planned)
            before = settings_change.stored_values(request.workspace)
        except ValidationError as error:
            add_errors(form, error, planned)
        else:
            messages.success(request, "The settings are saved." if changed else "Nothing was changed.")
            return redirect_to(request, reverse("settings", args=[request.workspace.slug]))
    return _settings_page(request, form, planned, before or held)


@requires(Permission.SETTINGS_MANAGE)
def take_over(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """Make the person the owner of a schedule; htmx swaps only that schedule, so that what was typed stays."""
    if request.method == "POST":
        try:
            schedules.take_over(by=request.by, workspace=request.workspace, provider=provider)
        except Schedule.DoesNotExist as error:
            raise Http404 from error
        if request.htmx:
            rows = ScheduleForm().rows(schedules.schedule_statuses(request.workspace, with_runs=True))
            mine = next(row for row in rows if row["name"] == provider)
            return render(request, "settings/_schedule.html", {"row": mine})
        messages.success(request, "The schedule now runs in your name.")
    return redirect_to(request, reverse("settings", args=[request.workspace.slug]))


def _settings_page(
    request: WorkspaceRequest, form: SettingsForm, planned: ScheduleForm, shown: settings_change.Values
) -> HttpResponse:
    """The page with the form as it was typed. `shown`: the values that its reader takes for saved."""
    rows = planned.rows(schedules.schedule_statuses(request.workspace, with_runs=True))
    context = {
        "form": form,
        "rows": rows,
        "shown": sign_shown(request.workspace, shown),
        "sync": SyncButton(request),
    }
    return render(request, "settings/settings.html", context, status=422 if form.is_bound else 200)
