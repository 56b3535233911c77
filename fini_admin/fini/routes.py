"""Fini's eight Sources routes as requests, strict on what is sent (contract 3 to 9)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlsplit

from fini_admin.fini import wire
from fini_admin.fini.client import MIB, Request
from fini_admin.fini.providers import PROVIDERS, Listing, provider_of
from fini_admin.fini.wire import SOURCE_ID, Deleted, Document, IdLists, Json, ListPage, is_cut

ROOT = "/v2/documents/public"
INGESTIBLE = ("web", "googledrive", "notion", "zendesk", "confluence")
SOURCES = ("web", "files", "googledrive", "zendesk", "notion", "confluence")


REQUIRED_NAMES = ("originalUrl", "title", "externalId", "mimeType")
WIRE_NAMES = (*REQUIRED_NAMES, "object")
# A resource by the wire's names: the required ones, and `object` where it has one.
ResourceBody = dict[str, str]


class InvalidRequest(ValueError):
    """What was to be sent breaks a rule that we can check ourselves (traps 4 and 8)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One importable resource as register wants it: the four required keys, and `object` (contract 6)."""

    external_id: str
    title: str
    original_url: str
    mime_type: str
    object: str = ""

    def body(self) -> ResourceBody:
        """The wire's form, which previews and runs keep and register sends; `check_resource` says if it may be sent."""
        required = {
            "originalUrl": self.original_url,
            "title": self.title,
            "externalId": self.external_id,
            "mimeType": self.mime_type,
        }
        return required | ({"object": self.object} if self.object else {})


def check_resource(body: Mapping[str, str]) -> None:
    """Raise InvalidRequest for a resource, by the wire's names, that Fini would refuse."""
    for name in REQUIRED_NAMES:
        if not body.get(name, "").strip():
            raise InvalidRequest(f"{name} is missing")
    for name in ("externalId", "originalUrl"):
        if is_cut(body[name]):
            raise InvalidRequest(f"{name} was too long to be kept whole")
    for name, value in body.items():
        if not is_sendable(value):
            raise InvalidRequest(f"{name} holds half of a character, which UTF-8 cannot write")


def list_sources(
    *, limit: int, cursor: str = "", source: str = "", changed: bool | None = None
) -> Request[ListPage]:
    """A page of the list, newest first; with a cursor the page of older ones after it (contract 3)."""
    query = {"limit": str(limit)}
    if cursor:
        query |= {"cursor": cursor, "direction": "next"}
    if source:
        query["source"] = source
    if changed is not None:
        query["changed"] = str(changed).lower()
    return Request("list", "GET", ROOT, partial(ListPage.parse, limit=limit), query=query)


def get_source(source_id: str) -> Request[Document]:
    """One source's record (contract 4)."""
    checked_ids([source_id])
    return Request("get", "GET", f"{ROOT}/{quote(source_id, safe='')}", Document.parse)


def discover(provider: str) -> Request[Listing]:
    """What can be imported from a connected provider, as one tree (contract 5)."""
    adapter = provider_of(provider)
    return Request("discover", "GET", f"{ROOT}/resources/{provider}", adapter.listing, most=64 * MIB)


def register_path(provider: str) -> str:
    """Where resources of a provider are registered; raises InvalidRequest for a source that has no such route."""
    if provider not in PROVIDERS:
        raise InvalidRequest(f"{provider!r} has no register route")
    return f"{ROOT}/resources/{provider}"


def register(provider: str, resources: Sequence[ResourceBody]) -> Request[IdLists]:
    """Create or update source records; an upsert, so it may be repeated (contract 6, trap 3)."""
    path = register_path(provider)
    if not resources:
        raise InvalidRequest("nothing to register")
    for resource in resources:
        check_resource(resource)
    if len({resource["externalId"] for resource in resources}) != len(resources):
        raise InvalidRequest("one externalId stands twice in a batch")
    # A database may have kept the names in another order.
    body = {"resources": [{name: held[name] for name in WIRE_NAMES if name in held} for held in resources]}
    parse = partial(IdLists.parse, asked=len(resources))
    return Request("register", "POST", path, parse, body=body)


def ingest(
    source: str,
    *,
    add: Sequence[str],
    refresh: Sequence[str],
    english: bool | None = None,
    baser: bool | None = None,
) -> Request[IdLists]:
    """Start processing: URLs for `web`, source IDs for every other source (contract 7, trap 8)."""
    if source not in INGESTIBLE:
        raise InvalidRequest(f"{source!r} cannot be ingested by the API")
    if not add and not refresh:
        raise InvalidRequest("nothing to ingest")
    entries = [*add, *refresh]
    checked_urls(entries) if source == "web" else checked_ids(entries)
    body: dict[str, Json] = {
        "source": source,
        "documentIdsToAdd": list(add),
        "documentIdsToRefresh": list(refresh),
    }
    body |= {name: value for name, value in (("english", english), ("baser", baser)) if value is not None}
    return Request("ingest", "POST", ROOT, partial(IdLists.parse, asked=len(entries)), body=body)


def refresh(source_ids: Sequence[str]) -> Request[list[str]]:
    """Process sources again by ID, of any provider but raw files (contract 9)."""
    parse = partial(wire.refreshed, asked=len(source_ids))
    body = {"documentIds": checked_ids(source_ids)}
    return Request("refresh", "POST", f"{ROOT}/refresh", parse, body=body)


def delete(source_ids: Sequence[str], *, with_articles: bool = False) -> Request[Deleted]:
    """Delete sources; their articles stay unless asked for (contract 9)."""
    body = {"documentIds": checked_ids(source_ids), "deleteArticles": with_articles}
    return Request("delete", "DELETE", ROOT, partial(Deleted.parse, asked=len(source_ids)), body=body)


def crawl(urls: Sequence[str], *, limit: int = 250) -> Request[list[str]]:
    """The addresses below the seeds; stores nothing, so it may be repeated (contract 8)."""
    body = {"links": checked_urls(urls), "limit": limit}
    parse = partial(wire.crawled, limit=limit)
    return Request("crawl", "POST", f"{ROOT}/deep-crawl/links", parse, body=body)


def write_probe() -> Request[list[str]]:
    """A crawl of nothing: it stores nothing, and its refusal tells whether the key may write (contract 1)."""
    return Request(
        "crawl", "POST", f"{ROOT}/deep-crawl/links", partial(wire.crawled, limit=0), body={"links": []}
    )


def checked_ids(entries: Sequence[str]) -> list[str]:
    """Source IDs, each once and none an address (traps 4 and 8); raises InvalidRequest."""
    if not entries:
        raise InvalidRequest("no source IDs")
    for entry in entries:
        if not SOURCE_ID.fullmatch(entry):
            raise InvalidRequest(f"{entry[:80]!r} is not a source ID")
    return distinct(entries)


def checked_urls(entries: Sequence[str]) -> list[str]:
    """Addresses, each once and none an ID (trap 8); raises InvalidRequest."""
    if not entries:
        raise InvalidRequest("no addresses")
    for entry in entries:
        if not is_url(entry):
            raise InvalidRequest(f"{entry[:80]!r} is not an http(s) address")
    return distinct(entries)


def distinct(entries: Sequence[str]) -> list[str]:
    """The entries as a list; raises InvalidRequest when one stands twice."""
    if len(set(entries)) != len(entries):
        raise InvalidRequest("one entry stands twice in a batch")
    return list(entries)


def is_url(value: str) -> bool:
    """Whether it is an http(s) address with a host and without white space."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    named = parts.scheme in ("http", "https") and bool(parts.hostname)
    return named and not re.search(r"\s", value) and is_sendable(value)


def is_sendable(value: str) -> bool:
    """Whether a text has no lone surrogate: a JSON file may name one, no request can carry it."""
    return not re.search(r"[\ud800-\udfff]", value)
