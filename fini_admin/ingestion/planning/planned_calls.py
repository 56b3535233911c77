"""The calls that a preview's run will make, with their exact requests."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.ingestion.budget import budget_as_read
from fini_admin.ingestion.eligibility import unaddressed
from fini_admin.ingestion.models import Item, Lane, Preview, PreviewRow, Run, RunKind, Step
from fini_admin.ingestion.planning.chosen import is_chosen
from fini_admin.ingestion.planning.plans import CALLS
from fini_admin.ingestion.queue import entries_in_given_order
from fini_admin.ingestion.runs.steps import batch_size_by, request_of_items
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
    held, with_articles = preferences(preview.workspace), preview.summary.get("with_articles", False)
    run = Run(english=held.english, baser=held.baser, with_articles=with_articles)
    items = _items_of(preview, call, rows)
    return request_of_items(Step(run=run, kind=call.kind, provider=call.provider), items) if items else None


def _items_of(preview: Preview, call: PlannedCall, rows: QuerySet[PreviewRow]) -> list[Item]:
    """The items, not stored, that the run will make of a call's rows, as far as its request depends on them."""
    if call.kind in (RunKind.REGISTER, RunKind.WEB):
        resources = [content["resource"] for content in rows.values_list("content", flat=True) if content]
        return [Item(resource=resource, external_id=resource["originalUrl"]) for resource in resources]
    if is_chosen(preview):
        keys = [key for key in rows.values_list("source", flat=True) if key]
        found = Source.objects.in_bulk(keys)
        # Which may not go any more, the run finds out.
        return [Item(source=found[key], lane=Lane.ADD) for key in keys if key in found]
    numbers = [number for number in rows.values_list("entry", flat=True) if number]
    addresses: set[str] = set()
    return [
        Item(source=entry.source, lane=entry.lane or Lane.ADD)
        for entry in entries_in_given_order(preview.workspace, numbers)
        if entry.source.provider == call.provider and not unaddressed(entry.source, addresses)
    ]
