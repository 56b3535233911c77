"""A provider's tree as discovery listed it, with what each resource is in Fini by now (T9).

Discovery leaves out what was imported, but its rows stay, so the tree holds both. Reading it takes a fixed number of
queries whatever its size: the leaves counted by path, the rows of the branches that are open, and their sources.

A branch is known by its path: the IDs from the root down to its own. A leaf that holds leaves (a Confluence page) is
a branch, and the first row in it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
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

ROOT = ""
ROWS = 200  # of a branch at first, and as many more each time they are asked for
PAGES = 50  # so often at most: who has not found it among 10,000 rows searches
AT_ONCE = 50  # so few finds are shown with every branch above them open
OWN_PATH = Concat("path", Value("/"), "external_id", output_field=TextField())


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


class HeldSource(NamedTuple):
    """What a row shows of its source."""

    fini_id: str
    state: str


@dataclass(slots=True)
class TreeRow:
    """A leaf with its source, or a branch with its counts and, if it is open, its level.

    A leaf is selected by `key`, which is the same at every place of its resource. `listed`: by the latest discovery.
    """

    resource: DiscoveredResource
    source: HeldSource | None = None
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

    A resource that is now listed elsewhere, or under another spelling of its ID, has moved: its old place is left out.
    """
    # Subqueries that do not depend on the row: PostgreSQL hashes them, also before it knows a new table's numbers.
    places = _all_rows(scope).filter(leaf=True)
    elsewhere = places.filter(_listed(scope)).values("id_key")
    return places.filter(_listed(scope) | ~Q(id_key__in=elsewhere)).annotate(new=_is_new(scope))


def _listed(scope: Scope) -> Q:
    """Listed by the latest discovery."""
    return Q(listed_run__gte=scope.listed)


def _is_new(scope: Scope) -> "ExpressionWrapper[Q]":
    """Listed by the latest discovery and not in Fini."""
    held = sources(scope).exclude(state=State.GONE).values("id_key")
    return ExpressionWrapper(_listed(scope) & ~Q(id_key__in=held), output_field=BooleanField())


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
    return matching_leaves(scope).filter(_listed(scope))


def first_places(scope: Scope) -> dict[str, int]:
    """By `id_key`, the key of the first place of each resource that stands in several."""
    places = leaves(scope).order_by().values("id_key")
    counted = places.annotate(first=Min("pk"), number=Count("pk")).filter(number__gt=1)
    return dict(counted.values_list("id_key", "first"))


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
    """The path of what a branch holds; OWN_PATH is the same for a query."""
    return f"{row.path}/{row.external_id}"


def branches(scope: Scope) -> QuerySet[DiscoveredResource]:
    """Containers, and leaves that hold others."""
    return _with_holding(scope, _all_rows(scope)).filter(Q(leaf=False) | Q(holding=True))


def _with_holding(scope: Scope, rows: QuerySet[DiscoveredResource]) -> QuerySet[DiscoveredResource]:
    """Add `holding`: whether other rows stand in this one."""
    paths = _all_rows(scope).values("path")
    inside = ExpressionWrapper(Q(own__in=paths), output_field=BooleanField())
    return rows.alias(own=OWN_PATH).annotate(holding=inside)


def branch_of(scope: Scope, key: int) -> DiscoveredResource | None:
    return branches(scope).filter(pk=key).first()


def read(scope: Scope, opened: Mapping[int, int]) -> Tree:
    """The tree with the branches open whose keys are in `opened`, each with its number of pages; 0 is the root."""
    reading = TreeReader(scope, opened=opened)
    few = bool(scope.search) and reading.number.total <= AT_ONCE
    pages = {ROOT: 1} | (dict.fromkeys(reading.below, 1) if few else {})
    pages |= {path: opened[key] for path, key in reading.opened.items()}
    return Tree(reading.levels(pages | ({ROOT: opened[0]} if 0 in opened else {}))[ROOT], reading.number, few)


def read_branch(scope: Scope, branch: DiscoveredResource, pages: int) -> Level:
    path = own_path(branch)
    reading = TreeReader(scope, path)
    return reading.levels({path: pages}, reading.found.filter(pk=branch.pk))[path]


def totals(scopes: Iterable[Scope]) -> dict[str, LeafCounts]:
    """How many resources each scope holds, as its tree counts them, by provider; what holds none is left out."""
    counted = [_total(matching_leaves(scope), scope) for scope in scopes]
    rows = counted[0].union(*counted[1:], all=True) if counted else ()
    return {provider: LeafCounts(*numbers) for _, provider, *numbers in rows}


def _total(found: QuerySet[DiscoveredResource], scope: Scope) -> QuerySet[Any, Any]:
    """The row of a provider and how many resources these leaves are; one at two places counts once."""
    return _counted(found, scope, "provider", partial(Count, "id_key", distinct=True))


def _counted(
    found: QuerySet[DiscoveredResource], scope: Scope, by: str, count: Callable[..., Count]
) -> QuerySet[Any, Any]:
    """Rows of what is counted by, its value, and how many there are, are not in Fini, and are listed now."""
    groups = found.order_by().values(by).annotate(kind=Value(by), every=count())
    counted = groups.annotate(fresh=count(filter=Q(new=True)), now=count(filter=_listed(scope)))
    rows: QuerySet[Any, Any] = counted.values_list("kind", by, "every", "fresh", "now")
    return rows


class ReadRow(NamedTuple):
    """A row at an open path: whether the scope shows it as a leaf, whether it is new, whether others stand in it."""

    resource: DiscoveredResource
    shown: bool
    new: bool
    holds: bool


class TreeReader:
    """Reads a scope's leaves, counted by path: `at` holds the leaves at a path, `below` also those deeper.

    `number` counts the resources of the scope. `opened` holds the keys of these branches by their paths. With `only`
    there is nothing but one branch's counts by path.
    """

    def __init__(self, scope: Scope, only: str = ROOT, opened: Collection[int] = ()) -> None:
        self.scope = scope
        self.found = matching_leaves(scope)
        self.number = LeafCounts()
        self.at: dict[str, int] = {}
        self.below: dict[str, LeafCounts] = {}
        self.opened: dict[str, int] = {}
        within = Q(path=only) | Q(path__startswith=f"{only}/") if only else Q()
        by_path = _counted(self.found.filter(within), scope, "path", partial(Count, "pk"))
        keys = _all_rows(scope).filter(pk__in=opened).annotate(kind=Value("opened"), own=OWN_PATH)
        paths = keys.values_list("kind", "own", "pk", Value(0), Value(0))
        whole = () if only else (_total(self.found, scope), paths)
        for kind, text, *numbers in by_path.union(*whole, all=True):
            if kind == "path":
                self._add(text, LeafCounts(*numbers))
            elif kind == "provider":
                self.number = LeafCounts(*numbers)
            else:
                self.opened[text] = numbers[0]

    def _add(self, path: str, counted: LeafCounts) -> None:
        self.at[path] = counted.total
        for branch in upwards(path):
            number = self.below.setdefault(branch, LeafCounts())
            number.total, number.new = number.total + counted.total, number.new + counted.new
            number.listed += counted.listed

    def levels(
        self, pages: Mapping[str, int], parents: Iterable[DiscoveredResource] = ()
    ) -> dict[str, Level]:
        """The open branches by path, each hanging in the row of the one above.

        `parents` are leaves that hold one of these levels while the level that they stand in is not open.
        """
        levels = {path: Level(more=self.at.get(path, 0), pages=times) for path, times in pages.items()}
        read = self.rows(pages)
        for one in read:
            levels[one.resource.path].rows += self.shown(one, levels)
        for level in levels.values():
            level.rows = level.rows[: ROWS * level.pages]
            level.more -= len(level.rows)
        for leaf in [*(one.resource for one in read if one.shown and one.holds), *parents]:
            if own_path(leaf) in levels:
                levels[own_path(leaf)].rows.insert(0, TreeRow(leaf))
        self.add_sources([row for level in levels.values() for row in level.rows if not row.number])
        return levels

    def rows(self, pages: Mapping[str, int]) -> list[ReadRow]:
        """The rows at these paths in their order: all branches, and as many leaves as may be shown."""
        found = Q(pk__in=self.found.filter(path__in=pages).values("pk"))
        shown = ExpressionWrapper(found, output_field=BooleanField())
        rows = _with_holding(self.scope, _all_rows(self.scope).filter(path__in=pages))
        place = Window(RowNumber(), [F("path"), F("leaf"), F("shown"), F("holding")], ["position", "pk"])
        told = rows.annotate(shown=shown, new=_is_new(self.scope)).annotate(
            place=place, is_shown=F("shown"), is_new=F("new"), holds=F("holding")
        )
        leaves = Q(is_shown=True, place__lte=ROWS * max(pages.values()))
        read = told.filter(Q(leaf=False) | Q(holds=True) | leaves).order_by("position", "pk")
        return [ReadRow(row, row.is_shown, row.is_new, row.holds) for row in read]

    def shown(self, read: ReadRow, levels: Mapping[str, Level]) -> list[TreeRow]:
        """The row, if it is shown: a leaf, or a branch with its counts. A leaf that holds others counts itself."""
        row, below = read.resource, self.below.get(own_path(read.resource), LeafCounts())
        if row.leaf and not read.holds:
            return [TreeRow(row)]
        if read.shown:
            itself = row.listed_run >= self.scope.listed
            number = LeafCounts(below.total + 1, below.new + read.new, below.listed + itself)
        elif below.total or self.shown_empty(row):
            number = below
            levels[row.path].more += 1
        else:
            return []
        return [TreeRow(row, number=number, level=levels.get(own_path(row)))]

    def shown_empty(self, branch: DiscoveredResource) -> bool:
        """Whether a branch without leaves gets a row: discovery lists it, and nothing narrows the tree."""
        narrow = self.scope.search or self.scope.new
        return not narrow and not branch.leaf and branch.listed_run >= self.scope.listed

    def add_sources(self, rows: Sequence[TreeRow]) -> None:
        """Give each of these leaves its source, and the key by which it is selected.

        Of several sources the newest that is not gone counts.
        """
        gone = ExpressionWrapper(Q(state=State.GONE), output_field=BooleanField())
        held = sources(self.scope).filter(id_key=OuterRef("id_key")).order_by(gone, "-pk")
        same = leaves(self.scope).filter(id_key=OuterRef("id_key"))
        found = DiscoveredResource.objects.filter(pk__in=[row.resource.pk for row in rows]).annotate(
            first=Subquery(same.order_by("pk").values("pk")[:1]),
            fini_id=Subquery(held.values("fini_id")[:1]),
            state=Subquery(held.values("state")[:1]),
        )
        told = {pk: rest for pk, *rest in found.values_list("pk", "first", "fini_id", "state")}
        for row in rows:
            first, fini_id, state = told[row.resource.pk]
            row.source = HeldSource(fini_id, state) if fini_id else None
            row.key = first or row.resource.pk
            row.listed = row.resource.listed_run >= self.scope.listed


def questions(scope: Scope) -> dict[str, Subquery]:
    """What `version` is made of, for `workspaces.queries.facts`: the same work however many sources there are."""
    changed = Source.objects.filter(workspace=scope.workspace).order_by("-state_since")
    return {
        "latest": Subquery(changed.values("state_since")[:1]),
        "unread": RowCount(sources(scope).filter(external_id="")),
    }


def version(scope: Scope, answers: Mapping[str, Any]) -> str:
    """A text that changes whenever the tree may look different: a new listing, a new state, a record read at last.

    While more records are unread than are counted, their states change anyway.
    """
    return f"{scope.listed}.{answers['latest']}.{answers['unread']}"
