"""The queue: source IDs that await ingestion, one open entry each (P4), in two lanes. What is read of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypedDict, Unpack

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from fini_admin.ingestion.models import Lane, QueueEntry
from fini_admin.lib.paging import CHUNK, COUNTED, chunks, count, exact, newest_key
from fini_admin.sources import counts
from fini_admin.sources.counts import Counted
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.search import search
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

UNREAD = "unread"
OUT = "out"
# What the page's tabs show, by their names in the address.
LANES: dict[str, str] = {Lane.ADD: "Add", Lane.REFRESH: "Refresh", UNREAD: "Not read yet", OUT: "Taken out"}
WAITING = tuple(name for name in LANES if name != OUT)
# What is read of a queue entry to send it: a source's other columns are many.
_COLUMNS_TO_SEND = (
    "lane",
    "closed_at",
    "run_id",
    "source_id",
    *(
        f"source__{name}"
        for name in ("provider", "external_id", "fini_id", "original_url", "state", "workspace_id")
    ),
)


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


def _matching(workspace: Workspace, filters: QueueCriteria, prefix: str = "") -> Q:
    """Condition on the source; `prefix` is the path to it."""
    wanted = Q()
    if provider := filters.get("provider"):
        wanted &= Q(**{f"{prefix}provider": provider})
    return wanted & search(workspace.pk, filters.get("q", ""), prefix)


def _of_latest_entry(name: str) -> Subquery:
    """A value of a source's latest entry, open or not."""
    return Subquery(QueueEntry.objects.filter(source=OuterRef("pk")).order_by("-pk").values(name)[:1])


def with_latest_entry(found: QuerySet[Source]) -> QuerySet[Source]:
    """Annotate sources with `opened_by` and `closed_how` of their latest entries, and with their latest `note`."""
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
        return exact(self.select)


def queue_counts(workspace: Workspace, lane: str, **filters: Unpack[QueueCriteria]) -> QueueCounts:
    """The numbers of the page: those kept where no filter is set; else each reads at most 10,000 rows."""
    lanes = _lanes_matching(workspace, **filters) if any(filters.values()) else _lanes_kept(workspace)
    lanes[OUT] = count(taken_out(workspace, **filters))
    here = selectable(workspace, lane, **filters)
    return QueueCounts(lanes, lanes[OUT] if lane == OUT else count(here), newest_key(here))


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


def selectable_keys(
    workspace: Workspace, lane: str, upto: int | None, **filters: Unpack[QueueCriteria]
) -> list[int]:
    """The keys of what can be selected, in the queue's order."""
    found = selectable(workspace, lane, upto, **filters)
    return list(found.order_by("pk").values_list("pk", flat=True))


def still_selectable(workspace: Workspace, lane: str, numbers: Iterable[int]) -> list[int]:
    """Those of these keys that can still be selected."""
    found: QuerySet[Any] = (
        taken_out(workspace)
        if lane == OUT
        else QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None)
    )
    return list(found.filter(pk__in=numbers).values_list("pk", flat=True))


def entries_to_send(found: QuerySet[QueueEntry]) -> QuerySet[QueueEntry]:
    """These entries with what decides whether each may be sent, and what would be sent of it."""
    return found.select_related("source").only(*_COLUMNS_TO_SEND)


def entries_in_given_order(workspace: Workspace, numbers: Iterable[int]) -> list[QueueEntry]:
    """A workspace's entries of these keys in the order given, each once, whether or not they still wait."""
    found: list[QueueEntry] = []
    for part in chunks(dict.fromkeys(numbers), CHUNK):
        entries = entries_to_send(QueueEntry.objects.filter(workspace=workspace)).in_bulk(part)
        found += [entries[number] for number in part if number in entries]
    return found


class EntryForRun(NamedTuple):
    """A queue entry with what a run's item holds of it."""

    pk: int
    closed_at: datetime | None
    run_id: int | None
    source_id: int
    lane: str
    provider: str
    external_id: str


COLUMNS_FOR_RUN = (
    "pk",
    "closed_at",
    "run_id",
    "source_id",
    "lane",
    "source__provider",
    "source__external_id",
)


def is_waiting(entry: QueueEntry | EntryForRun) -> bool:
    """Whether an entry is open and no run has taken it."""
    return entry.closed_at is None and entry.run_id is None


def open_entry_of(source: Source) -> QueueEntry | None:
    """The source's open queue entry with its run."""
    return QueueEntry.objects.filter(source=source, closed_at=None).select_related("run").first()
