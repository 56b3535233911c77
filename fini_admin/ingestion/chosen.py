"""IDs that somebody chose for a refresh, a deletion or a retry: their preview, and the run that comes of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from django.db import transaction

from fini_admin.audit.names import By
from fini_admin.fini.routes import ResourceBody
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.holding import holders
from fini_admin.ingestion.models import (
    Item,
    ItemOutcome,
    Lane,
    Preview,
    PreviewRow,
    RowGroupName,
    Run,
    RunKind,
    Stage,
)
from fini_admin.ingestion.plans import STAGES, Action, ItemPlan, plan_delete, plan_for_source, plan_refresh
from fini_admin.ingestion.preview_store import number_of_ids, store_preview
from fini_admin.ingestion.queue import DECISIVE, hold_for_run
from fini_admin.ingestion.reads import request_read
from fini_admin.ingestion.runs import Extra, NothingToDo, new_run, run_of_token
from fini_admin.ingestion.steps import ItemWriter, batch_size
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

# What is read of a source that was chosen: its other columns are many.
NEEDED = ("provider", "external_id", "original_url", *DECISIVE)
LANES = {Action.ADD: Lane.ADD, Action.REFRESH: Lane.REFRESH}
# What is known of these is what is sent of them: there is no source yet.
WITHOUT_SOURCE = (Action.REGISTER, Action.WEB)
Planner = Callable[[Source, Mapping[int, int]], ItemPlan]


@dataclass(frozen=True, slots=True)
class Chosen:
    """An ID that was chosen: what is done about it, and its source (a key) or what register sends of it."""

    plan: ItemPlan
    provider: str
    source: int | None = None
    resource: ResourceBody | None = None


def choose(workspace: Workspace, sources: Sequence[int], planner: Planner) -> Iterator[Chosen]:
    """A workspace's sources of these keys in the order given, each once, with what is done about each."""
    for part in chunks(list(dict.fromkeys(sources)), CHUNK):
        found, held = _read(workspace, part), holders(part)
        for key in part:
            if key in found:
                yield Chosen(planner(found[key], held), found[key].provider, source=key)


def _read(workspace: Workspace, keys: Sequence[int]) -> dict[int, Source]:
    mine = Source.objects.filter(workspace=workspace, pk__in=keys).only(*NEEDED)
    return {source.pk: source for source in mine}


def freeze(
    kind: RunKind | None, chosen: Iterable[Chosen], *, by: By, workspace: Workspace, **summary: Any
) -> Preview:
    """Store the preview of what was chosen, less what nothing can be done about, which is counted by reason.

    Without a `kind` it is a refresh where that is all that is done, else an ingest. Raises NothingToDo.
    """
    skipped: Counter[str] = Counter()
    parts: dict[tuple[Action, str], list[PreviewRow]] = {}
    position = 0
    for one in chosen:
        if one.plan.way == Action.NOTHING:
            skipped[one.plan.why] += 1
            continue
        row = PreviewRow(group=RowGroupName.CHOSEN, position=position, source_id=one.source, way=one.plan.way)
        row.content = {"resource": one.resource} if one.plan.way in WITHOUT_SOURCE else None
        parts.setdefault((one.plan.way, one.provider), []).append(row)
        position += 1
    if not parts:
        raise NothingToDo(f"Nothing of this can be sent: {'; '.join(skipped) or 'nothing was chosen'}")
    summary |= {
        "providers": [(provider, len(rows)) for (_, provider), rows in parts.items()],
        "ways": [way for way, _ in parts],
        "skipped": dict(skipped),
    }
    if kind is None:
        kind = RunKind.REFRESH if {way for way, _ in parts} == {Action.REFRESH} else RunKind.INGEST
    preview = Preview(workspace=workspace, kind=kind, made_by=by.actor, summary=summary)
    preview.then_ingest = summary.pop("then_ingest", False)
    return store_preview(preview, _in_sending_order(parts.values()))


def _in_sending_order(parts: Iterable[Sequence[PreviewRow]]) -> Iterator[PreviewRow]:
    """Rows with their places: those of a call's kind and provider stand together."""
    for place, row in enumerate(row for rows in parts for row in rows):
        row.number = row.place = place
        yield row


def is_chosen(preview: Preview) -> bool:
    """Whether a preview was frozen here."""
    return "ways" in preview.summary


def start_chosen(preview: Preview, *, by: By, **extra: Unpack[Extra]) -> Run:
    """The run of a preview; what became ineligible since is skipped with the reason. Raises NothingToDo."""
    workspace, summary, total = preview.workspace, preview.summary, number_of_ids(preview)
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, preview.token):
            return again
        run = new_run(
            workspace,
            RunKind(preview.kind),
            by=by,
            total=total,
            then_ingest=preview.then_ingest,
            retry_of=_run_of(workspace, summary.get("retry_of")),
            with_articles=summary.get("with_articles", False),
            **extra | {"token": preview.token},
        )
        writer = ItemWriter(run, batch_size(budget))
        writer.write(_items(preview, run))
        if writer.skipped == total:
            raise NothingToDo("Nothing of this can be sent any more")
        run.skipped = writer.skipped
        run.save(update_fields=["skipped"])
    return run


def _run_of(workspace: Workspace, number: int | None) -> Run | None:
    return Run.objects.filter(workspace=workspace, number=number).first() if number else None


def _items(preview: Preview, run: Run) -> Iterator[Item]:
    """One item a row; the run takes hold of its source, unless nothing can be done about that any more."""
    for rows in _in_pieces(preview):
        keys = [row.source_id for row in rows if row.source_id]
        found, held = _read(preview.workspace, keys), holders(keys)
        plans = {row.pk: _plan_now(preview, row, found, held) for row in rows}
        _hold(run, {found[row.source_id]: plans[row.pk].way for row in rows if row.source_id in found})
        for row in rows:
            yield _item(row, plans[row.pk], found.get(row.source_id or 0), preview)


def _in_pieces(preview: Preview) -> Iterator[list[PreviewRow]]:
    """The rows in the order of sending, CHUNK at a time."""
    rows = preview.rows.filter(place__isnull=False).order_by("place")
    part = list(rows[:CHUNK])
    while part:
        yield part
        part = list(rows.filter(place__gt=part[-1].place)[:CHUNK])


def _plan_now(
    preview: Preview, row: PreviewRow, found: Mapping[int, Source], held: Mapping[int, int]
) -> ItemPlan:
    """What is done about a row by now."""
    if row.way in WITHOUT_SOURCE:
        return ItemPlan(Action(row.way))
    source = found.get(row.source_id or 0)
    if source is None:
        return ItemPlan(Action.NOTHING, "It is not in this workspace")
    if row.way == Action.DELETE:
        return plan_delete(source, held)
    if preview.summary.get("retry"):
        return plan_for_source(source, held, read_first=row.way == Action.READ)
    return plan_refresh(source, held)


def _hold(run: Run, ways: Mapping[Source, Action]) -> None:
    """Have the run hold these sources, and have those read whose record decides (P4, T3)."""
    going = [source for source, way in ways.items() if way != Action.NOTHING]
    lanes = {
        source.pk: LANES.get(way, "")
        for source, way in ways.items()
        if way not in (Action.DELETE, Action.NOTHING)
    }
    hold_for_run(run, going, lanes)
    reading = [source for source, way in ways.items() if way == Action.READ]
    if reading:
        request_read(run.workspace, reading, run.created_at)


def _item(row: PreviewRow, plan: ItemPlan, source: Source | None, preview: Preview) -> Item:
    resource = (row.content or {}).get("resource")
    name = (resource or {}).get("originalUrl" if plan.way == Action.WEB else "externalId", "")
    nothing = plan.way == Action.NOTHING
    return Item(
        position=row.position or 0,
        stage=Stage.ENDED if nothing else STAGES[plan.way],
        outcome=ItemOutcome.SKIPPED if nothing else None,
        reason=plan.why,
        source=source,
        provider=source.provider if source else _provider_of(preview, row),
        external_id=source.external_id if source else name,
        resource=None if plan.way == Action.WEB else resource,
        lane=LANES.get(plan.way, ""),
    )


def _provider_of(preview: Preview, row: PreviewRow) -> str:
    """The provider of the part that a row belongs to."""
    end = 0
    for provider, number in preview.summary["providers"]:
        end += number
        if (row.place or 0) < end:
            return str(provider)
    return ""
