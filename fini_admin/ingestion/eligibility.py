"""Whether a source may be sent, and why not. Pure; previews, the queue, the engine and pages ask it."""

from fini_admin.fini import routes
from fini_admin.sources.models import Source
from fini_admin.sources.states import BUSY, State

TAKEN = "It was taken out of the queue, or another run has it"


def why_not(source: Source | None, queued: set[int]) -> str:
    """Why a source may not be ingested now; empty if it may. `queued`: keys of sources with an open entry."""
    if source is None or source.state == State.GONE:
        return "It is no longer in Fini"
    if source.pk not in queued:
        return TAKEN
    if source.state in BUSY:
        return f"Its last job has not ended: it is {source.state}"
    if source.provider == "files":
        return "Raw files cannot be ingested by the API; upload the file again in Fini"
    if source.provider not in routes.INGESTIBLE:
        kind = f"of the type “{source.provider}”" if source.provider else "without a type"
        return f"Sources {kind} cannot be ingested by the API"
    return ""


def unaddressed(source: Source, addresses: set[str]) -> str:
    """Why a `web` source cannot be sent in a batch with these addresses (T8); empty adds its own address to them."""
    if source.provider != "web":
        return ""
    if not routes.is_url(source.original_url):
        return "Its address is not an http(s) address, and Fini ingests the web by addresses"
    if source.original_url in addresses:
        return "Another source with the same address is sent"
    addresses.add(source.original_url)
    return ""
