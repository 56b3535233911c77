"""Crawls: the addresses below others are found, to be picked from or ingested at once (T8)."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from django.db.models import QuerySet

from fini_admin.audit.names import By
from fini_admin.fini.routes import CRAWL_LIMIT, WEB
from fini_admin.ingestion.kinds.web_addresses import address_fault, patterns_fault
from fini_admin.ingestion.models import Item, ItemOutcome, Run, RunKind
from fini_admin.ingestion.runs.starting import CannotStart, RunOptions, start_run
from fini_admin.lib.key_text import without_keys
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.workspaces.models import Workspace

MOST_FOUND = 5_000
MOST_SEEDS = 50


class CrawlOptions(TypedDict, total=False):
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
    limit: int = CRAWL_LIMIT,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    then_ingest: bool = False,
    **extra: Unpack[RunOptions],
) -> Run:
    """Start a crawl below these addresses, or find the run of the same token; with `then_ingest` what it finds is sent.

    Raises CannotStart for addresses that Fini would refuse, and for patterns that are no patterns.
    """
    seeds = list(dict.fromkeys(links))
    if not seeds:
        raise CannotStart("There is no address to begin at")
    if len(seeds) > MOST_SEEDS:
        raise CannotStart(f"A crawl begins at {MOST_SEEDS} addresses at most")
    if not 1 <= limit <= MOST_FOUND:
        raise CannotStart(f"A crawl finds from 1 to {MOST_FOUND:,} addresses")
    for seed in seeds:
        if said := address_fault(seed):
            raise CannotStart(f"{without_keys(seed)[:80]!r} {said}")
    if said := patterns_fault(include) or patterns_fault(exclude):
        raise CannotStart(said)
    options = CrawlOptions(links=seeds, limit=limit, include=list(include), exclude=list(exclude))
    return start_run(
        workspace, RunKind.CRAWL, by=by, provider=WEB, then_ingest=then_ingest, crawl=options, **extra
    )


def truncated(run: Run) -> bool:
    """Whether a crawl may have found more than Fini returned: it says nothing of that itself."""
    options = run.crawl or {}
    return bool(options) and options.get("returned", 0) >= options["limit"]


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


def pickable(crawl: Run) -> QuerySet[Item]:
    """What a crawl found and its patterns kept, to be picked from; nothing where it ingests by itself."""
    found = Item.objects.filter(run=crawl, outcome=ItemOutcome.DONE)
    return found.none() if crawl.then_ingest else found


def found_items(workspace: Workspace, keys: Sequence[int]) -> list[Item]:
    """What crawls of a workspace found, of these keys, in the order found."""
    mine = Item.objects.filter(run__workspace=workspace, run__kind=RunKind.CRAWL, outcome=ItemOutcome.DONE)
    found = [item for part in chunks(sorted(set(keys)), CHUNK) for item in mine.filter(pk__in=part)]
    return sorted(found, key=lambda item: (item.run_id, item.position))
