"""A provider's tree as discovery listed it, with what each resource is in Fini by now (T9).

Discovery leaves out what was imported, but its rows stay, so the tree holds both. Reading it takes a fixed number of
queries whatever its size: the leaves counted by path, the rows of the branches that are open, and their sources.

A branch is known by its path: the IDs from the root down to its own. A leaf that holds leaves (a Confluence page) is
a branch, and the first row in it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    Min,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    Window,
)
from django.db.models.functions import Concat, RowNumber

from fini_admin.fini.routes import is_url
from fini_admin.lib.paging import RowCount
from fini_admin.sources.models import DiscoveredResource, Source
from fini_admin.sources.search import matches
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.queries import facts

ROOT = ""
ROWS = 200  # of a branch at first, and as many more each time they are asked for
PAGES = 50  # so often at most: who has not found it among 10,000 rows searches
AT_ONCE = 50  # so few finds are shown with every branch above them open


@dataclass(frozen=True, slots=True)
class Scope:
    """Which leaves of a provider's tree: those that `search` finds; with `new` only those that are not in Fini.

    `listed` is the number of the latest discover run that succeeded.
    """

    workspace: Workspace
    provider: str
    listed: int
    search: str = ""
    new: bool = False


@dataclass(slots=True)
class LeafCounts:
    """How many leaves; how many are not in Fini; how many the latest discovery lists.

    The last are what a branch's box and *Select all* select.
    """

    total: int = 0
    new: int = 0
    listed: int = 0


@dataclass(slots=True)
class Level:
    """An open branch: its rows, how many more there are, and how many times ROWS are shown."""

    rows: list["TreeRow"] = field(default_factory=list)
    more: int = 0
    pages: int = 1

    @property
    def next_rows(self) -> int:
        """How many rows are added when more are asked for."""
        return min(self.more, ROWS) if self.pages < PAGES else 0


@dataclass(slots=True)
class TreeRow:
    """A leaf with its source, or a branch with its counts and, if it is open, its level.

    A leaf is selected by `key`, which is the same at every place of its resource. `listed`: by the latest discovery.
    """

    resource: DiscoveredResource
    source: Source | None = None
    key: int = 0
    listed: bool = True
    number: LeafCounts | None = None
    level: Level | None = None

    @property
    def address(self) -> str:
        """The original's address, if a browser may be sent there."""
        url = self.resource.original_url
        return url if is_url(url) else ""

    @property
    def in_fini(self) -> bool:
        """Whether Fini has it, as far as is known."""
        return self.source is not None and self.source.state != State.GONE


@dataclass(frozen=True, slots=True)
class Tree:
    """The rows at the root, and how many resources match in all. `few`: every branch above a match is open."""

    level: Level
    number: LeafCounts
    few: bool


def _all_rows(scope: Scope) -> QuerySet[DiscoveredResource]:
    return DiscoveredResource.objects.filter(workspace=scope.workspace, provider=scope.provider)


def leaves(scope: Scope) -> QuerySet[DiscoveredResource]:
    """The leaves, with `new`: listed by the latest discovery and not in Fini.

    A resource that is now listed elsewhere has moved: its old place is left out.
    """
    # Subqueries that do not depend on the row: PostgreSQL hashes them, also before it knows a new table's numbers.
    held = sources(scope).exclude(state=State.GONE).values("id_key")
    listed = Q(listed_run__gte=scope.listed)
    places = _all_rows(scope).filter(leaf=True)
    elsewhere = places.filter(listed).values("external_id")
    new = ExpressionWrapper(listed & ~Q(id_key__in=held), output_field=BooleanField())
    return places.filter(listed | ~Q(external_id__in=elsewhere)).annotate(new=new)


def sources(scope: Scope) -> QuerySet[Source]:
    return Source.objects.filter(workspace=scope.workspace, provider=scope.provider)


def matching_leaves(scope: Scope) -> QuerySet[DiscoveredResource]:
    """The leaves of the scope: those that match themselves, and those in a branch that matches."""
    found = leaves(scope).filter(Q(new=True)) if scope.new else leaves(scope)
    if not scope.search:
        return found
    hit = matches(scope.search)
    below = _paths_below(scope, [own_path(row) for row in _all_rows(scope).filter(hit, leaf=False)])
    return found.filter(hit | Q(path__in=below) if below else hit)


def listed_leaves(scope: Scope) -> QuerySet[DiscoveredResource]:
    """The leaves of the scope that the latest discovery lists."""
    return matching_leaves(scope).filter(listed_run__gte=scope.listed)


def first_places(scope: Scope, external_ids: Collection[str] | None = None) -> dict[str, int]:
    """By external ID, the key of the first place of each resource that stands in several."""
    places = leaves(scope).order_by()
    if external_ids is not None:
        places = places.filter(external_id__in=external_ids)
    counted = places.values("external_id").annotate(first=Min("pk"), number=Count("pk")).filter(number__gt=1)
    return dict(counted.values_list("external_id", "first"))


def _paths_below(scope: Scope, branches: Sequence[str]) -> list[str]:
    """The paths in or below these branches at which leaves stand."""
    if not branches:
        return []
    wanted = set(branches)
    paths = _all_rows(scope).filter(leaf=True).order_by().values_list("path", flat=True).distinct()
    return [path for path in paths if not wanted.isdisjoint(upwards(path))]


def upwards(path: str) -> Iterator[str]:
    """A path and those above it, without the root. An ID with a slash makes one that is no branch: no harm."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def own_path(row: DiscoveredResource) -> str:
    """The path of what a branch holds."""
    return f"{row.path}/{row.external_id}"


def branches(scope: Scope) -> QuerySet[DiscoveredResource]:
    """Containers, and leaves that hold others."""
    return _with_holding(scope, _all_rows(scope)).filter(Q(leaf=False) | Q(holding=True))


def _with_holding(scope: Scope, rows: QuerySet[DiscoveredResource]) -> QuerySet[DiscoveredResource]:
    """Add `holding`: whether other rows stand in this one."""
    own = Concat("path", Value("/"), "external_id", output_field=TextField())
    paths = _all_rows(scope).values("path")
    inside = ExpressionWrapper(Q(own__in=paths), output_field=BooleanField())
    return rows.alias(own=own).annotate(holding=inside)


def branch_of(scope: Scope, key: int) -> DiscoveredResource | None:
    return branches(scope).filter(pk=key).first()


def read(scope: Scope, opened: Mapping[int, int]) -> Tree:
    """The tree with the branches open whose keys are in `opened`, each with its number of pages; 0 is the root."""
    reading = TreeReader(scope)
    number = _read_totals([_total(reading.found, scope)]).get(scope.provider, LeafCounts())
    few = bool(scope.search) and number.total <= AT_ONCE
    pages = {ROOT: 1} | (dict.fromkeys(reading.below, 1) if few else {}) | _paths_of(scope, opened)
    return Tree(reading.levels(pages)[ROOT], number, few)


def read_branch(scope: Scope, branch: DiscoveredResource, pages: int) -> Level:
    path = own_path(branch)
    reading = TreeReader(scope, path)
    return reading.levels({path: pages}, reading.found.filter(pk=branch.pk))[path]


def _paths_of(scope: Scope, opened: Mapping[int, int]) -> dict[str, int]:
    """The open branches by path."""
    rows = _all_rows(scope).filter(pk__in=[key for key in opened if key]).only("path", "external_id")
    pages = {own_path(row): opened[row.pk] for row in rows}
    return pages | ({ROOT: opened[0]} if 0 in opened else {})


def totals(scopes: Iterable[Scope]) -> dict[str, LeafCounts]:
    """How many resources each scope holds, as its tree counts them, by provider; what holds none is left out."""
    return _read_totals([_total(matching_leaves(scope), scope) for scope in scopes])


def _read_totals(counted: Sequence[QuerySet[Any, Any]]) -> dict[str, LeafCounts]:
    rows = counted[0].union(*counted[1:], all=True) if counted else ()
    return {provider: LeafCounts(*numbers) for provider, *numbers in rows}


def _total(found: QuerySet[DiscoveredResource], scope: Scope) -> QuerySet[Any, Any]:
    """The row of a provider and how many resources these leaves are; one at two places counts once."""
    total, new = Count("external_id", distinct=True), Count("external_id", distinct=True, filter=Q(new=True))
    now = Count("external_id", distinct=True, filter=Q(listed_run__gte=scope.listed))
    counted = found.order_by().values("provider").annotate(all=total, fresh=new, now=now)
    return counted.values_list("provider", "all", "fresh", "now")


class TreeReader:
    """Reads a scope's leaves, counted by path: `at` holds the leaves at a path, `below` also those deeper.

    `only` restricts the count to one branch.
    """

    def __init__(self, scope: Scope, only: str = ROOT) -> None:
        self.scope = scope
        self.found = matching_leaves(scope)
        self.at: dict[str, int] = {}
        self.below: dict[str, LeafCounts] = {}
        every, fresh = Count("pk"), Count("pk", filter=Q(new=True))
        now = Count("pk", filter=Q(listed_run__gte=scope.listed))
        within = Q(path=only) | Q(path__startswith=f"{only}/") if only else Q()
        counted = self.found.filter(within).order_by().values("path")
        numbers = counted.annotate(every=every, fresh=fresh, now=now)
        for path, total, new, listed in numbers.values_list("path", "every", "fresh", "now"):
            self.at[path] = total
            for branch in upwards(path):
                number = self.below.setdefault(branch, LeafCounts())
                number.total, number.new = number.total + total, number.new + new
                number.listed += listed

    def levels(
        self, pages: Mapping[str, int], parents: Iterable[DiscoveredResource] = ()
    ) -> dict[str, Level]:
        """The open branches by path, each hanging in the row of the one above.

        `parents` are leaves that hold one of these levels while the level that they stand in is not open.
        """
        levels = {path: Level(more=self.at.get(path, 0), pages=times) for path, times in pages.items()}
        plain, holding = self.leaves(pages)
        rows = [TreeRow(leaf) for leaf in plain] + self.branches(levels, holding)
        for row in sorted(rows, key=lambda row: (row.resource.position, row.resource.pk)):
            levels[row.resource.path].rows.append(row)
        for level in levels.values():
            level.rows = level.rows[: ROWS * level.pages]
            level.more -= len(level.rows)
        for leaf in [*(leaf for leaf, _ in holding.values()), *parents]:
            if own_path(leaf) in levels:
                levels[own_path(leaf)].rows.insert(0, TreeRow(leaf))
        self.add_sources([row for level in levels.values() for row in level.rows if not row.number])
        return levels

    def leaves(
        self, pages: Mapping[str, int]
    ) -> tuple[list[DiscoveredResource], dict[int, tuple[DiscoveredResource, bool]]]:
        """The leaves to show at these paths, and apart all that hold others, by key, each with `new`."""
        rows = _with_holding(self.scope, self.found.filter(path__in=pages)).annotate(
            fresh=F("new"), holds=F("holding")
        )
        place = Window(RowNumber(), partition_by=[F("path"), F("holding")], order_by=["position", "pk"])
        most = ROWS * max(pages.values())
        read = list(rows.annotate(place=place).filter(Q(holding=True) | Q(place__lte=most)))
        return [row for row in read if not row.holds], {row.pk: (row, row.fresh) for row in read if row.holds}

    def branches(
        self, levels: Mapping[str, Level], holding: Mapping[int, tuple[DiscoveredResource, bool]]
    ) -> list[TreeRow]:
        """Rows of the branches at these levels with their counts; a branch that is a leaf counts itself."""
        rows = []
        for branch in branches(self.scope).filter(path__in=levels):
            below = self.below.get(own_path(branch), LeafCounts())
            if branch.pk in holding:
                itself = branch.listed_run >= self.scope.listed
                number = LeafCounts(below.total + 1, below.new + holding[branch.pk][1], below.listed + itself)
            elif below.total or self.shown_empty(branch):
                number = below
                levels[branch.path].more += 1
            else:
                continue
            rows.append(TreeRow(branch, number=number, level=levels.get(own_path(branch))))
        return rows

    def shown_empty(self, branch: DiscoveredResource) -> bool:
        """Whether a branch without leaves gets a row: discovery lists it, and nothing narrows the tree."""
        narrow = self.scope.search or self.scope.new
        return not narrow and not branch.leaf and branch.listed_run >= self.scope.listed

    def add_sources(self, rows: Sequence[TreeRow]) -> None:
        """Give each of these leaves its source, and the key by which it is selected.

        Of several sources the newest that is not gone counts.
        """
        keys = {row.resource.id_key for row in rows}
        found = sources(self.scope).filter(id_key__in=keys).order_by("pk")
        held = sorted(found, key=lambda source: source.state != State.GONE)
        by_key = {source.id_key: source for source in held}
        firsts = first_places(self.scope, {row.resource.external_id for row in rows})
        for row in rows:
            row.source = by_key.get(row.resource.id_key)
            row.key = firsts.get(row.resource.external_id, row.resource.pk)
            row.listed = row.resource.listed_run >= self.scope.listed


def version(scope: Scope) -> str:
    """A text that changes whenever the tree may look different: a new listing, a new state, a record read at last.

    Constant work: while very many records are unread, their states change anyway.
    """
    changed = Source.objects.filter(workspace=scope.workspace).order_by("-state_since")
    found = facts(
        scope.workspace.pk,
        latest=Subquery(changed.values("state_since")[:1]),
        unread=RowCount(sources(scope).filter(external_id="")),
    )
    return f"{scope.listed}.{found['latest']}.{found['unread']}"
