"""What someone picked in a provider's tree, as the resources that register takes, in discovery's order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fini_admin.fini.external_ids import tidy
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import InvalidRequest
from fini_admin.fini.routes import Resource as Wire
from fini_admin.paging import CHUNK, chunks
from fini_admin.sources.models import Resource
from fini_admin.sources.tree import Scope, matching, own_path, resources, upwards

UNTITLED = "Untitled"  # the title that is offered for a resource without one


@dataclass(frozen=True, slots=True)
class Marks:
    """What is picked and what is left out, by the keys of leaves and branches.

    For each leaf the nearest mark decides: its own, else that of the branch it stands in, and so on up to `all`.
    A branch brings those of its leaves that the scope's search and filter find, a leaf that is picked itself comes
    whether or not they do.
    """

    all: bool = False
    leaves: frozenset[int] = frozenset()
    branches: frozenset[int] = frozenset()
    not_leaves: frozenset[int] = frozenset()
    not_branches: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """The resources, each once, and how many of the keys are none of this tree."""

    resources: list[Resource]
    unknown: int


def select(scope: Scope, marks: Marks) -> Selection:
    """The resources that are marked. Another workspace's or provider's keys are as unknown as those that never were."""
    named = dict(by_key(scope, marks.leaves))
    marked = {row.pk: row for row in rows_of(scope, marks.branches | marks.not_branches)}
    unknown = len(marks.leaves - named.keys()) + len(marks.branches - marked.keys())
    if marks.all or marks.branches & marked.keys():
        wanted = {own_path(row): row.pk in marks.branches for row in marked.values()}
        named |= {row.pk: row for row in matching(scope) if is_marked(row, marks, wanted)}
    chosen = sorted(named.values(), key=lambda row: (row.position, row.pk))
    return Selection(once(chosen), unknown)


def rows_of(scope: Scope, keys: Iterable[int]) -> Iterator[Resource]:
    """The rows of these keys, in several queries where they are many."""
    for some in chunks(sorted(keys), CHUNK):
        yield from resources(scope).filter(pk__in=some)


def by_key(scope: Scope, keys: Iterable[int]) -> Iterator[tuple[int, Resource]]:
    """The leaves of these keys."""
    return ((row.pk, row) for row in rows_of(scope, keys) if row.leaf)


def is_marked(row: Resource, marks: Marks, wanted: Mapping[str, bool]) -> bool:
    """Whether a leaf's nearest mark picks it."""
    if row.pk in marks.leaves or row.pk in marks.not_leaves:
        return row.pk in marks.leaves
    return next((wanted[path] for path in upwards(own_path(row)) if path in wanted), marks.all)


def once(rows: Iterable[Resource]) -> list[Resource]:
    """Each resource once, at the first of its places, as the latest listing has it."""
    found: dict[str, Resource] = {}
    for row in rows:
        held = found.get(row.external_id)
        if held is None or held.listed_run < row.listed_run:
            found[row.external_id] = row
    return list(found.values())


def to_send(rows: Iterable[Resource], mime_type: str) -> tuple[list[Wire], list[tuple[int, str]]]:
    """What register takes of them, with `mime_type` for those that discovery gave none; a title may be empty.

    Besides it the numbers of those that cannot be sent, counted from 1, each with the reason.
    """
    sendable, problems = [], []
    for number, row in enumerate(rows, 1):
        title = tidy(row.title)
        wire = Wire(row.external_id, title, row.original_url, type_of(row, mime_type), row.object)
        try:
            replace(wire, title=title or UNTITLED).body()
        except InvalidRequest as error:
            problems.append((number, f"{row.title or row.external_id}: {error}"))
        else:
            sendable.append(wire)
    return sendable, problems


def type_of(row: Resource, mime_type: str) -> str:
    """A resource's own type, else the given one."""
    return row.mime_type if has_own_type(row) else mime_type


def has_own_type(row: Resource) -> bool:
    """Whether discovery itself gave the type. For Zendesk and Confluence the provider's default counts as not given."""
    return bool(row.mime_type) and (
        row.provider == "notion" or row.mime_type != PROVIDERS[row.provider].mime_type
    )
