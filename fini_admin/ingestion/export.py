"""Exports: sources, and what discovery listed."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from fini_admin.audit.chain import utc_text
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.sources.queries import with_lane
from fini_admin.sources.states import ever_ingested
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
    return map(_row_of, mirrored.iterator(1000))


def sources_newest_first(found: QuerySet[Source]) -> Iterator[dict[str, Any]]:
    """The same of sources that match, in the order of their list. No read stays open between two pages of them."""
    mirrored = found.order_by("-pk")
    rows = list(mirrored[:PAGE])
    while rows:
        yield from map(_row_of, rows)
        rows = list(mirrored.filter(pk__lt=rows[-1].pk)[:PAGE])


def _row_of(source: Any) -> dict[str, Any]:
    """A source with its `lane` by the names of the export; one whose record was not read yet, by what is known."""
    lane = source.lane or (None if source.lane is None else "refresh" if ever_ingested(source) else "add")
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
    """What discovery listed of a provider, each resource once, as `register` takes it."""
    listed = DiscoveredResource.objects.filter(workspace=workspace, provider=provider, leaf=True).order_by(
        "position", "pk"
    )
    seen: set[str] = set()
    for resource in listed.iterator(1000):
        if resource.external_id in seen:
            continue
        seen.add(resource.external_id)
        yield {
            "originalUrl": resource.original_url,
            "title": resource.title,
            "externalId": resource.external_id,
            "mimeType": resource.mime_type,
            "object": resource.object,
        }
