"""The queue: source IDs that await ingestion, one open entry each (P4), in two lanes. Its page's reads, and writes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from fini_admin.ingestion.entries import close_entries, open_entries, open_entries_of, put_in_lane
from fini_admin.ingestion.models import Item, Lane, QueueEntry, Run, Stage
from fini_admin.lib.paging import CHUNK, COUNTED, chunks, count
from fini_admin.sources import counts, mirror
from fini_admin.sources.counts import Counted
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.search import search
from fini_admin.sources.states import State, ever_ingested
from fini_admin.workspaces.models import Workspace

# What a source's state and lane are decided by, and what names it.
DECISIVE = (
    "workspace_id",
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
    ).filter(_matching(workspace, filters, "source__"))
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
    found = found.filter(_matching(workspace, filters))
    if who := filters.get("who"):
        found = found.annotate(registered_by=_of_latest_entry("opened_by")).filter(registered_by=who)
    if longer := filters.get("longer"):
        found = found.filter(state_since__lt=datetime.now(UTC) - longer)
    return found


def _matching(workspace: Workspace, filters: QueueCriteria, way: str = "") -> Q:
    """Condition on the source; `way` is the path to it."""
    wanted = Q()
    if provider := filters.get("provider"):
        wanted &= Q(**{f"{way}provider": provider})
    return wanted & search(workspace.pk, filters.get("q", ""), way)


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
    """The numbers of the page: those kept where no filter is set; else each reads at most 10,000 rows."""
    lanes = _lanes_matching(workspace, **filters) if any(filters.values()) else _lanes_kept(workspace)
    lanes[OUT] = count(taken_out(workspace, **filters))
    here = selectable(workspace, lane, **filters)
    return QueueCounts(lanes, lanes[OUT] if lane == OUT else count(here), _newest(here))


def _newest(found: QuerySet[Any]) -> int:
    """The key of the newest of these rows; 0 of none."""
    return found.order_by("-pk").values_list("pk", flat=True).first() or 0


def _lanes_kept(workspace: Workspace) -> dict[str, str]:
    held = counts.kept(workspace, Counted.ENTRIES)
    return {name: intcomma(held.get("" if name == UNREAD else name, 0)) for name in WAITING}


def _lanes_matching(workspace: Workspace, **filters: Unpack[QueueCriteria]) -> dict[str, str]:
    return {name: count(entries_in_lane(workspace, name, **filters)) for name in WAITING}


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
    waiting = set(open_entries_of(sources).values_list("source_id", flat=True))
    now = datetime.now(UTC)
    open_entries(
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
        open_entries_of(sources).filter(run=None).update(run=run)


def queued_ids(fini_ids: list[str], workspace_id: UUID) -> set[str]:
    """Which of these IDs have an open entry; the sources first, so that no database walks the whole queue (P7)."""
    named = Source.objects.filter(workspace=workspace_id, fini_id__in=fini_ids)
    by_key = dict(named.values_list("pk", "fini_id"))
    waiting = QueueEntry.objects.filter(source__in=list(by_key), closed_at=None)
    return {by_key[key] for key in waiting.values_list("source_id", flat=True)}


def set_lanes(sources: Collection[Source]) -> None:
    """Set the lane of open entries and items by the record: was it ever ingested (T2)."""
    for lane, again in ((Lane.ADD, False), (Lane.REFRESH, True)):
        matching = [source for source in sources if ever_ingested(source) is again]
        put_in_lane(open_entries_of(matching), lane)
        Item.objects.filter(source__in=matching, stage__in=(Stage.PAIR, Stage.READ, Stage.INGEST)).update(
            lane=lane
        )


def release_entries(run: Run, sources: Collection[int]) -> None:
    """What the run had taken and did not send waits again, for whoever sends it next: sources by their numbers.

    What the run opened for itself alone is closed.
    """
    mine = QueueEntry.objects.filter(source__in=sources, closed_at=None, run=run)
    alone = [entry.source for entry in mine.filter(for_run_alone=True).select_related("source")]
    mine.filter(for_run_alone=False).update(run=None)
    if alone:
        close_entries(open_entries_of(alone), "not sent")
        settle_states(alone, Observation("", datetime.now(UTC), run.number))


def release_all_entries(run: Run) -> None:
    """What a run that ended still has waits again: an entry may belong to a source that no ID of the run came to."""
    left = QueueEntry.objects.filter(run=run, closed_at=None).values_list("source_id", flat=True)
    for part in chunks(list(left), CHUNK):
        release_entries(run, part)


def hold_for_run(run: Run, sources: Sequence[Source], lanes: Mapping[int, str]) -> None:
    """Have a run hold these sources: it takes their waiting entries, and opens one where none waits.

    `lanes` by the source's key; a source without one has its waiting entry taken, and none opened.
    """
    for part in chunks(sources, CHUNK):
        open_entries_of(part).filter(run=None).update(run=run)
        held = set(open_entries_of(part).values_list("source_id", flat=True))
        opening = [source for source in part if source.pk in lanes and source.pk not in held]
        now = datetime.now(UTC)
        open_entries(
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


def settle_states(sources: Collection[Source], origin: Observation, note: str = "") -> None:
    """Give these sources the state that follows from their records and from what waits, with their history."""
    queued = set(open_entries_of(sources).values_list("source_id", flat=True))
    mirror.settle_states(sources, origin, note, queued=queued)
