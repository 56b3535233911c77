"""The queue: source IDs that await ingestion, one open entry each (P4), in two lanes. Its page's reads, and writes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.eligibility import held_by
from fini_admin.ingestion.holding import holders
from fini_admin.ingestion.models import Item, Lane, QueueEntry, Run, Stage
from fini_admin.lib.paging import CHUNK, COUNTED, chunks, count
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.search import SOURCE_FIELDS, search
from fini_admin.sources.states import BUSY, State, ever_ingested
from fini_admin.workspaces.models import Workspace

REMOVED = "removed"
PORTION = 5000  # IDs a transaction: everyone else who writes waits for it
NAMED = 100  # so many IDs stand in the audit trail's entry; the sources' histories name every one
# What a source's state and lane are decided by, and what names it.
DECISIVE = (
    "fini_id",
    "state",
    "read_at",
    "sent_at",
    "job_id",
    "job_status",
    "success",
    "error",
    "updated_at",
    "paragraphs",
    "before_job",
    "before_status",
    "before_updated",
)

UNREAD = "unread"
OUT = "out"
# What the page's tabs show, by their names in the address.
LANES: dict[str, str] = {Lane.ADD: "Add", Lane.REFRESH: "Refresh", UNREAD: "Not read yet", OUT: "Taken out"}
WAITING = tuple(name for name in LANES if name != OUT)


class QueueCriteria(TypedDict, total=False):
    """Filters: search text, provider, who brought it in, waiting for longer than."""

    q: str
    provider: str
    who: str
    longer: timedelta | None


def entries_in_lane(
    workspace: Workspace, lane: str, **filters: Unpack[QueueCriteria]
) -> QuerySet[QueueEntry]:
    """The open entries of a lane that match the filters, those of a running run included."""
    found = QueueEntry.objects.filter(
        workspace=workspace, closed_at=None, lane="" if lane == UNREAD else lane
    ).filter(_matching(filters, "source__"))
    if who := filters.get("who"):
        found = found.filter(opened_by=who)
    if longer := filters.get("longer"):
        found = found.filter(opened_at__lt=datetime.now(UTC) - longer)
    return found


def first_lane(workspace: Workspace, **filters: Unpack[QueueCriteria]) -> str:
    """The first lane in which an entry matches the filters; the first of all if none does."""
    return next(
        (lane for lane in WAITING if entries_in_lane(workspace, lane, **filters).exists()), WAITING[0]
    )


def taken_out(workspace: Workspace, **filters: Unpack[QueueCriteria]) -> QuerySet[Source]:
    """Registered sources without an open entry: taken out of the queue, or never in it."""
    opened = QueueEntry.objects.filter(source=OuterRef("pk"), closed_at=None)
    found = Source.objects.filter(workspace=workspace, state=State.REGISTERED).filter(~Exists(opened))
    found = found.filter(_matching(filters))
    if who := filters.get("who"):
        found = found.annotate(registered_by=_of_latest_entry("opened_by")).filter(registered_by=who)
    if longer := filters.get("longer"):
        found = found.filter(state_since__lt=datetime.now(UTC) - longer)
    return found


def _matching(filters: QueueCriteria, way: str = "") -> Q:
    """Condition on the source; `way` is the path to it."""
    wanted = Q()
    if provider := filters.get("provider"):
        wanted &= Q(**{f"{way}provider": provider})
    return wanted & search(filters.get("q", ""), SOURCE_FIELDS, way)


def _of_latest_entry(name: str) -> Subquery:
    """A value of a source's latest entry, open or not."""
    return Subquery(QueueEntry.objects.filter(source=OuterRef("pk")).order_by("-pk").values(name)[:1])


def rows_for_page(found: QuerySet[Source]) -> QuerySet[Source]:
    """Add what the list of those taken out shows: who registered it, how its wait ended, the latest note."""
    note = StateChange.objects.filter(source=OuterRef("pk")).order_by("-pk").values("note")[:1]
    return found.annotate(
        opened_by=_of_latest_entry("opened_by"),
        closed_how=_of_latest_entry("closed_how"),
        note=Subquery(note),
    )


def who_queued(workspace: Workspace) -> list[str]:
    """The people who brought in the latest 10,000 IDs, for the filter."""
    latest = QueueEntry.objects.filter(workspace=workspace).order_by("-pk").values("opened_by")[:COUNTED]
    return sorted({entry["opened_by"] for entry in latest})


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Numbers under the filters: in each lane, and how many can be selected in this one; counted to 10,000 (P7).

    `newest` is the key of the newest counted row: what comes later was not counted.
    """

    lanes: dict[str, str]
    select: str
    newest: int

    @property
    def exact(self) -> str:
        """How many can be selected, in digits; empty if counting stopped at 10,000."""
        return "" if self.select.endswith("+") else self.select.replace(",", "")


def queue_counts(workspace: Workspace, lane: str, **filters: Unpack[QueueCriteria]) -> QueueCounts:
    """The numbers of the page; each reads at most 10,000 rows where an index fits."""
    lanes = {name: count(entries_in_lane(workspace, name, **filters)) for name in WAITING}
    lanes[OUT] = count(taken_out(workspace, **filters))
    here = selectable(workspace, lane, **filters)
    select = lanes[OUT] if lane == OUT else count(here)
    newest = here.order_by("-pk").values_list("pk", flat=True).first()
    return QueueCounts(lanes, select, newest or 0)


def selectable(
    workspace: Workspace, lane: str, upto: int | None = None, **filters: Unpack[QueueCriteria]
) -> QuerySet[Any]:
    """What can be selected in a lane: entries that no run has taken, or sources that were taken out.

    `upto` leaves out what came after the count.
    """
    found: QuerySet[Any] = (
        taken_out(workspace, **filters)
        if lane == OUT
        else entries_in_lane(workspace, lane, **filters).filter(run=None)
    )
    return found if upto is None else found.filter(pk__lte=upto)


def still_selectable(workspace: Workspace, lane: str, numbers: Iterable[int]) -> list[int]:
    """Those of these keys that can still be selected."""
    found: QuerySet[Any] = (
        taken_out(workspace)
        if lane == OUT
        else QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None)
    )
    return list(found.filter(pk__in=numbers).values_list("pk", flat=True))


def entries_to_send(found: QuerySet[QueueEntry]) -> list[QueueEntry]:
    """Entries in the queue's order, with the columns that decide whether each may be sent."""
    return list(
        found.select_related("source")
        .only("source_id", "run_id", "closed_at", "source__state", "source__provider", "source__original_url")
        .order_by("pk")
    )


def entries_in_queue_order(workspace: Workspace, numbers: Iterable[int]) -> list[QueueEntry]:
    """A workspace's entries of these keys in the queue's order, whether or not they still wait."""
    found: list[QueueEntry] = []
    for part in chunks(sorted(set(numbers)), CHUNK):
        found += entries_to_send(QueueEntry.objects.filter(workspace=workspace, pk__in=part))
    return found


def enqueue(sources: list[Source], run: Run) -> None:
    """Open an entry for each source without one. Its lane is empty until the record was read (T2)."""
    waiting = set(_open_entries(sources).values_list("source_id", flat=True))
    now = datetime.now(UTC)
    QueueEntry.objects.bulk_create(
        QueueEntry(
            workspace_id=source.workspace_id,
            source=source,
            opened_at=now,
            opened_by=run.actor,
            opened_run=run.number,
            run=run if run.then_ingest else None,
        )
        for source in sources
        if source.pk not in waiting
    )
    if run.then_ingest:
        _open_entries(sources).filter(run=None).update(run=run)


def _open_entries(sources: Iterable[Source]) -> QuerySet[QueueEntry]:
    return QueueEntry.objects.filter(source__in=[source.pk for source in sources], closed_at=None)


def queued_ids(fini_ids: list[str], workspace_id: UUID) -> set[str]:
    """Which of these IDs have an open entry."""
    entries = QueueEntry.objects.filter(
        closed_at=None, source__fini_id__in=fini_ids, workspace_id=workspace_id
    )
    return set(entries.values_list("source__fini_id", flat=True))


def set_lanes(sources: Collection[Source]) -> None:
    """Set the lane of open entries and items by the record: was it ever ingested (T2)."""
    for lane, again in ((Lane.ADD, False), (Lane.REFRESH, True)):
        matching = [source for source in sources if ever_ingested(source) is again]
        _open_entries(matching).exclude(lane=lane).update(lane=lane)
        Item.objects.filter(source__in=matching, stage__in=(Stage.PAIR, Stage.READ, Stage.INGEST)).update(
            lane=lane
        )


def close_entries(sources: Iterable[Source], how: str) -> None:
    """Close the open entries of these sources; `how` is *sent*, *removed* or *gone*."""
    _open_entries(sources).update(closed_at=datetime.now(UTC), closed_how=how)


def release_entries(run: Run, sources: Collection[int]) -> None:
    """What the run had taken and did not send waits again, for whoever sends it next: sources by their numbers.

    What the run opened for itself alone is closed.
    """
    mine = QueueEntry.objects.filter(source__in=sources, closed_at=None, run=run)
    alone = [entry.source for entry in mine.filter(for_run_alone=True).select_related("source")]
    mine.filter(for_run_alone=False).update(run=None)
    if alone:
        close_entries(alone, "not sent")
        settle_states(alone, Observation("", datetime.now(UTC), run.number))


def hold_for_run(run: Run, sources: Sequence[Source], lanes: Mapping[int, str]) -> None:
    """Have a run hold these sources: it takes their waiting entries, and opens one where none waits.

    `lanes` by the source's key; a source without one has its waiting entry taken, and none opened.
    """
    for part in chunks(sources, CHUNK):
        _open_entries(part).filter(run=None).update(run=run)
        held = set(_open_entries(part).values_list("source_id", flat=True))
        opening = [source for source in part if source.pk in lanes and source.pk not in held]
        now = datetime.now(UTC)
        QueueEntry.objects.bulk_create(
            QueueEntry(
                workspace_id=run.workspace_id,
                source=source,
                lane=lanes[source.pk],
                opened_at=now,
                opened_by=run.actor,
                opened_run=run.number,
                run=run,
                for_run_alone=True,
            )
            for source in opening
        )
        settle_states(opening, Observation("", now, run.number))


@dataclass(slots=True)
class Moved:
    """Sources that went into the queue or out of it, and how many did not, by reason."""

    sources: list[Source] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)


def remove_entries(*, by: By, workspace: Workspace, entries: Collection[int]) -> Moved:
    """Take entries (keys) out of the queue, PORTION to a transaction; what a run has taken stays."""
    moved = Moved()
    for portion in chunks(sorted(set(entries)), PORTION):
        with transaction.atomic():
            lock_budget(workspace)
            going = [entry for part in chunks(portion, CHUNK) for entry in _removable(moved, workspace, part)]
            now = datetime.now(UTC)
            for part in chunks([entry.pk for entry in going], CHUNK):
                QueueEntry.objects.filter(pk__in=part).update(closed_at=now, closed_how=REMOVED)
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
            moved.left["it is not in this queue"] += 1
        elif entry.closed_at:
            moved.left["it was out of the queue already"] += 1
        elif entry.run_id:
            moved.left["a run has taken it"] += 1
        else:
            going.append(entry)
    return going


def put_sources_back(*, by: By, workspace: Workspace, sources: Collection[int]) -> Moved:
    """Put sources (keys) back into the queue, unless they are being ingested, gone or waiting already."""
    moved = Moved()
    for portion in chunks(sorted(set(sources)), PORTION):
        with transaction.atomic():
            lock_budget(workspace)
            coming = [
                source for part in chunks(portion, CHUNK) for source in _may_come_back(moved, workspace, part)
            ]
            QueueEntry.objects.bulk_create(
                [_entry_for(source, by.actor) for source in coming], batch_size=CHUNK
            )
            _settle_moved(coming, f"Put back into the queue by {by.actor}")
            _record_activity(Activity.QUEUE_PUT_BACK, coming, workspace, by)
        moved.sources += coming
    return moved


def _may_come_back(moved: Moved, workspace: Workspace, numbers: Sequence[int]) -> list[Source]:
    """The sources that may go into the queue; the others are counted in `moved` by reason."""
    mine = Source.objects.filter(workspace=workspace, pk__in=numbers).only("workspace_id", *DECISIVE)
    found = {source.pk: source for source in mine}
    waiting = set(_open_entries(found.values()).values_list("source_id", flat=True))
    held = holders(found)
    coming = []
    for number in numbers:
        source = found.get(number)
        if source is None:
            moved.left["it is not in this workspace"] += 1
        elif source.state == State.GONE:
            moved.left["it is no longer in Fini"] += 1
        elif source.pk in waiting:
            moved.left["it is in the queue already"] += 1
        elif source.pk in held:
            moved.left[held_by(held[source.pk])] += 1
        elif source.state in BUSY:
            moved.left["its last job has not ended"] += 1
        else:
            coming.append(source)
    return coming


def _entry_for(source: Source, actor: str) -> QueueEntry:
    lane = "" if source.read_at is None else Lane.REFRESH if ever_ingested(source) else Lane.ADD
    now = datetime.now(UTC)
    return QueueEntry(
        workspace_id=source.workspace_id, source=source, lane=lane, opened_at=now, opened_by=actor
    )


def settle_states(sources: Collection[Source], origin: Observation, note: str = "") -> None:
    """Give these sources the state that follows from their records and from what waits, with their history."""
    queued = set(_open_entries(sources).values_list("source_id", flat=True))
    mirror.settle_states(sources, origin, note, queued=queued)


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
