"""Schedules: a provider is discovered every so many hours. Setting, taking over, ending and starting them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from fini_admin.audit.names import Activity, By, Origin
from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import MOST_HOURS, Run, Schedule
from fini_admin.lib.outage import contained
from fini_admin.lib.prepared import prepared
from fini_admin.workspaces.models import Membership, User, Workspace
from fini_admin.workspaces.permissions import Permission, roles_with
from fini_admin.workspaces.preferences import out_of_bounds
from fini_admin.workspaces.queries import usable_key
from fini_admin.workspaces.workspaces import record_activity

log = logging.getLogger(__name__)
WRONG = out_of_bounds(1, MOST_HOURS)
MAY_DISCOVER = roles_with(Permission.SOURCES_DISCOVER)
# After an error nobody tries again every second.
PAUSE = timedelta(minutes=1)

Hours = Mapping[str, int | None]


def setting_name(provider: str) -> str:
    """The name of a provider's interval, in forms and in the audit trail."""
    return f"discover_{provider}_hours"


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """A schedule, and why its owner could not start it now; `gone` is empty if the owner could."""

    schedule: Schedule
    gone: str

    @property
    def label(self) -> str:
        """The provider's name as people write it."""
        return PROVIDERS[self.schedule.provider].label

    @property
    def waits(self) -> bool:
        """Whether its time has passed without a start; for longer than a moment only if something is missing."""
        return self.schedule.next_at <= datetime.now(UTC)


def schedule_statuses(workspace: Workspace, *, with_runs: bool = False) -> list[ScheduleStatus]:
    """A workspace's schedules, with their last runs if these are asked for, by one query."""
    found = _WITH_RUNS(workspace.pk) if with_runs else _ALONE(workspace.pk)
    return [
        ScheduleStatus(one, _why_owner_cannot(active=one.active, role="" if one.superuser else one.role))
        for one in found
    ]


def _with_owners(_: datetime, workspace: UUID) -> QuerySet[Schedule]:
    """A workspace's schedules, each with what its owner is now."""
    people = User.objects.filter(email=OuterRef("set_by"))
    roles = Membership.objects.filter(user__email=OuterRef("set_by"), workspace=OuterRef("workspace"))
    found = Schedule.objects.filter(workspace=workspace, provider__in=PROVIDERS).order_by("provider")
    return found.annotate(
        active=Subquery(people.values("is_active")),
        superuser=Subquery(people.values("is_superuser")),
        role=Subquery(roles.values("role")),
    )


_ALONE = prepared(_with_owners)
_WITH_RUNS = prepared(lambda now, workspace: _with_owners(now, workspace).select_related("last_run"))


def _why_owner_cannot(*, active: bool | None, role: str | None) -> str:
    """Why a person could not start a discovery now; `active` is None for nobody, `role` empty for a superuser."""
    if active is None:
        return "whom nobody here knows"
    if not active:
        return "who is switched off"
    if role is None:
        return "who is no longer a member"
    return "" if role in {"", *MAY_DISCOVER} else "who may no longer discover here"


@transaction.atomic
def change(*, by: By, workspace: Workspace, hours: Hours) -> bool:
    """Set the interval of these providers, None for never; returns whether any changed.

    Whoever changes an interval owns the schedule, and its time begins anew. Raises ValidationError.
    """
    _check(hours)
    lock_budget(workspace)
    held = dict(Schedule.objects.filter(workspace=workspace).values_list("provider", "every_hours"))
    after = {provider: every for provider, every in hours.items() if every != held.get(provider)}
    for provider, every in after.items():
        _set_schedule(workspace, provider, every, by.actor)
    if after:
        before = {setting_name(provider): held.get(provider) for provider in after}
        named = {setting_name(provider): every for provider, every in after.items()}
        record_activity(workspace, Activity.SETTINGS_CHANGED, by, before=before, after=named)
    return bool(after)


def _check(hours: Hours) -> None:
    """Raise ValidationError, by field, for intervals that are out of bounds."""
    if not hours.keys() <= PROVIDERS.keys():
        raise ValidationError("There is no such provider.")
    wrong = {
        setting_name(provider): WRONG
        for provider, every in hours.items()
        if every is not None and (isinstance(every, bool) or not 1 <= every <= MOST_HOURS)
    }
    if wrong:
        raise ValidationError(wrong)


def _set_schedule(workspace: Workspace, provider: str, every: int | None, actor: str) -> None:
    """Store a provider's interval; None deletes the schedule."""
    if every is None:
        Schedule.objects.filter(workspace=workspace, provider=provider).delete()
        return
    next_at = datetime.now(UTC) + timedelta(hours=every)
    Schedule.objects.update_or_create(
        workspace=workspace,
        provider=provider,
        defaults={"every_hours": every, "set_by": actor, "next_at": next_at},
    )


@transaction.atomic
def take_over(*, by: By, workspace: Workspace, provider: str) -> None:
    """A schedule runs in the name of `by.actor` from now on, at the times it had. Asked for twice, it happens once.

    Raises Schedule.DoesNotExist when there is none.
    """
    lock_budget(workspace)
    schedule = Schedule.objects.get(workspace=workspace, provider=provider)
    if schedule.set_by == by.actor:
        return
    Schedule.objects.filter(pk=schedule.pk).update(set_by=by.actor)
    name = f"discover_{provider}_set_by"
    changed = {"before": {name: schedule.set_by}, "after": {name: by.actor}}
    record_activity(workspace, Activity.SETTINGS_CHANGED, by, **changed)


def _due(now: datetime) -> QuerySet[Schedule]:
    """Due schedules of workspaces that are not archived and have a key that Fini accepts."""
    return Schedule.objects.filter(usable_key("workspace"), next_at__lte=now)


def start_due() -> None:
    """Start each due schedule by itself: an error in one is logged, and that one is tried again after PAUSE."""
    now = datetime.now(UTC)
    for schedule in _due(now).select_related("workspace").order_by("next_at"):
        about = schedule.provider, schedule.every, schedule.workspace
        with contained(log, "discovery of %s %s in %s", *about, recover=partial(_postpone, schedule, now)):
            start(schedule, now)


@transaction.atomic
def start(schedule: Schedule, now: datetime) -> Run | None:
    """Start what was found to be due, once whoever finds it; None when another did, or nothing needed starting.

    The next time is counted from now: what was missed meanwhile is not made up for. A provider that is being
    discovered already is left alone until then.
    """
    workspace = schedule.workspace
    lock_budget(workspace)
    mine = _due(now).filter(pk=schedule.pk, next_at=schedule.next_at, every_hours=schedule.every_hours)
    if not mine.update(next_at=now + timedelta(hours=schedule.every_hours)):
        return None
    found = discovery.discovery_of(workspace, schedule.provider)
    if found.running:
        return None
    actor = Schedule.objects.values_list("set_by", flat=True).get(pk=schedule.pk)
    run = discovery.start_discover(
        by=By(actor, Origin.SCHEDULE), workspace=workspace, provider=schedule.provider
    )
    Schedule.objects.filter(pk=schedule.pk).update(last_run=run)
    return run


def _postpone(schedule: Schedule, now: datetime) -> None:
    """Try again after PAUSE, unless the schedule was changed meanwhile."""
    Schedule.objects.filter(pk=schedule.pk, next_at=schedule.next_at).update(next_at=now + PAUSE)
