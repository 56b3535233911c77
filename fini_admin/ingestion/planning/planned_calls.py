"""The calls that a preview's run will make, with their exact requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.ingestion.budget import budget_as_read
from fini_admin.ingestion.eligibility import unaddressed
from fini_admin.ingestion.models import Lane, Preview, QueueEntry, RunKind
from fini_admin.ingestion.planning.chosen import is_chosen
from fini_admin.ingestion.planning.plans import CALLS
from fini_admin.ingestion.queue import entries_in_given_order
from fini_admin.ingestion.runs.steps import batch_size_by
from fini_admin.sources.models import Source
from fini_admin.workspaces.preferences import preferences, preferences_as_read


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call that the run will make: of one kind and provider (T8), with so many rows from the place `first` on."""

    number: int
    kind: str
    provider: str
    first: int
    ids: int
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class CallPlan:
    """How a preview's rows are cut into calls, by arithmetic: nothing is read for it. Calls count from 1."""

    preview: Preview
    size: int

    @property
    def number(self) -> int:
        """How many calls there are."""
        return sum(self._calls_for(kind, ids) for kind, _, ids in self._parts())

    @property
    def kinds(self) -> set[str]:
        """The kinds of these calls."""
        return {kind for kind, _, _ in self._parts() if kind}

    def call(self, number: int) -> PlannedCall | None:
        """The call of this number."""
        first, before = 0, 0
        for kind, provider, ids in self._parts():
            calls = self._calls_for(kind, ids)
            if before < number <= before + calls:
                at = (number - before - 1) * self.size
                where = routes.method_and_path(RunKind(kind).route, provider)
                return PlannedCall(number, kind, provider, first + at, min(self.size, ids - at), *where)
            first, before = first + ids, before + calls
        return None

    def _parts(self) -> list[tuple[str, str, int]]:
        """The kind, the provider and the number of IDs of each part; without a kind where only a read is certain."""
        summary = self.preview.summary
        ways = summary.get("ways")
        kinds = (
            [CALLS.get(way, "") for way in ways] if ways else [self.preview.kind] * len(summary["providers"])
        )
        return [(kind, *part) for kind, part in zip(kinds, summary["providers"], strict=True)]

    def _calls_for(self, kind: str, ids: int) -> int:
        return -(-ids // self.size) if kind else 0

    def calls(self, most: int) -> list[PlannedCall]:
        """The first calls, in the order in which they will go out."""
        found = (self.call(number) for number in range(1, min(most, self.number) + 1))
        return [call for call in found if call]


def call_plan(preview: Preview) -> CallPlan:
    """The calls as they stand now: as large as they may be by the workspace's settings and by Fini's word."""
    workspace = preview.workspace
    return CallPlan(preview, batch_size_by(budget_as_read(workspace), preferences_as_read(workspace)))


def request_of(preview: Preview, call: PlannedCall) -> Request[Any] | None:
    """A planned call's request; None when nothing of it can be sent any more.

    What a record read since then made unfit is left out here as it will be by the run. An ID whose record was not read
    yet stands in *add*.
    """
    rows = preview.rows.filter(place__gte=call.first, place__lt=call.first + call.ids).order_by("place")
    if call.kind == RunKind.REGISTER:
        resources = [content["resource"] for content in rows.values_list("content", flat=True) if content]
        return routes.register(call.provider, resources)
    if call.kind == RunKind.WEB:
        contents = rows.values_list("content", flat=True)
        addresses = [content["resource"]["originalUrl"] for content in contents if content]
        return _ingest(preview, call, addresses)
    if is_chosen(preview):
        return _request_of_sources(
            preview, call, [key for key in rows.values_list("source", flat=True) if key]
        )
    numbers = [number for number in rows.values_list("entry", flat=True) if number]
    entries = _fit(entries_in_given_order(preview.workspace, numbers), call.provider)
    again = [wire for wire, lane in entries if lane == Lane.REFRESH]
    first = [wire for wire, lane in entries if lane != Lane.REFRESH]
    return _ingest(preview, call, first, again) if entries else None


def _request_of_sources(preview: Preview, call: PlannedCall, keys: Sequence[int]) -> Request[Any] | None:
    """A planned call's request over sources that were chosen; which may not go any more, the run finds out."""
    found = {source.pk: source for source in Source.objects.filter(pk__in=keys)}
    sources = [found[key] for key in keys if key in found]
    names = [source.fini_id for source in sources]
    if not sources:
        return None
    if call.kind == RunKind.REFRESH:
        return routes.refresh(names)
    if call.kind == RunKind.DELETE:
        return routes.delete(names, with_articles=preview.summary.get("with_articles", False))
    return _ingest(preview, call, [source.wire_id for source in sources])


def _ingest(
    preview: Preview, call: PlannedCall, add: Sequence[str], refresh: Sequence[str] = ()
) -> Request[Any]:
    """The ingest of these, with the workspace's own options."""
    held = preferences(preview.workspace)
    return routes.ingest(call.provider, add=add, refresh=refresh, english=held.english, baser=held.baser)


def _fit(entries: Sequence[QueueEntry], provider: str) -> list[tuple[str, str]]:
    """What names each source of this provider to Fini, with its lane, less what cannot be sent with the others."""
    addresses: set[str] = set()
    return [
        (entry.source.wire_id, entry.lane)
        for entry in entries
        if entry.source.provider == provider and not unaddressed(entry.source, addresses)
    ]
