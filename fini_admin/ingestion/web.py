"""The web: addresses are ingested without registration, and a crawl finds the addresses below others (T8)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import QuerySet

from fini_admin.audit.names import By
from fini_admin.fini.providers import provider_label
from fini_admin.fini.routes import ResourceBody
from fini_admin.fini.same_address import address_key
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.comparison import sources_by_address
from fini_admin.ingestion.eligibility import held_by
from fini_admin.ingestion.models import (
    NOT_ENDED,
    Item,
    ItemOutcome,
    Preview,
    PreviewRow,
    RowGroupName,
    Run,
    RunKind,
    Stage,
)
from fini_admin.ingestion.preview_rows import line_rows
from fini_admin.ingestion.preview_store import store_preview
from fini_admin.ingestion.runs import Extra, Listed, NothingToDo, new_run, run_of_token
from fini_admin.ingestion.steps import ItemWriter, add_step, batch_size
from fini_admin.ingestion.web_addresses import PastedAddresses, address_fault, twins_among
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace

WEB = "web"
LIMIT = 250  # Fini's own, where none is named
MOST_FOUND = 5_000
MOST_SEEDS = 50
NO_ADDRESS = "There is no address to bring in"
IN_FLIGHT = (Stage.WEB, Stage.FIND)


class CrawlWish(TypedDict, total=False):
    """What a crawl was asked for; `returned` is how many addresses Fini answered, duplicates included."""

    links: list[str]
    limit: int
    include: list[str]
    exclude: list[str]
    returned: int


def start_crawl(
    *,
    by: By,
    workspace: Workspace,
    links: Sequence[str],
    limit: int = LIMIT,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    then_ingest: bool = False,
    **extra: Unpack[Extra],
) -> Run:
    """Start a crawl below these addresses, or find the run of the same token; with `then_ingest` what it finds is sent.

    Raises NothingToDo for addresses that Fini would refuse.
    """
    seeds = list(dict.fromkeys(links))
    if not seeds:
        raise NothingToDo("There is no address to begin at")
    if len(seeds) > MOST_SEEDS:
        raise NothingToDo(f"A crawl begins at {MOST_SEEDS} addresses at most")
    if not 1 <= limit <= MOST_FOUND:
        raise NothingToDo(f"A crawl finds from 1 to {MOST_FOUND:,} addresses")
    for seed in seeds:
        if said := address_fault(seed):
            raise NothingToDo(f"{seed[:80]!r} {said}")
    wish = CrawlWish(links=seeds, limit=limit, include=list(include), exclude=list(exclude))
    with transaction.atomic():
        lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        run = new_run(
            workspace, RunKind.CRAWL, by=by, provider=WEB, then_ingest=then_ingest, crawl=wish, **extra
        )
        add_step(run, RunKind.CRAWL, WEB, [])
    return run


def truncated(run: Run) -> bool:
    """Whether a crawl may have found more than Fini returned: it says nothing of that itself."""
    wish = run.crawl or {}
    return bool(wish) and wish.get("returned", 0) >= wish["limit"]


def crawls(workspace: Workspace) -> QuerySet[Run]:
    """A workspace's crawls, the latest first; a retry of one, of an older version, crawls nothing."""
    found = Run.objects.filter(workspace=workspace, kind=RunKind.CRAWL, crawl__isnull=False)
    return found.order_by("-number")


def crawl_of(workspace: Workspace, number: int) -> Run | None:
    """The crawl of this run's number."""
    return crawls(workspace).filter(number=number).first()


def last_crawl(workspace: Workspace) -> Run | None:
    """The latest crawl of a workspace."""
    return crawls(workspace).first()


def kept(crawl: Run) -> QuerySet[Item]:
    """What a crawl found and its patterns kept."""
    return Item.objects.filter(run=crawl, outcome=ItemOutcome.DONE)


def found_items(workspace: Workspace, keys: Sequence[int]) -> list[Item]:
    """What crawls of a workspace found, of these keys, in the order found."""
    mine = Item.objects.filter(run__workspace=workspace, run__kind=RunKind.CRAWL, outcome=ItemOutcome.DONE)
    found = [item for part in chunks(sorted(set(keys)), CHUNK) for item in mine.filter(pk__in=part)]
    return sorted(found, key=lambda item: (item.run_id, item.position))


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


def named(source: Source) -> str:
    """A source, for a sentence about an address that leads to the same page."""
    return (
        f"“{(source.title or source.original_url)[:80]}” ({provider_label(source.provider)}, {source.state})"
    )


def addresses_in_flight(
    workspace: Workspace, *, but: Run | None = None, sent: bool = False
) -> dict[str, int]:
    """By the key of each address that a run is to send or has sent, that run's number; with `sent` of those alone."""
    open_ = Item.objects.filter(run__workspace=workspace, run__state__in=NOT_ENDED, stage__in=IN_FLIGHT)
    open_ = open_.exclude(run=but) if but else open_
    if sent:
        open_ = open_.exclude(stage=Stage.WEB, step__state="ready").exclude(stage=Stage.WEB, step=None)
    return {
        address_key(address): number for address, number in open_.values_list("external_id", "run__number")
    }


def freeze_web(*, actor: str, workspace: Workspace, pasted: PastedAddresses, unit: str = "line") -> Preview:
    """The preview of an ingest of these addresses; those of pages in Fini, and twins, stay out unless let in.

    What is in Fini under the very address stays out. Raises NothingToDo when none could be sent.
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
            rows.append((address, _twin_of(position, pasted, there, twins)))
    if not rows:
        raise NothingToDo(_why_nothing([*pasted.problems, *duplicates], unit))
    summary = {"providers": [(WEB, sum(not twin for _, twin in rows))], "unit": unit, "notes": []}
    preview = Preview(workspace=workspace, kind=RunKind.WEB, provider=WEB, made_by=actor, summary=summary)
    return store_preview(preview, _preview_rows(rows, sorted(duplicates), pasted.problems))


def _why_nothing(left: Sequence[tuple[int, str, str]], unit: str) -> str:
    """Why no address can be sent, by the first line that was left out."""
    if not left:
        return NO_ADDRESS
    number, said, address = left[0]
    return f"No address is left to bring in. {unit.capitalize()} {number:,}, {address}: {said}"


def _twin_of(position: int, pasted: PastedAddresses, there: Source | None, twins: Mapping[int, int]) -> str:
    """Which source or earlier line leads to the same page, in words; empty if none does."""
    if there:
        return f"the same page as the source {named(there)}, {there.original_url}"
    if position in twins:
        first = twins[position]
        return f"the same page as in line {pasted.lines[first]:,}, {pasted.addresses[first]}"
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
    *, by: By, workspace: Workspace, resources: Listed[ResourceBody], **extra: Unpack[Extra]
) -> Run:
    """Ingest these addresses in their order. They are read once, in pieces. Raises NothingToDo."""
    total = len(resources)
    if not total:
        raise NothingToDo(NO_ADDRESS)
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        run = new_run(workspace, RunKind.WEB, by=by, provider=WEB, total=total, **extra)
        ItemWriter(run, batch_size(budget)).write(
            Item(position=number, stage=Stage.WEB, provider=WEB, external_id=resource["originalUrl"])
            for number, resource in enumerate(resources)
        )
    return run
