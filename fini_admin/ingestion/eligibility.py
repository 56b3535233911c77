"""Whether a source may be sent, and why not. Pure; previews, the queue, the engine and pages ask it."""

import re
from collections.abc import Collection, Mapping

from fini_admin.fini import routes
from fini_admin.ingestion.models import RunKind
from fini_admin.sources.models import Source
from fini_admin.sources.states import BUSY, State, ever_ingested

TAKEN = "It was taken out of the queue, or another run has it"
GONE = "It is no longer in Fini"
# What is said when Fini answers that it does not have the route (a 404 that is about no ID).
NO_ROUTE: dict[str, str] = {
    RunKind.REFRESH: "This Fini has no refresh",
    RunKind.DELETE: "This Fini cannot delete sources",
    RunKind.CRAWL: "This Fini has no crawl",
}


def held_by(run: int) -> str:
    """That another run is at work on a source."""
    return f"Run {run} has it"


def holder_named(reason: str) -> int | None:
    """The run that a reason names as the one at work on a source (`held_by`)."""
    found = re.fullmatch(r"Run (\d{1,18}) has it", reason)
    return int(found[1]) if found else None


def why_not(source: Source | None, queued: Collection[int], holders: Mapping[int, int] | None = None) -> str:
    """Why a source may not be ingested now; empty when it may.

    `queued` are the keys of the sources whose queue entry may be sent, `holders` the numbers of the other runs that
    have sources, by the source's key (runs.items.holders).
    """
    if said := why_not_sent(source, holders or {}):
        return said
    if source is None or source.pk not in queued:
        return TAKEN
    if source.provider == "files":
        return "Raw files cannot be ingested by the API; upload the file again in Fini"
    if source.provider not in routes.INGESTIBLE:
        kind = f"of the type “{source.provider}”" if source.provider else "without a type"
        return f"Sources {kind} cannot be ingested by the API"
    return ""


def why_not_refreshed(source: Source | None, holders: Mapping[int, int]) -> str:
    """Why a source may not be refreshed now; empty when it may."""
    if said := why_not_sent(source, holders):
        return said
    if source is None or source.provider == "files":
        return "Raw files cannot be refreshed; delete it, and upload the file again in Fini"
    if source.read_at is None:
        return "Its record was not read yet"
    return "" if ever_ingested(source) else "It was never ingested: send it from the queue"


def why_not_sent(source: Source | None, holders: Mapping[int, int]) -> str:
    """Why nothing at all may be sent about a source now, nor may it be deleted; empty when it may."""
    if source and source.state in BUSY and source.pk not in holders:
        return f"Its last job has not ended: it is {source.state}"
    return why_not_read(source, holders)


def why_not_read(source: Source | None, holders: Mapping[int, int]) -> str:
    """Why a run may not even have a source's record read; empty when it may."""
    if source is None or source.state == State.GONE:
        return GONE
    return held_by(holders[source.pk]) if source.pk in holders else ""


def unaddressed(source: Source, addresses: set[str]) -> str:
    """Why a `web` source cannot be sent in a batch with these addresses (T8); empty adds its own address to them."""
    if source.provider != routes.WEB:
        return ""
    if not routes.is_url(source.original_url):
        return "Its address is not an http(s) address, and Fini ingests the web by addresses"
    if source.original_url in addresses:
        return "Another source with the same address is sent"
    addresses.add(source.original_url)
    return ""
