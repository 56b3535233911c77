"""Registrations: resources become source records in Fini, ingested by the same run if that was asked for."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Unpack

from fini_admin.audit.names import By
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import Resource, ResourceBody
from fini_admin.ingestion.models import Item, Preview, RowGroupName, Run, RunKind, Stage
from fini_admin.ingestion.planning.comparison import Comparison, compare, completed
from fini_admin.ingestion.planning.preview_rows import line_rows, register_rows, sent_unless_told
from fini_admin.ingestion.planning.preview_store import store_preview
from fini_admin.ingestion.runs.starting import CannotStart, RunOptions, SizedIterable, start_run
from fini_admin.sources.selection import UNTITLED
from fini_admin.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class RegisterNotes:
    """What a register's preview says besides its resources.

    `problems` and `duplicates` are lines that are left out: each line's number, what is wrong with it (of a duplicate
    the number of the first line), and how it reads. Lines are counted in `unit`. `choose`: whether to ingest as well
    is decided when the preview is confirmed.
    """

    unit: str = "resource"
    notes: Collection[str] = ()
    problems: Collection[Sequence[Any]] = ()
    duplicates: Collection[Sequence[Any]] = ()
    choose: bool = False


def freeze_register(
    *,
    workspace: Workspace,
    provider: str,
    resources: Sequence[Resource],
    then_ingest: bool,
    mime_type: str = "",
    places: Sequence[str] = (),
    notes: RegisterNotes | None = None,
) -> Preview:
    """These resources in their order, compared with Fini; what is unchanged, and twins, stay out unless let in.

    `mime_type` is for those that have none and are not known. `places` are how each is called, "line 3" for
    instance. Raises CannotStart.
    """
    if not resources:
        raise CannotStart("There is no resource to register")
    said = notes or RegisterNotes()
    resources, untitled = _fill_titles(completed(workspace, provider, resources, mime_type))
    found = compare(workspace, provider, resources, places)
    _keep_known_titles(resources, untitled, found)
    summary = {
        "providers": [(provider, sent_unless_told(resources, found))],
        "unit": said.unit,
        "notes": [*said.notes, *_doubts(found)],
        "choose": said.choose,
        "untitled": len(untitled),
    }
    rows = chain(
        register_rows(resources, untitled, found),
        line_rows(RowGroupName.DUPLICATE, said.duplicates),
        line_rows(RowGroupName.INVALID, said.problems),
    )
    preview = Preview(workspace=workspace, kind=RunKind.REGISTER, summary=summary)
    preview.provider, preview.then_ingest = provider, then_ingest
    return store_preview(preview, rows)


def _fill_titles(resources: Sequence[Resource]) -> tuple[list[Resource], set[int]]:
    """The resources with UNTITLED where discovery listed no title, and the positions at which it was filled in.

    Fini needs one, so the preview has a field for it beside each of these rows.
    """
    untitled = {position for position, resource in enumerate(resources) if not resource.title}
    return [
        resource if resource.title else replace(resource, title=UNTITLED) for resource in resources
    ], untitled


def _keep_known_titles(resources: list[Resource], untitled: Iterable[int], found: Comparison) -> None:
    """Give an untitled resource, in place, the title that its source has in Fini, so that it is no change."""
    for position in untitled:
        known = found.changes.get(position, {}).pop("title", "")
        if known:
            resources[position] = replace(resources[position], title=known)


def _doubts(found: Comparison) -> list[str]:
    """What to check before anything is sent."""
    number = len(found.other_ids)
    return [f"External IDs that are not the ones in their addresses: {number:,}."] if number else []


def start_register(
    *,
    by: By,
    workspace: Workspace,
    provider: str,
    resources: SizedIterable[ResourceBody],
    then_ingest: bool,
    **extra: Unpack[RunOptions],
) -> Run:
    """Register these resources in their order; with `then_ingest` the run ingests them too.

    They are read once, in pieces, inside the transaction. Raises CannotStart.
    """
    total = len(resources)
    if provider not in PROVIDERS or not total:
        raise CannotStart("There is nothing to register")
    return start_run(
        workspace,
        RunKind.REGISTER,
        lambda _: _register_items(provider, resources),
        by=by,
        provider=provider,
        total=total,
        then_ingest=then_ingest,
        **extra,
    )


def _register_items(provider: str, resources: Iterable[ResourceBody]) -> Iterator[Item]:
    for position, resource in enumerate(resources):
        yield Item(
            position=position,
            stage=Stage.REGISTER,
            provider=provider,
            external_id=resource["externalId"],
            resource=resource,
        )
