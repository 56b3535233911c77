"""Compares the kept counts of a workspace with its rows, and puts them right (sources/counts.py, runs/items.py)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Case, CharField, F, Value, When
from django.db.models import Count as CountRows

from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.models import Item, ItemOutcome, QueueEntry, Run
from fini_admin.ingestion.runs.items import RUNNING, SENT
from fini_admin.sources import counts
from fini_admin.sources.counts import Counted
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

# Of a run's items: what each is counted as, empty while it waits.
PLACES = (*ItemOutcome.values, "sent", "running")


@dataclass(frozen=True, slots=True)
class Difference:
    """A count that is not what the rows say."""

    what: str
    kept: int
    rows: int

    def __str__(self) -> str:
        return f"{self.what}: {self.kept:,} kept, {self.rows:,} in the rows"


@transaction.atomic
def differences(workspace: Workspace, *, mend: bool = False) -> list[Difference]:
    """What differs at this moment, while nobody else writes; with `mend` the counts are set to what the rows say."""
    lock_budget(workspace)
    sources = Source.objects.filter(workspace=workspace).values_list("state")
    entries = QueueEntry.objects.filter(workspace=workspace, closed_at=None).values_list("lane")
    found: list[Difference] = []
    for kind, rows in ((Counted.SOURCES, sources), (Counted.ENTRIES, entries)):
        counted = Counter(dict(rows.order_by().annotate(number=CountRows("pk"))))
        found += _of_kind(workspace, kind, counted, mend=mend)
    return [*found, *_of_runs(workspace, mend=mend)]


def _of_kind(
    workspace: Workspace, kind: Counted, counted: Counter[str], *, mend: bool
) -> Iterator[Difference]:
    kept = counts.kept(workspace, kind)
    for value in sorted({*kept, *counted}):
        held, number = kept.get(value, 0), counted[value]
        if held != number:
            yield Difference(f"{kind} {value or 'not read yet'}", held, number)
            if mend:
                counts.move(kind, {(workspace.pk, value): number - held})


def _of_runs(workspace: Workspace, *, mend: bool) -> Iterator[Difference]:
    place = Case(
        When(outcome__isnull=False, then=F("outcome")),
        When(SENT, then=Value("sent")),
        When(RUNNING, then=Value("running")),
        default=Value(""),
        output_field=CharField(),
    )
    items = Item.objects.filter(run__workspace=workspace).order_by().values_list("run").annotate(place=place)
    counted = {(run, at): number for run, at, number in items.annotate(number=CountRows("pk"))}
    for run in Run.objects.filter(workspace=workspace).only("number", *PLACES).iterator():
        wrong = {
            name: counted.get((run.pk, name), 0)
            for name in PLACES
            if getattr(run, name) != counted.get((run.pk, name), 0)
        }
        for name, number in wrong.items():
            yield Difference(f"run {run.number}, {name}", getattr(run, name), number)
        if wrong and mend:
            Run.objects.filter(pk=run.pk).update(**wrong)
