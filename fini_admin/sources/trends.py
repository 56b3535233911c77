"""When sources became usable and how long that took, from the newest ones (P7)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from fini_admin.lib.paging import COUNTED
from fini_admin.sources.models import StateChange
from fini_admin.sources.queries import SourceCriteria, matching
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

MOST_TIMED = 2_000
LEFT = (State.SENT, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class TimeToUsable:
    """When a source became usable, and the seconds since it had been sent."""

    at: datetime
    seconds: float


def usable_since(since: datetime) -> SourceCriteria:
    """The sources that are usable and became so since then; as the list of sources filters them."""
    return {"state": State.USABLE, "since": since}


def became_usable(workspace: Workspace, since: datetime) -> list[datetime]:
    """When each usable source became so, the newest first; one more than are counted (`paging.counted_text`)."""
    found = matching(workspace, usable_since(since)).order_by("-state_since")
    return list(found.values_list("state_since", flat=True)[: COUNTED + 1])


def times_to_usable(workspace: Workspace, since: datetime) -> list[TimeToUsable]:
    """Of the newest MOST_TIMED of these sources, how long each took; what a sync found was never sent by us."""
    before = StateChange.objects.filter(source=OuterRef("pk"), new__in=LEFT, at__lte=OuterRef("state_since"))
    sent = before.exclude(old__in=LEFT).order_by("-pk").values("at")[:1]
    newest = matching(workspace, usable_since(since)).order_by("-state_since")[:MOST_TIMED]
    rows = newest.annotate(left_at=Subquery(sent)).values_list("state_since", "left_at")
    return [TimeToUsable(at, (at - left_at).total_seconds()) for at, left_at in rows if left_at]
