"""The run of IDs that somebody chose: retries, refreshes and deletions start here."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Unpack

from fini_admin.audit.names import By
from fini_admin.ingestion.entries import hold_for_run
from fini_admin.ingestion.models import Item, ItemOutcome, Lane, Preview, PreviewRow, Run, RunKind, Stage
from fini_admin.ingestion.planning.chosen import WITHOUT_SOURCE, none_of, read_chosen
from fini_admin.ingestion.planning.plans import (
    STAGES,
    USABLE,
    Action,
    ItemPlan,
    plan_delete,
    plan_for_source,
    plan_refresh,
)
from fini_admin.ingestion.planning.preview_store import number_of_ids, rows_in_sending_order
from fini_admin.ingestion.reads import request_read
from fini_admin.ingestion.runs.items import holders
from fini_admin.ingestion.runs.starting import RunOptions, start_run
from fini_admin.sources.models import Source
from fini_admin.sources.queries import by_resource
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

LANES = {Action.ADD: Lane.ADD, Action.REFRESH: Lane.REFRESH}


def start_chosen(preview: Preview, *, by: By, **extra: Unpack[RunOptions]) -> Run:
    """The run of a preview; what became ineligible since is skipped with the reason. Raises CannotStart."""
    return start_run(
        preview.workspace,
        RunKind(preview.kind),
        partial(_items, preview),
        by=by,
        none_left=f"{none_of(preview.kind)} any more",
        total=number_of_ids(preview),
        then_ingest=preview.then_ingest,
        retry_of=_run_of(preview.workspace, preview.summary.get("retry_of")),
        with_articles=preview.summary.get("with_articles", False),
        **extra | {"token": preview.token},
    )


def _run_of(workspace: Workspace, number: int | None) -> Run | None:
    return Run.objects.filter(workspace=workspace, number=number).first() if number else None


def _items(preview: Preview, run: Run) -> Iterator[Item]:
    """One item a row; the run takes hold of its source, unless nothing can be done about that any more."""
    for rows in rows_in_sending_order(preview):
        keys = [row.source_id for row in rows if row.source_id]
        found, held = read_chosen(preview.workspace, keys), holders(keys)
        usable = _usable_by_now(preview, rows)
        plans = {row.pk: _plan_now(preview, row, found, held, usable) for row in rows}
        _hold(run, {found[row.source_id]: plans[row.pk].way for row in rows if row.source_id in found})
        for row in rows:
            yield _item(row, plans[row.pk], found.get(row.source_id or 0), preview)


def _plan_now(
    preview: Preview,
    row: PreviewRow,
    found: Mapping[int, Source],
    held: Mapping[int, int],
    usable: Collection[int],
) -> ItemPlan:
    """What is done about a row by now."""
    if row.way in WITHOUT_SOURCE:
        return ItemPlan(Action.NOTHING, USABLE) if row.pk in usable else ItemPlan(Action(row.way))
    source = found.get(row.source_id or 0)
    if source is None:
        return ItemPlan(Action.NOTHING, "It is not in this workspace")
    if row.way == Action.DELETE:
        return plan_delete(source, held)
    if preview.kind == RunKind.REFRESH and preview.summary.get("retry_of") and row.way == Action.REFRESH:
        return plan_refresh(source, held)  # usable as it may be: that is what was to be refreshed
    if preview.summary.get("retry"):
        return plan_for_source(source, held, read_first=row.way == Action.READ)
    return plan_refresh(source, held)


def _usable_by_now(preview: Preview, rows: Sequence[PreviewRow]) -> set[int]:
    """The rows (their keys) to be registered and then ingested whose resource is usable since the preview was made."""
    if not preview.then_ingest:
        return set()
    names = {
        row.pk: (_provider_of(preview, row), _resource_of(row).get("externalId", ""))
        for row in rows
        if row.way == Action.REGISTER
    }
    there = by_resource(preview.workspace, list(names.values()))
    return {key for key, name in names.items() if name in there and there[name].state == State.USABLE}


def _resource_of(row: PreviewRow) -> dict[str, str]:
    return (row.content or {}).get("resource") or {}


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
    resource = _resource_of(row)
    name = resource.get("originalUrl" if plan.way == Action.WEB else "externalId", "")
    nothing = plan.way == Action.NOTHING
    return Item(
        position=row.position or 0,
        stage=Stage.ENDED if nothing else STAGES[plan.way],
        outcome=ItemOutcome.SKIPPED if nothing else None,
        reason=plan.why,
        source=source,
        provider=source.provider if source else _provider_of(preview, row),
        external_id=source.external_id if source else name,
        resource=None if plan.way == Action.WEB else resource or None,
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
