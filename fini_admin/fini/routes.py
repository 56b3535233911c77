"""Fini's eight Sources routes as requests. What Fini would refuse anyway is refused here, before a call is spent."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from fini_admin.fini import wire
from fini_admin.fini.client import MIB, Request
from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.providers import PROVIDERS, Listing
from fini_admin.fini.wire import SOURCE_ID, Deleted, Document, IdLists, Json, ListPage, is_shortened

T = TypeVar("T")
# The method and the path of each route; {} is the source's ID or the provider that it is about.
ROUTES: dict[str, tuple[str, str]] = {
    "list": ("GET", "/v2/documents/public"),
    "get": ("GET", "/v2/documents/public/{}"),
    "discover": ("GET", "/v2/documents/public/resources/{}"),
    "register": ("POST", "/v2/documents/public/resources/{}"),
    "ingest": ("POST", "/v2/documents/public"),
    "refresh": ("POST", "/v2/documents/public/refresh"),
    "delete": ("DELETE", "/v2/documents/public"),
    "crawl": ("POST", "/v2/documents/public/deep-crawl/links"),
}
CRAWL_LIMIT = 250  # Fini's own, where none is named
WEB = "web"
INGESTIBLE = (WEB, "googledrive", "notion", "zendesk", "confluence")
SOURCES = (WEB, "files", "googledrive", "zendesk", "notion", "confluence")


REQUIRED_NAMES = ("originalUrl", "title", "externalId", "mimeType")
WIRE_NAMES = (*REQUIRED_NAMES, "object")
# A resource by the wire's names: the required ones, and `object` where it has one.
ResourceBody = dict[str, str]


class InvalidRequest(ValueError):
    """The request breaks a rule that can be checked without Fini (T4, T8)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as register takes it: four required fields, and `object` where the provider has one."""

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
        if is_shortened(body[name]):
            raise InvalidRequest(f"{name} was too long to be kept whole")
    for name, value in body.items():
        if not is_sendable(value):
            raise InvalidRequest(f"{name} holds half of a character, which UTF-8 cannot write")


def method_and_path(route: str, about: str) -> tuple[str, str]:
    """A route's method and path; `about` is the source's ID or the provider, for a route whose path names one."""
    method, path = ROUTES[route]
    return method, path.format(quote(about, safe=""))


def _request(route: str, parse: Callable[[Json], T], *, about: str = "", **fields: Any) -> Request[T]:
    return Request(route, *method_and_path(route, about), parse, **fields)


def list_sources(*, limit: int, cursor: str = "", source: str = "") -> Request[ListPage]:
    """A page of the list, newest first; `cursor` is the last ID of the page before."""
    query = {"limit": str(limit)}
    if cursor:
        query |= {"cursor": cursor, "direction": "next"}
    if source:
        query["source"] = source
    return _request("list", partial(ListPage.parse, limit=limit), query=query)


def get_source(source_id: str) -> Request[Document]:
    _checked_ids([source_id])
    return _request("get", partial(Document.parse_that, source_id), about=source_id)


def discover(provider: str) -> Request[Listing]:
    """What can be imported from a connected provider, as one tree."""
    return _request("discover", PROVIDERS[provider].listing, about=provider, most=64 * MIB)


def register(provider: str, resources: Sequence[ResourceBody]) -> Request[IdLists]:
    """Create or update source records. An upsert by `externalId`; it starts no processing."""
    if provider not in PROVIDERS:
        raise InvalidRequest(f"{provider!r} has no register route")
    if not resources:
        raise InvalidRequest("nothing to register")
    for resource in resources:
        check_resource(resource)
    if len({comparison_key(provider, resource["externalId"]) for resource in resources}) != len(resources):
        raise InvalidRequest("one externalId stands twice in a batch")
    # A database may have kept the names in another order.
    body = {"resources": [{name: held[name] for name in WIRE_NAMES if name in held} for held in resources]}
    return _request("register", partial(IdLists.parse, asked=len(resources)), about=provider, body=body)


def ingest(
    source: str,
    *,
    add: Sequence[str],
    refresh: Sequence[str],
    english: bool | None = None,
    baser: bool | None = None,
) -> Request[IdLists]:
    """Start processing, first time (`add`) or again (`refresh`): URLs for `web`, source IDs otherwise (T8).

    `english` and `baser` are Fini's processing options; None leaves them out of the request.
    """
    if source not in INGESTIBLE:
        raise InvalidRequest(f"{source!r} cannot be ingested by the API")
    if not add and not refresh:
        raise InvalidRequest("nothing to ingest")
    entries = [*add, *refresh]
    _checked_urls(entries) if source == WEB else _checked_ids(entries)
    body: dict[str, Json] = {
        "source": source,
        "documentIdsToAdd": list(add),
        "documentIdsToRefresh": list(refresh),
    }
    body |= {name: value for name, value in (("english", english), ("baser", baser)) if value is not None}
    return _request("ingest", partial(IdLists.parse, asked=len(entries)), body=body)


def refresh(source_ids: Sequence[str]) -> Request[list[str]]:
    """Process sources of any provider again, by ID. Fini refuses raw files."""
    parse = partial(wire.parse_refreshed, asked=len(source_ids))
    body = {"documentIds": _checked_ids(source_ids)}
    return _request("refresh", parse, body=body)


def delete(source_ids: Sequence[str], *, with_articles: bool = False) -> Request[Deleted]:
    """Delete sources; the articles made of them only when `with_articles` is set."""
    body = {"documentIds": _checked_ids(source_ids), "deleteArticles": with_articles}
    return _request("delete", partial(Deleted.parse, asked=len(source_ids)), body=body)


def crawl(urls: Sequence[str], *, limit: int = CRAWL_LIMIT) -> Request[list[str]]:
    """Collect the URLs below these, `limit` at most. Stores nothing."""
    body = {"links": _checked_urls(urls), "limit": limit}
    return _request("crawl", partial(wire.parse_crawled, limit=limit), body=body)


def write_probe() -> Request[list[str]]:
    """A crawl without URLs. A key that may write gets 400, one that may not 403; nothing is stored."""
    return _request("crawl", partial(wire.parse_crawled, limit=0), body={"links": []})


def _checked_ids(entries: Sequence[str]) -> list[str]:
    """Source IDs without duplicates or URLs among them (T4, T8); raises InvalidRequest."""
    if not entries:
        raise InvalidRequest("no source IDs")
    for entry in entries:
        if not SOURCE_ID.fullmatch(entry):
            raise InvalidRequest(f"{entry[:80]!r} is not a source ID")
    return _distinct(entries)


def _checked_urls(entries: Sequence[str]) -> list[str]:
    """URLs without duplicates or IDs among them (T8); raises InvalidRequest."""
    if not entries:
        raise InvalidRequest("no addresses")
    for entry in entries:
        if not is_url(entry):
            raise InvalidRequest(f"{entry[:80]!r} is not an http(s) address")
    return _distinct(entries)


def _distinct(entries: Sequence[str]) -> list[str]:
    """Raises InvalidRequest for a duplicate."""
    if len(set(entries)) != len(entries):
        raise InvalidRequest("one entry stands twice in a batch")
    return list(entries)


def is_url(value: str) -> bool:
    """Whether a text is an http(s) URL with a host and, if any, a port, without white space."""
    try:
        parts = urlsplit(value)
        named = (
            parts.scheme in ("http", "https") and bool((parts.hostname or "").strip(".")) and parts.port != 0
        )
    except ValueError:  # its port may be no number, or too large a one
        return False
    return named and not re.search(r"\s", value) and is_sendable(value)


def is_sendable(value: str) -> bool:
    """Whether a text can be written as UTF-8: a JSON file may name half of a surrogate pair."""
    return not re.search(r"[\ud800-\udfff]", value)
