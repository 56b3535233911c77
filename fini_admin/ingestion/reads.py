"""Wishes for a read: which records the walk over Fini's list has to show, and from when on."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from fini_admin.ingestion.models import Watch
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

FIRST_GAP = 2.0
# Longer than any pause between two walks, or after an error.
LONG_REST = timedelta(minutes=2)


def request_read(workspace: Workspace, sources: Sequence[Source], since: datetime) -> None:
    """Have these records read by a call asked at or after `since`."""
    for part in chunks(sources, CHUNK):
        wanted = Source.objects.filter(pk__in=[source.pk for source in part])
        wanted.update(wanted_since=since, missed_walks=0)
    watch_from(workspace, max(since, datetime.now(UTC)))


def watch_from(workspace: Workspace, at: datetime) -> None:
    """Walk the list no later than then, with the shortest gap again.

    A call that failed is repeated when that is due: in a minute at most, or when Fini asked for it (T7).
    """
    watch = Watch.objects.filter(workspace=workspace)
    watch.update(gap=FIRST_GAP, news_at=datetime.now(UTC))
    watch.filter(Q(next_at=None) | Q(next_at__gt=at, tries=0)).update(next_at=at, tries=0)


def wake_watch(workspace: Workspace) -> None:
    """Walk the list now if nothing is followed; what is stuck is looked at once an hour, and is not waited for."""
    now = datetime.now(UTC)
    resting = Q(next_at=None) | Q(next_at__gt=now + LONG_REST, tries=0)
    Watch.objects.filter(resting, workspace=workspace).update(next_at=now)
