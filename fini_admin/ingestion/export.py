"""Exports: sources, and what discovery listed."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from fini_admin.audit.chain import utc_text
from fini_admin.ingestion.entries import lane_of
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.sources.queries import with_lane
from fini_admin.sources.selection import has_own_type
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

PAGE = 1000
NAMES = [
    "id",
    "source",
    "externalId",
    "title",
    "originalUrl",
    "mimeType",
    "object",
    "state",
    "lane",
    "run",
    "first_seen",
    "last_seen",
    "changed_since",
]


def all_sources(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """Every source of a workspace as `export_sources` prints it, oldest first."""
    mirrored = with_lane(Source.objects.filter(workspace=workspace)).order_by("pk")
    return map(_row_of, mirrored.iterator(PAGE))


def sources_newest_first(found: QuerySet[Source]) -> Iterator[dict[str, Any]]:
    """The same of sources that match, in the order of their list. No read stays open between two pages of them."""
    mirrored = found.order_by("-pk")
    rows = list(mirrored[:PAGE])
    while rows:
        yield from map(_row_of, rows)
        rows = list(mirrored.filter(pk__lt=rows[-1].pk)[:PAGE])


def _row_of(source: Any) -> dict[str, Any]:
    """A source with its `lane` by the names of the export; one whose record was not read yet, by what is known."""
    lane = source.lane or (None if source.lane is None else lane_of(source))
    return {
        "id": source.fini_id,
        "source": source.provider,
        "externalId": source.external_id,
        "title": source.title,
        "originalUrl": source.original_url,
        "mimeType": source.mime_type,
        "object": source.kind,
        "state": source.state,
        "lane": lane,
        "run": source.run,
        "first_seen": utc_text(source.first_seen),
        "last_seen": utc_text(source.last_seen),
        "changed_since": utc_text(source.changed_at) if source.changed_at else None,
    }


def resources(workspace: Workspace, provider: str) -> Iterator[dict[str, str]]:
    """What discovery listed of a provider, as `register` takes it: each resource once, as the latest listing has it.

    Of what the latest discovery left out, only what is in Fini: anything else the provider removed. A type that is the
    provider's default was not stated.
    """
    leaves = DiscoveredResource.objects.filter(workspace=workspace, provider=provider, leaf=True)
    newest = dict(leaves.order_by().values_list("external_id").annotate(Max("listed_run")))
    latest = max(newest.values(), default=0)
    same = Source.objects.filter(workspace=workspace, provider=provider, id_key=OuterRef("id_key"))
    known = leaves.filter(Q(listed_run=latest) | Exists(same.exclude(state=State.GONE)))
    for resource in known.order_by("position", "pk").iterator(PAGE):
        if newest.get(resource.external_id) != resource.listed_run:
            continue
        del newest[resource.external_id]
        yield {
            "originalUrl": resource.original_url,
            "title": resource.title,
            "externalId": resource.external_id,
            "mimeType": resource.mime_type if has_own_type(resource) else "",
            "object": resource.object,
        }
