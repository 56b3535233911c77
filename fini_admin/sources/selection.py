"""Turns what was selected in a provider's tree into the resources that register takes, in discovery's order.

A selection is a set of leaves. A branch, or everything that a search finds, is resolved to its leaves at the moment it
is selected: later searches and discoveries change nothing.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from django.db.models import Q

from fini_admin.fini.external_ids import strip_unseen
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import InvalidRequest, check_resource
from fini_admin.fini.routes import Resource as Wire
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import DiscoveredResource
from fini_admin.sources.tree import (
    Scope,
    branches,
    first_places,
    listed_leaves,
    matching_leaves,
    own_path,
    upwards,
)

FEW = 50  # so many branches are looked for by the database; beyond, among all leaves
UNTITLED = "Untitled"  # the title that is offered for a resource without one


@dataclass(frozen=True, slots=True)
class Selection:
    """The resources, each once, and how many of the selected keys are not in this tree."""

    resources: list[DiscoveredResource]
    unknown: int


@dataclass(frozen=True, slots=True)
class LeafGroup:
    """Leaves in the same branches: the keys of the branches, outermost first, and of the leaves."""

    branches: tuple[int, ...]
    leaves: list[int] = field(default_factory=list)


def select(scope: Scope, leaves: Collection[int], within: Collection[int] = ()) -> Selection:
    """The resources of these leaves, shown or not, and of those that the scope shows `within` these branches.

    Keys of another workspace or provider count as unknown.
    """
    known = {row.pk for row in _rows_of(scope, within)}
    members = {key for group in leaf_groups(scope, known) for key in group.leaves} if known else set()
    named = dict(_by_key(scope, members.union(leaves)))
    unknown = len(set(leaves) - named.keys()) + len(set(within) - known)
    chosen = sorted(named.values(), key=lambda row: (row.position, row.pk))
    return Selection(_each_once(chosen), unknown)


def leaf_groups(scope: Scope, within: Collection[int] = (), *, every: bool = False) -> list[LeafGroup]:
    """The leaves that the scope shows in these branches, or in the whole tree, by the keys of their resources.

    Only those that the latest discovery lists, unless `every` is set.
    """
    by_path = {own_path(row): row.pk for row in branches(scope).only("path", "external_id")}
    wanted, firsts = set(within), first_places(scope)
    found: dict[tuple[int, ...], LeafGroup] = {}
    rows = (matching_leaves(scope) if every else listed_leaves(scope)).filter(
        _within_branches(within, by_path)
    )
    told = rows.order_by("position", "pk").values_list("pk", "path", "external_id", "id_key")
    for key, path, external_id, id_key in told:
        above = tuple(by_path[at] for at in upwards(f"{path}/{external_id}") if at in by_path)[::-1]
        if not wanted or not wanted.isdisjoint(above):
            group = found.setdefault(above, LeafGroup(above))
            group.leaves.append(firsts.get(id_key, key))
    return list(found.values())


def _within_branches(within: Collection[int], by_path: dict[str, int]) -> Q:
    """A condition that narrows leaves down to a few branches; some that stand elsewhere may remain."""
    paths = [path for path, key in by_path.items() if key in within]
    narrow = Q()
    for path in paths if len(paths) <= FEW else ():
        narrow |= Q(pk=by_path[path]) | Q(path=path) | Q(path__startswith=f"{path}/")
    return narrow


def _rows_of(scope: Scope, keys: Iterable[int]) -> Iterator[DiscoveredResource]:
    """The rows of these keys that belong to the tree, CHUNK keys a query.

    Filtered by key alone: with the workspace in the condition, databases read its whole tree for each query.
    """
    for some in chunks(sorted(keys), CHUNK):
        for row in DiscoveredResource.objects.filter(pk__in=some):
            if row.workspace_id == scope.workspace.pk and row.provider == scope.provider:
                yield row


def _by_key(scope: Scope, keys: Iterable[int]) -> Iterator[tuple[int, DiscoveredResource]]:
    return ((row.pk, row) for row in _rows_of(scope, keys) if row.leaf)


def _each_once(rows: Iterable[DiscoveredResource]) -> list[DiscoveredResource]:
    """Each resource once, at its first place, as the latest listing has it."""
    found: dict[str, DiscoveredResource] = {}
    for row in rows:
        held = found.get(row.id_key)
        if held is None or held.listed_run < row.listed_run:
            found[row.id_key] = row
    return list(found.values())


def to_register(
    rows: Iterable[DiscoveredResource], mime_type: str
) -> tuple[list[Wire], list[tuple[int, str]]]:
    """What register takes of these rows, with `mime_type` where discovery gave none; a title may be empty.

    Also the numbers, counted from 1, of those that cannot be sent, each with the reason.
    """
    sendable, problems = [], []
    for number, row in enumerate(rows, 1):
        title = strip_unseen(row.title)
        wire = Wire(row.external_id, title, row.original_url, _type_of(row, mime_type), row.object)
        try:
            check_resource(replace(wire, title=title or UNTITLED).body())
        except InvalidRequest as error:
            problems.append((number, f"{row.title or row.external_id}: {error}"))
        else:
            sendable.append(wire)
    return sendable, problems


def _type_of(row: DiscoveredResource, mime_type: str) -> str:
    return row.mime_type if has_own_type(row) else mime_type


def has_own_type(row: DiscoveredResource) -> bool:
    """Whether discovery stated the type: for Zendesk and Confluence the provider's default counts as not stated."""
    return bool(row.mime_type) and (
        row.provider == "notion" or row.mime_type != PROVIDERS[row.provider].mime_type
    )
