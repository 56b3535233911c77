"""What the tests of schedules share: time that comes and goes by, and what was started."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from fini_admin.audit.names import Origin
from fini_admin.ingestion import schedules
from fini_admin.ingestion.models import Run, RunState, Schedule
from fini_admin.workspaces.models import Workspace
from tests.support import people
from tests.support.who import by

PAGE = "/w/acme/settings/"
HOUR = timedelta(hours=1)


def scheduled(workspace: Workspace, actor: str = "ada@example.com", **hours: int | None) -> None:
    """Set, and due an hour ago."""
    assert schedules.change(by=by(actor), workspace=workspace, hours=hours)
    come()


def come() -> None:
    """The time of every schedule has come."""
    Schedule.objects.update(next_at=datetime.now(UTC) - HOUR)


def pass_by(time: timedelta) -> None:
    """So much time goes by."""
    for schedule in Schedule.objects.all():
        Schedule.objects.filter(pk=schedule.pk).update(next_at=schedule.next_at - time)


def started(workspace: Workspace) -> list[tuple[str, str]]:
    """What schedules started: which provider, in whose name."""
    mine = Run.objects.filter(workspace=workspace, origin=Origin.SCHEDULE).order_by("number")
    return list(mine.values_list("provider", "actor"))


def end_runs() -> None:
    """As if Fini had answered."""
    Run.objects.update(state=RunState.ENDED)


def held() -> dict[str, tuple[int, str]]:
    """Every how many hours each provider is discovered, and who set it."""
    return {one.provider: (one.every_hours, one.set_by) for one in Schedule.objects.all()}


def changes(workspace: Workspace) -> list[tuple[str, dict[str, Any]]]:
    """The trail's entries about settings: by whom, and what."""
    return [(actor, detail) for kind, actor, detail in people.trail(workspace) if kind == "settings.changed"]


def text(answer: Any) -> str:
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split()))


def due_in(provider: str) -> timedelta:
    return Schedule.objects.get(provider=provider).next_at - datetime.now(UTC)
