"""What a call is found by beyond its columns: the sources, external IDs, addresses and provider that it was about.

Written in the transactions of the call's rows: what the request names, then the sources that its answer told of. An
index of the trail, not a part of it: what a page shows is read from the rows.
"""

import hashlib
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.db.models import Max, QuerySet

from fini_admin.audit.models import CallName
from fini_admin.lib.paging import CHUNK

# So many names are looked through for a page of calls.
MOST_NAMED = 2_000
# The keys of request bodies (fini/routes.py) whose lists hold names.
LISTS = ("documentIdsToAdd", "documentIdsToRefresh", "documentIds", "links")
OF_RESOURCES = ("externalId", "originalUrl")


def key_of(name: str) -> str:
    """The hash that a name is stored as."""
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


def provider_name(provider: str) -> str:
    """A provider as a name, told from IDs by its prefix."""
    return f"provider {provider}"


def of_request(route: str, target: str, body: Any) -> set[str]:
    """The names in a request: its path with the query, and its body's JSON."""
    parts = urlsplit(target)
    last = unquote(parts.path.rpartition("/")[2])
    names = {provider_name(one) for one in parse_qs(parts.query).get("source", [])}
    if route == "get":
        names.add(last)
    if route in ("discover", "register"):
        names.add(provider_name(last))
    return names | (_of_body(body) if isinstance(body, dict) else set())


def _of_body(body: dict[str, Any]) -> set[str]:
    listed = [entry for name in LISTS for entry in _list(body.get(name))]
    listed += [held.get(name) for held in _list(body.get("resources")) for name in OF_RESOURCES]
    names = {entry for entry in listed if isinstance(entry, str)}
    return names | ({provider_name(body["source"])} if isinstance(body.get("source"), str) else set())


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def write(chain: str, call: str, names: Iterable[str]) -> None:
    """Store names of a call; those that it has already are left alone."""
    keys = sorted({key_of(name) for name in names if name})
    rows = [CallName(chain=chain, name=key, call=call) for key in keys if call]
    CallName.objects.bulk_create(rows, batch_size=CHUNK, ignore_conflicts=True)


def newest_calls(chain: str, names: Collection[str], *, below: QuerySet[Any, Any] | None = None) -> list[str]:
    """The calls that have one of these names, by the newest MOST_NAMED names; none newer than all of `below`.

    A name is written while its call is in flight, so calls that ended before those of `below` have older names, if
    `below` has more calls than were ever in flight at once.
    """
    found = CallName.objects.filter(chain=chain, name__in=[key_of(name) for name in names])
    if below is not None:
        newest = CallName.objects.filter(chain=chain, call__in=below).aggregate(newest=Max("pk"))["newest"]
        found = found.filter(pk__lte=newest) if newest else found
    return list(found.order_by("-pk").values_list("call", flat=True)[:MOST_NAMED])
