"""Taking entries out of the queue and putting sources back, as people do it by hand; each act can be undone."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.eligibility import why_not_sent
from fini_admin.ingestion.entries import (
    DECISIVE,
    close_entries,
    lane_of,
    open_entries,
    open_entries_of,
    settle_states,
)
from fini_admin.ingestion.models import QueueEntry
from fini_admin.ingestion.runs.items import holders
from fini_admin.lib.paging import CHUNK, PORTION, chunks
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

REMOVED = "removed"
NAMED = 100  # so many IDs stand in the audit trail's entry; the sources' histories name every one


@dataclass(slots=True)
class Moved:
    """Sources that went into the queue or out of it, and how many did not, by reason; `at` names the act."""

    sources: list[Source] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def remove_entries(*, by: By, workspace: Workspace, entries: Collection[int]) -> Moved:
    """Take entries (keys) out of the queue, PORTION to a transaction; what a run has taken stays."""
    moved = Moved()
    for portion in chunks(sorted(set(entries)), PORTION):
        with transaction.atomic():
            lock_budget(workspace)
            going = [entry for part in chunks(portion, CHUNK) for entry in _removable(moved, workspace, part)]
            for part in chunks([entry.pk for entry in going], CHUNK):
                close_entries(QueueEntry.objects.filter(pk__in=part), REMOVED, moved.at)
            sources = [entry.source for entry in going]
            _settle_moved(sources, f"Removed from the queue by {by.actor}")
            _record_activity(Activity.QUEUE_REMOVED, sources, workspace, by)
        moved.sources += sources
    return moved


def _removable(moved: Moved, workspace: Workspace, numbers: Sequence[int]) -> list[QueueEntry]:
    """The entries that may go out; the others are counted in `moved` by reason."""
    mine = QueueEntry.objects.filter(workspace=workspace, pk__in=numbers).select_related("source")
    found = {
        entry.pk: entry for entry in mine.only("closed_at", "run_id", *(f"source__{n}" for n in DECISIVE))
    }
    going = []
    for number in numbers:
        entry = found.get(number)
        if entry is None:
            moved.left["It is not in this queue"] += 1
        elif entry.closed_at:
            moved.left["It was out of the queue already"] += 1
        elif entry.run_id:
            moved.left["A run has taken it"] += 1
        else:
            going.append(entry)
    return going


def removed_at(workspace: Workspace, at: datetime) -> list[int]:
    """The sources (keys) that one act of `remove_entries`, named by its `at`, took out of the queue."""
    gone = QueueEntry.objects.filter(workspace=workspace, closed_how=REMOVED, closed_at=at)
    return list(gone.values_list("source", flat=True))


def put_sources_back(*, by: By, workspace: Workspace, sources: Collection[int]) -> Moved:
    """Put sources (keys) back into the queue, unless they are being ingested, gone or waiting already."""
    moved = Moved()
    for portion in chunks(sorted(set(sources)), PORTION):
        with transaction.atomic():
            lock_budget(workspace)
            coming = [
                source for part in chunks(portion, CHUNK) for source in _may_come_back(moved, workspace, part)
            ]
            open_entries(_entry_for(source, by.actor) for source in coming)
            _settle_moved(coming, f"Put back into the queue by {by.actor}")
            _record_activity(Activity.QUEUE_PUT_BACK, coming, workspace, by)
        moved.sources += coming
    return moved


def _may_come_back(moved: Moved, workspace: Workspace, numbers: Sequence[int]) -> list[Source]:
    """The sources that may go into the queue; the others are counted in `moved` by reason."""
    mine = Source.objects.filter(workspace=workspace, pk__in=numbers).only(*DECISIVE)
    found = {source.pk: source for source in mine}
    waiting = set(open_entries_of(found.values()).values_list("source_id", flat=True))
    held = holders(found)
    coming = []
    for number in numbers:
        source = found.get(number)
        if source is None:
            moved.left["It is not in this workspace"] += 1
        elif source.pk in waiting:
            moved.left["It is in the queue already"] += 1
        elif why := why_not_sent(source, held):
            moved.left[why] += 1
        else:
            coming.append(source)
    return coming


def _entry_for(source: Source, actor: str) -> QueueEntry:
    lane = "" if source.read_at is None else lane_of(source)
    now = datetime.now(UTC)
    return QueueEntry(
        workspace_id=source.workspace_id, source=source, lane=lane, opened_at=now, opened_by=actor
    )


def _settle_moved(sources: Sequence[Source], note: str) -> None:
    """What follows from somebody's having moved these, kept in the history of each."""
    shown = Observation("", datetime.now(UTC))
    for part in chunks(sources, CHUNK):
        settle_states(part, shown, note)


def _record_activity(kind: Activity, sources: list[Source], workspace: Workspace, by: By) -> None:
    """Record the move in the audit trail, unless nothing was moved."""
    if not sources:
        return
    ids = [source.fini_id for source in sources]
    detail: dict[str, object] = {"number": len(ids), "ids": ids[:NAMED]}
    chain.record(chain=str(workspace.pk), kind=kind, by=by, detail=detail)
