"""Times that were set while a clock was ahead: once it is right again, nobody waits for them.

A time further ahead than any pause of ours counts as come. The worker's sweep brings such times back, so that every
query asks only for `now`; what was read, rather than set, in the future is left out where it is compared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from fini_admin.audit.models import OpenCall
from fini_admin.audit.transport import LONGEST_ADVICE
from fini_admin.ingestion import budget
from fini_admin.ingestion.engine import key_check, list_pages, settle, walk
from fini_admin.ingestion.models import Budget, Schedule, Slot, Step, StepState, Verification, Watch, Worker
from fini_admin.ingestion.runs.queries import ALIVE, MARGIN
from fini_admin.lib import lease
from fini_admin.lib.cache import delete_beyond_longest
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import ApiKey, Workspace
from fini_admin.workspaces.preferences import MOST_FALLBACK_HOURS

NO_TIME = timedelta(0)
ADVICE = timedelta(seconds=LONGEST_ADVICE)


@dataclass(frozen=True, slots=True)
class Time:
    """A column with a time that something waits for.

    `most`: how far ahead of now the product ever sets it. `back`: its new value relative to now. `where`: the rows that
    anything waits for, which have an index.
    """

    model: type[Model]
    field: str
    most: Callable[[], timedelta]
    back: Callable[[], timedelta] = lambda: NO_TIME
    where: Q = Q()  # noqa: RUF009 - no statement changes a Q


# Where a row has its workspace, unless in a field of that name.
WORKSPACE_PATHS: dict[type[Model], str] = {Step: "run__workspace", Verification: "key__workspace"}
READY = Q(state=StepState.READY)


def _at_most(most: timedelta) -> Callable[[], timedelta]:
    return lambda: most


TIMES = (
    Time(Step, "due_at", _at_most(ADVICE), where=READY),
    Time(Step, "lease_until", _at_most(lease.LENGTH), where=READY),
    # Fini may still be working on a call of a moment ago: it gets the whole time.
    Time(Step, "settle_after", settle.longest_work, settle.longest_work, where=Q(state=StepState.CHECK)),
    Time(Watch, "next_at", _at_most(walk.STUCK_EVERY)),
    Time(Watch, "lease_until", _at_most(lease.LENGTH)),
    Time(Watch, "news_at", _at_most(NO_TIME)),
    Time(Watch, "whole_at", _at_most(NO_TIME)),
    Time(Watch, "walk_started", _at_most(NO_TIME)),
    Time(Verification, "lease_until", _at_most(lease.LENGTH)),
    Time(Budget, "blocked_until", _at_most(ADVICE)),
    Time(Budget, "spent_until", _at_most(budget.WINDOW + budget.AT_THE_LATEST)),
    Time(Budget, "no_key_until", _at_most(budget.NO_KEY_PAUSE)),
    Time(Budget, "served_at", _at_most(NO_TIME)),
    Time(Budget, "limited_until", _at_most(list_pages.LIMITED)),
    Time(Slot, "sent_at", _at_most(budget.AT_THE_LATEST)),
    Time(Source, "sent_at", _at_most(NO_TIME)),
    Time(Source, "wanted_since", settle.longest_work, settle.longest_work),
    Time(OpenCall, "lease_until", key_check.longest_lease),
    Time(Worker, "seen_at", _at_most(NO_TIME), lambda: -ALIVE),
    Time(ApiKey, "fallback_until", _at_most(timedelta(hours=MOST_FALLBACK_HOURS))),
)


# What no workspace has, or a process holds by a lease, which its heartbeat extends without any lock.
WITHOUT_LOCK = (OpenCall, Worker)


def bring_back() -> None:
    """Bring back every time that is further ahead than the product sets it. Nothing is written where none is."""
    now = datetime.now(UTC)
    for time in TIMES:
        rows = time.model._default_manager.filter(
            time.where, **{f"{time.field}__gt": now + time.most() + MARGIN}
        )
        values = {time.field: now + time.back()}
        if time.model not in WITHOUT_LOCK:
            _update_locked(rows, **values)
        elif rows.exists():
            rows.update(**values)
    for hours in Schedule.objects.values_list("every_hours", flat=True).distinct():
        late = now + timedelta(hours=hours) + MARGIN
        _update_locked(Schedule.objects.filter(every_hours=hours, next_at__gt=late), next_at=now)
    delete_beyond_longest(now + MARGIN)


def _update_locked(rows: QuerySet[Any], **values: datetime) -> None:
    """Update each workspace's own of these rows under its budget's lock, as everybody does who writes them."""
    workspace_path = WORKSPACE_PATHS.get(rows.model, "workspace")
    for workspace in Workspace.objects.filter(pk__in=rows.values(workspace_path)):
        with transaction.atomic():
            budget.lock_budget(workspace)
            rows.filter(**{workspace_path: workspace}).update(**values)
