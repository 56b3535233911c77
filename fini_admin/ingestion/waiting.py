"""Reads of the queue: what waits in which lane, what was taken out of it, and how many there are of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from fini_admin.ingestion.models import Lane, QueueEntry
from fini_admin.lib.paging import CHUNK, COUNTED, chunks, count
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

UNREAD = "unread"
OUT = "out"
# What the page's tabs show, by their names in the address.
LANES: dict[str, str] = {Lane.ADD: "Add", Lane.REFRESH: "Refresh", UNREAD: "Not read yet", OUT: "Taken out"}
WAITING = tuple(name for name in LANES if name != OUT)


class Wanted(TypedDict, total=False):
    """Which IDs: with this text in title, URL or ID, of a provider, by whom, waiting for longer."""

    q: str
    provider: str
    who: str
    longer: timedelta | None


def entries(workspace: Workspace, lane: str, **filters: Unpack[Wanted]) -> QuerySet[QueueEntry]:
    """The open entries of a lane that match, those included that a run has taken."""
    found = QueueEntry.objects.filter(
        workspace=workspace, closed_at=None, lane="" if lane == UNREAD else lane
    ).filter(matching(filters, "source__"))
    if who := filters.get("who"):
        found = found.filter(opened_by=who)
    if longer := filters.get("longer"):
        found = found.filter(opened_at__lt=datetime.now(UTC) - longer)
    return found


def first_lane(workspace: Workspace, **filters: Unpack[Wanted]) -> str:
    """The first lane in which something waits that matches; where nothing does, the first of all."""
    return next((lane for lane in WAITING if entries(workspace, lane, **filters).exists()), WAITING[0])


def taken_out(workspace: Workspace, **filters: Unpack[Wanted]) -> QuerySet[Source]:
    """The sources that are registered and wait for nothing: taken out of the queue, or never in it."""
    opened = QueueEntry.objects.filter(source=OuterRef("pk"), closed_at=None)
    found = Source.objects.filter(workspace=workspace, state=State.REGISTERED).filter(~Exists(opened))
    found = found.filter(matching(filters))
    if who := filters.get("who"):
        found = found.annotate(registered_by=latest_entry("opened_by")).filter(registered_by=who)
    if longer := filters.get("longer"):
        found = found.filter(state_since__lt=datetime.now(UTC) - longer)
    return found


def matching(filters: Wanted, way: str = "") -> Q:
    """The filters that are about the source."""
    wanted = Q()
    if provider := filters.get("provider"):
        wanted &= Q(**{f"{way}provider": provider})
    if text := filters.get("q"):
        names = ("title", "original_url", "external_id", "fini_id")
        wanted &= Q(*((f"{way}{name}__icontains", text) for name in names), _connector=Q.OR)
    return wanted


def latest_entry(name: str) -> Subquery:
    """A value of a source's latest entry, whether or not it is open."""
    return Subquery(QueueEntry.objects.filter(source=OuterRef("pk")).order_by("-pk").values(name)[:1])


def told(found: QuerySet[Source]) -> QuerySet[Source]:
    """Sources as the list of those taken out shows them: who registered it, how its wait ended, and the word on it."""
    note = StateChange.objects.filter(source=OuterRef("pk")).order_by("-pk").values("note")[:1]
    return found.annotate(
        opened_by=latest_entry("opened_by"), closed_how=latest_entry("closed_how"), note=Subquery(note)
    )


def people(workspace: Workspace) -> list[str]:
    """Who brought in the latest 10,000 IDs: whom one may filter by."""
    latest = QueueEntry.objects.filter(workspace=workspace).order_by("-pk").values("opened_by")[:COUNTED]
    return sorted({entry["opened_by"] for entry in latest})


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are under the filters, as P7 counts: of each lane, and of this one to be selected, or sent.

    `newest` is the number of the newest of these: what comes after it was not counted.
    """

    lanes: dict[str, str]
    select: str
    newest: int

    @property
    def exact(self) -> str:
        """How many may be selected, in digits; empty where they were not counted to the end."""
        return "" if self.select.endswith("+") else self.select.replace(",", "")


def counts(workspace: Workspace, lane: str, **filters: Unpack[Wanted]) -> Counts:
    """The numbers of the page. Counting stops at 10,000, so each reads no more rows than that where an index fits."""
    lanes = {name: count(entries(workspace, name, **filters)) for name in WAITING}
    lanes[OUT] = count(taken_out(workspace, **filters))
    here = offered(workspace, lane, **filters)
    select = lanes[OUT] if lane == OUT else count(here)
    newest = here.order_by("-pk").values_list("pk", flat=True).first()
    return Counts(lanes, select, newest or 0)


def offered(
    workspace: Workspace, lane: str, upto: int | None = None, **filters: Unpack[Wanted]
) -> QuerySet[Any]:
    """What may be selected in a lane: its entries that no run has taken, or the sources that were taken out.

    `upto` is the number of the newest that was there when they were counted.
    """
    found: QuerySet[Any] = (
        taken_out(workspace, **filters)
        if lane == OUT
        else entries(workspace, lane, **filters).filter(run=None)
    )
    return found if upto is None else found.filter(pk__lte=upto)


def still(workspace: Workspace, lane: str, numbers: Iterable[int]) -> list[int]:
    """Those of these numbers that may be selected yet: entries that wait, in any lane, or sources taken out."""
    found: QuerySet[Any] = (
        taken_out(workspace)
        if lane == OUT
        else QueueEntry.objects.filter(workspace=workspace, closed_at=None, run=None)
    )
    return list(found.filter(pk__in=numbers).values_list("pk", flat=True))


def to_send(found: QuerySet[QueueEntry]) -> list[QueueEntry]:
    """Entries in the queue's order with what decides whether each may be sent, and no more of their sources."""
    return list(
        found.select_related("source")
        .only("source_id", "run_id", "closed_at", "source__state", "source__provider", "source__original_url")
        .order_by("pk")
    )


def numbered(workspace: Workspace, numbers: Iterable[int]) -> list[QueueEntry]:
    """A workspace's entries of these numbers in the queue's order, whether or not they still wait."""
    found: list[QueueEntry] = []
    for part in chunks(sorted(set(numbers)), CHUNK):
        found += to_send(QueueEntry.objects.filter(workspace=workspace, pk__in=part))
    return found
