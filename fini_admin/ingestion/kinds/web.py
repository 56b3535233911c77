"""The web: addresses are ingested without registration (T8)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Unpack

from fini_admin.audit.names import By
from fini_admin.fini.providers import provider_label
from fini_admin.fini.routes import WEB, ResourceBody
from fini_admin.fini.same_address import address_key
from fini_admin.ingestion.eligibility import held_by
from fini_admin.ingestion.kinds.crawls import pickable
from fini_admin.ingestion.kinds.web_addresses import PastedAddresses, twins_among
from fini_admin.ingestion.models import (
    NOT_ENDED,
    Item,
    Preview,
    PreviewRow,
    RowGroupName,
    Run,
    RunKind,
    Stage,
    StepState,
)
from fini_admin.ingestion.planning.comparison import sources_by_address
from fini_admin.ingestion.planning.preview_rows import line_rows
from fini_admin.ingestion.planning.preview_store import store_preview
from fini_admin.ingestion.runs.starting import CannotStart, RunOptions, SizedIterable, start_run
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.sources.names import visible
from fini_admin.workspaces.models import Workspace

NO_ADDRESS = "There is no address to bring in"
IN_FLIGHT = (Stage.WEB, Stage.FIND)


def pages_in_fini(workspace: Workspace, addresses: Iterable[str]) -> dict[str, Source]:
    """By address, the source that has the same page, as far as the spelling tells; one spelt alike comes first."""
    keys = {address: address_key(address) for address in addresses}
    known = sources_by_address(workspace, keys.values())
    found: dict[str, Source] = {}
    for address, key in keys.items():
        alike = sorted(known.get(key, ()), key=lambda source: not is_same(source, address))
        if alike:
            found[address] = alike[0]
    return found


def is_same(source: Source, address: str) -> bool:
    """Whether a source is Fini's record of exactly this address: sending it again would process it again."""
    return source.provider == WEB and source.original_url == address


def not_in_fini(crawl: Run) -> list[Item]:
    """What can be picked of a crawl, less the pages that are in Fini."""
    found: list[Item] = []
    for part in chunks(pickable(crawl).order_by("position"), CHUNK):
        known = pages_in_fini(crawl.workspace, [item.external_id for item in part])
        found += [item for item in part if item.external_id not in known]
    return found


def named(source: Source) -> str:
    """A source, for a sentence about an address that leads to the same page."""
    name = visible(source.title) or source.original_url
    return f"“{name[:80]}” ({provider_label(source.provider)}, {source.state})"


def addresses_in_flight(
    workspace: Workspace, *, but: Run | None = None, sent: bool = False
) -> dict[str, int]:
    """By the key of each address that a run is to send or has sent, that run's number; with `sent` of those alone."""
    open_ = Item.objects.filter(run__workspace=workspace, run__state__in=NOT_ENDED, stage__in=IN_FLIGHT)
    open_ = open_.exclude(run=but) if but else open_
    if sent:
        open_ = open_.exclude(stage=Stage.WEB, step__state=StepState.READY).exclude(
            stage=Stage.WEB, step=None
        )
    return {
        address_key(address): number for address, number in open_.values_list("external_id", "run__number")
    }


def freeze_web(*, workspace: Workspace, pasted: PastedAddresses, unit: str = "line") -> Preview:
    """The preview of an ingest of these addresses; those of pages in Fini, and twins, stay out unless let in.

    What is in Fini under the very address stays out. Raises CannotStart when none could be sent.
    """
    known = pages_in_fini(workspace, pasted.addresses)
    flying = addresses_in_flight(workspace)
    twins = twins_among(pasted.addresses)
    duplicates, rows = list(pasted.duplicates), []
    for position, address in enumerate(pasted.addresses):
        line, there = pasted.lines[position], known.get(address)
        if there and is_same(there, address):
            duplicates.append((line, f"in Fini already: {named(there)}. Refresh it there", address))
        elif holder := flying.get(address_key(address)):
            duplicates.append((line, held_by(holder), address))
        else:
            rows.append((address, _twin_of(position, pasted, there, twins, unit)))
    if not rows:
        raise CannotStart(_why_nothing([*pasted.problems, *duplicates], unit))
    summary = {"providers": [(WEB, sum(not twin for _, twin in rows))], "unit": unit, "notes": []}
    preview = Preview(workspace=workspace, kind=RunKind.WEB, provider=WEB, summary=summary)
    return store_preview(preview, _preview_rows(rows, sorted(duplicates), pasted.problems))


def _why_nothing(left: Sequence[tuple[int, str, str]], unit: str) -> str:
    """Why no address can be sent, by the first line that was left out."""
    if not left:
        return NO_ADDRESS
    number, said, address = left[0]
    return f"No address is left to bring in. {unit.capitalize()} {number:,}, {address}: {said}"


def _twin_of(
    position: int, pasted: PastedAddresses, there: Source | None, twins: Mapping[int, int], unit: str
) -> str:
    """Which source or earlier address leads to the same page, in words; empty if none does."""
    if there:
        return f"the same page as the source {named(there)}, {there.original_url}"
    if position in twins:
        first = twins[position]
        return f"the same page as {unit} {pasted.lines[first]:,}, {pasted.addresses[first]}"
    return ""


def _preview_rows(
    rows: Sequence[tuple[str, str]],
    duplicates: Sequence[tuple[int, str, str]],
    problems: Sequence[tuple[int, str, str]],
) -> Iterator[PreviewRow]:
    numbers = {RowGroupName.NEW: 0, RowGroupName.TWIN: 0}
    for position, (address, twin) in enumerate(rows):
        group = RowGroupName.TWIN if twin else RowGroupName.NEW
        content: dict[str, Any] = {"resource": {"originalUrl": address, "title": address}}
        content |= {"twin": twin} if twin else {}
        yield PreviewRow(
            group=group,
            number=numbers[group],
            position=position,
            place=None if twin else numbers[group],
            content=content,
        )
        numbers[group] += 1
    yield from line_rows(RowGroupName.DUPLICATE, duplicates)
    yield from line_rows(RowGroupName.INVALID, problems)


def start_web(
    *, by: By, workspace: Workspace, resources: SizedIterable[ResourceBody], **extra: Unpack[RunOptions]
) -> Run:
    """Ingest these addresses in their order. They are read once, in pieces. Raises CannotStart."""
    total = len(resources)
    if not total:
        raise CannotStart(NO_ADDRESS)
    return start_run(
        workspace, RunKind.WEB, lambda _: _web_items(resources), by=by, provider=WEB, total=total, **extra
    )


def _web_items(resources: Iterable[ResourceBody]) -> Iterator[Item]:
    for position, resource in enumerate(resources):
        yield Item(position=position, stage=Stage.WEB, provider=WEB, external_id=resource["originalUrl"])
