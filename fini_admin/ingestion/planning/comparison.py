"""Compares resources that are about to be registered with the sources in Fini and with discovery's list."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import QuerySet

from fini_admin.fini.addresses import other_id
from fini_admin.fini.external_ids import comparison_key, strip_unseen
from fini_admin.fini.providers import provider_label
from fini_admin.fini.routes import Resource
from fini_admin.fini.same_address import address_key
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources import models
from fini_admin.sources.names import source_name
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
    """Results by position among the compared resources.

    `changes`: the old values of what will differ, for each resource that is in Fini; empty if nothing differs. `twins`:
    which other source or resource has the same address. `unlisted`: positions that discovery did not list; none if it
    never listed anything of the provider. `other_ids`: the external ID in the address, where it is not the resource's.
    """

    changes: dict[int, dict[str, str]] = field(default_factory=dict)
    twins: dict[int, str] = field(default_factory=dict)
    unlisted: list[int] = field(default_factory=list)
    other_ids: dict[int, str] = field(default_factory=dict)


def known_ids(workspace: Workspace, provider: str, external_ids: Collection[str]) -> set[str]:
    """Which of these external IDs sources have, letter for letter."""
    here = _sources(workspace).filter(provider=provider)
    return {
        external_id
        for ids in chunks(sorted(external_ids), CHUNK)
        for external_id in here.filter(external_id__in=ids).values_list("external_id", flat=True)
    }


def completed(
    workspace: Workspace, provider: str, resources: Sequence[Resource], mime_type: str
) -> list[Resource]:
    """The resources as they are sent: with the spelling of the ID that the source has, and its types if none is given.

    A known title or address keeps what stands unseen at its ends, which reading a line takes off. `mime_type`: for new
    resources without one. `object` is filled in: an update without it would remove it in Fini.
    """
    known = _by_id_key(workspace, provider, resources)
    return [
        _completed(resource, known.get(comparison_key(provider, resource.external_id)), mime_type)
        for resource in resources
    ]


def _completed(resource: Resource, source: models.Source | None, mime_type: str) -> Resource:
    if source is None:
        return replace(resource, mime_type=resource.mime_type or mime_type)
    return replace(
        resource,
        external_id=source.external_id,
        title=_as_known(source.title, resource.title),
        original_url=_as_known(source.original_url, resource.original_url),
        mime_type=resource.mime_type or source.mime_type or mime_type,
        object=resource.object or source.kind,
    )


def _as_known(known: str, written: str) -> str:
    return known if strip_unseen(known) == written else written


def compare(
    workspace: Workspace, provider: str, resources: Sequence[Resource], places: Sequence[str] = ()
) -> Comparison:
    """Compare resources of a provider with the workspace's sources and with what discovery listed.

    `places` are what messages call each resource, such as "line 3"; without them their numbers are said.
    """
    found = Comparison()
    known = _by_id_key(workspace, provider, resources)
    listed = _listed_keys(workspace, provider, resources)
    for position, resource in enumerate(resources):
        key = comparison_key(provider, resource.external_id)
        if key in known:
            found.changes[position] = _differences(known[key], resource)
        elif listed is not None and key not in listed:
            found.unlisted.append(position)
        if other := other_id(provider, resource.external_id, resource.original_url):
            found.other_ids[position] = other
    found.twins = _twins(workspace, provider, resources, known, places)
    return found


def _differences(source: models.Source, resource: Resource) -> dict[str, str]:
    """Old values of the fields that will differ; a field that the resource leaves empty stays as it is."""
    pairs = [(name, getattr(source, old), getattr(resource, new)) for old, new, name in COMPARED]
    return {name: old for name, old, new in pairs if new and new != old}


def _twins(
    workspace: Workspace,
    provider: str,
    resources: Sequence[Resource],
    known: Mapping[str, models.Source],
    places: Sequence[str],
) -> dict[int, str]:
    """By position, the source or earlier resource with the same address, in words.

    A source that already has this address under this ID is no twin: registering it again makes no second one.
    """
    keys = [address_key(resource.original_url) for resource in resources]
    taken = sources_by_address(workspace, keys)
    first: dict[str, int] = {}
    twins = {}
    for position, (resource, key) in enumerate(zip(resources, keys, strict=True)):
        own = comparison_key(provider, resource.external_id)
        if own in known and known[own].address_key == key:
            first.setdefault(key, position)
            continue
        other = next((s for s in taken.get(key, ()) if (s.provider, s.id_key) != (provider, own)), None)
        if other:
            twins[position] = (
                f"its address is that of the source “{source_name(other)[:80]}” ({_name(other)})"
            )
        elif key in first:
            place = places[first[key]] if places else f"resource {first[key] + 1:,}"
            twins[position] = (
                f"its address is that of {place} (external ID {resources[first[key]].external_id})"
            )
        else:
            first[key] = position
    return twins


def _name(source: models.Source) -> str:
    return f"{provider_label(source.provider)}, {source.external_id or source.fini_id}, {source.get_state_display()}"


def _sources(workspace: Workspace) -> QuerySet[models.Source]:
    """The workspace's sources, without those that are gone."""
    return models.Source.objects.filter(workspace=workspace).exclude(state=State.GONE)


def _by_id_key(
    workspace: Workspace, provider: str, resources: Sequence[Resource]
) -> dict[str, models.Source]:
    """Sources by comparison key of these external IDs; the latest, if several have the same."""
    fields = ("external_id", "id_key", "address_key", *(old for old, _, _ in COMPARED))
    here = _sources(workspace).filter(provider=provider)
    return {
        source.id_key: source
        for keys in _id_keys(provider, resources)
        for source in here.filter(id_key__in=keys).only(*fields).order_by("pk")
    }


def sources_by_address(workspace: Workspace, keys: Iterable[str]) -> dict[str, list[models.Source]]:
    """Sources of every provider by comparison key of these addresses."""
    fields = ("fini_id", "provider", "external_id", "id_key", "address_key", "title", "state")
    found: dict[str, list[models.Source]] = {}
    for some in chunks(sorted(set(keys) - {""}), CHUNK):
        for source in _sources(workspace).filter(address_key__in=some).only(*fields).order_by("pk"):
            found.setdefault(source.address_key, []).append(source)
    return found


def _listed_keys(workspace: Workspace, provider: str, resources: Sequence[Resource]) -> set[str] | None:
    """The comparison keys of these external IDs that discovery listed; None if it never listed any of the provider."""
    here = models.DiscoveredResource.objects.filter(workspace=workspace, provider=provider, leaf=True)
    if not here.exists():
        return None
    return {
        key
        for keys in _id_keys(provider, resources)
        for key in here.filter(id_key__in=keys).values_list("id_key", flat=True)
    }


def _id_keys(provider: str, resources: Sequence[Resource]) -> Iterator[list[str]]:
    """The comparison keys of the external IDs, CHUNK at a time."""
    for batch in chunks(resources, CHUNK):
        yield [comparison_key(provider, resource.external_id) for resource in batch]
