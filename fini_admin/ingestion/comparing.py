"""What is about to be registered against what is in Fini: what is new, what will be updated, and in what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fini_admin.fini.routes import Resource
from fini_admin.paging import CHUNK, chunks
from fini_admin.sources import models
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

# Our name of a source's field, the resource's, and how a page calls it.
COMPARED = (
    ("title", "title", "title"),
    ("original_url", "original_url", "address"),
    ("mime_type", "mime_type", "MIME type"),
    ("kind", "object", "type"),
)


@dataclass(slots=True)
class Comparison:
    """By position in what was compared: the old values of what will differ, and what discovery did not list.

    What is in Fini already has an entry in `changes`, an empty one when nothing differs. Where discovery never
    listed anything of the provider, nothing can be unlisted.
    """

    changes: dict[int, dict[str, str]] = field(default_factory=dict)
    unlisted: list[int] = field(default_factory=list)


def compare(workspace: Workspace, provider: str, resources: Sequence[Resource]) -> Comparison:
    """Compare resources of a provider with the workspace's sources and with what discovery listed."""
    found = Comparison()
    known = sources_of(workspace, provider, resources)
    listed = listed_of(workspace, provider, resources)
    for position, resource in enumerate(resources):
        source = known.get(resource.external_id)
        if source is not None:
            found.changes[position] = differences(source, resource)
        elif listed is not None and resource.external_id not in listed:
            found.unlisted.append(position)
    return found


def differences(source: models.Source, resource: Resource) -> dict[str, str]:
    """The old values of what will differ; what the resource does not say stays as it is."""
    pairs = [(name, getattr(source, old), getattr(resource, new)) for old, new, name in COMPARED]
    return {name: old for name, old, new in pairs if new and new != old}


def sources_of(
    workspace: Workspace, provider: str, resources: Sequence[Resource]
) -> dict[str, models.Source]:
    """The sources with these external IDs, the latest where there are several; what is gone is no source any more."""
    fields = ("external_id", *(old for old, _, _ in COMPARED))
    here = models.Source.objects.filter(workspace=workspace, provider=provider).exclude(state=State.GONE)
    return {
        source.external_id: source
        for ids in ids_of(resources)
        for source in here.filter(external_id__in=ids).only(*fields).order_by("pk")
    }


def listed_of(workspace: Workspace, provider: str, resources: Sequence[Resource]) -> set[str] | None:
    """Which of these external IDs discovery listed; None when it never listed any of the provider."""
    here = models.Resource.objects.filter(workspace=workspace, provider=provider, leaf=True)
    if not here.exists():
        return None
    return {
        external_id
        for ids in ids_of(resources)
        for external_id in here.filter(external_id__in=ids).values_list("external_id", flat=True)
    }


def ids_of(resources: Sequence[Resource]) -> Iterator[list[str]]:
    """The external IDs in the pieces that one query takes."""
    for batch in chunks(resources, CHUNK):
        yield [resource.external_id for resource in batch]
