"""The rows of previews: what they are made of, and some of a group as the page shows them."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Min, Q

from fini_admin.fini.routes import Resource
from fini_admin.ingestion.models import Preview, PreviewRow, RowGroupName, RunKind
from fini_admin.ingestion.planning.chosen import is_chosen
from fini_admin.ingestion.planning.comparison import COMPARED, Comparison
from fini_admin.ingestion.planning.preview_answers import LET_IN, PICKED, PostedAnswer
from fini_admin.ingestion.resource_rules import FIELDS
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source

SHOWN = 50
# A page that is shown again begins at its head, unless what was touched reaches further down than this.
_FROM_THE_HEAD = 20 * SHOWN
# What a page calls a field that differs, and the field's name on the wire.
_NAMES = {label: wire for _, own, label in COMPARED for wire, name in FIELDS.items() if name == own}
# In the order of the page; in the first a row can be left out, in the next two one let in.
GROUPS: dict[str, str] = {
    RowGroupName.UPDATE: "will be updated",
    RowGroupName.SAME: "unchanged: in Fini already, and left out. Tick what is to be registered all the same",
    RowGroupName.TWIN: (
        "left out: the address belongs to another source or line. Tick what is to be registered all the same"
    ),
    RowGroupName.DUPLICATE: "left out: the same external ID stands further up",
    RowGroupName.INVALID: "left out: invalid",
    RowGroupName.NEW: "new",
}

# What differs where the rows are addresses.
WEB_GROUPS: dict[str, str] = {
    RowGroupName.TWIN: (
        "left out: the same page as a source or another address. Tick what is to be ingested all the same"
    ),
    RowGroupName.DUPLICATE: "left out: in Fini already, with another run, or further up",
}


def register_rows(
    resources: Sequence[Resource], untitled: Collection[int], found: Comparison
) -> Iterator[PreviewRow]:
    """A row for each resource, in the order given; in its group those stand first whose title is asked for."""
    groups = [_group_of(position, found) for position in range(len(resources))]
    at_head = Counter(groups[position] for position in untitled)
    numbers: Counter[tuple[str, bool]] = Counter()
    unlisted, place = set(found.unlisted), 0
    for position, (resource, group) in enumerate(zip(resources, groups, strict=True)):
        asked = position in untitled
        said = {
            "was": found.changes.get(position),
            "twin": found.twins.get(position),
            "untitled": asked,
            "unlisted": position in unlisted,
            "other_id": found.other_ids.get(position),
        }
        sent = group not in LET_IN
        yield PreviewRow(
            group=group,
            number=numbers[group, asked] + (0 if asked else at_head[group]),
            position=position,
            place=place if sent else None,
            content={"resource": resource.body()} | {name: held for name, held in said.items() if held},
        )
        numbers[group, asked] += 1
        place += sent


def sent_unless_told(resources: Sequence[Resource], found: Comparison) -> int:
    """How many of these resources are sent if nobody lets any in or leaves any out."""
    return sum(_group_of(position, found) not in LET_IN for position in range(len(resources)))


def _group_of(position: int, found: Comparison) -> RowGroupName:
    """Which group a resource belongs to, by what the comparison says of it."""
    if position in found.twins:
        return RowGroupName.TWIN
    if position not in found.changes:
        return RowGroupName.NEW
    return RowGroupName.UPDATE if found.changes[position] else RowGroupName.SAME


def line_rows(group: RowGroupName, lines: Iterable[Sequence[Any]]) -> Iterator[PreviewRow]:
    """A row for each line that is left out: its number, what is said of it, and how it reads where that is known."""
    for number, line in enumerate(lines):
        content = dict(zip(("line", "said", "text"), line, strict=False))
        yield PreviewRow(group=group, number=number, content=content)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Some rows of a group from `start` on; `after` is where the next ones begin, None at the end.

    `whole`: all of it is to be left out, or let in.
    """

    name: str
    total: int
    start: int
    rows: list[dict[str, Any]]
    whole: bool = False
    of_web: bool = False

    @property
    def text(self) -> str:
        """What these are."""
        return WEB_GROUPS.get(self.name, GROUPS[self.name]) if self.of_web else GROUPS[self.name]

    @property
    def after(self) -> int | None:
        """Where the rows go on."""
        end = self.start + len(self.rows)
        return end if end < self.total else None

    @property
    def picked(self) -> bool:
        """Whether its rows can be left out."""
        return self.name in PICKED

    @property
    def can_be_let_in(self) -> bool:
        """Whether its rows are left out, and can be let in."""
        return self.name in LET_IN

    @property
    def box(self) -> str:
        """The name of its rows' tick boxes; empty where its rows have none."""
        return "keep" if self.picked else "let" if self.can_be_let_in else ""

    @property
    def offered(self) -> str:
        """The positions that these rows stand for: what comes back unticked differs from what was not shown."""
        return ",".join(str(row["position"]) for row in self.rows)


def row_groups(preview: Preview, *, asked: str, start: int, answer: PostedAnswer | None) -> list[RowGroup]:
    """The groups that hold anything, each with its first rows, the `asked` one with those from `start` on.

    With an answer that could not be confirmed all rows are shown of which it says anything.
    """
    said, totals, web = answer or PostedAnswer(), preview.summary["groups"], preview.kind == RunKind.WEB
    shown = {
        name: _shown_range(preview, name, start if name == asked and start < totals[name] else 0, said)
        for name in GROUPS
        if totals.get(name)
    }
    rows = _rows_in(preview, shown)
    return [
        RowGroup(
            name,
            totals[name],
            first,
            [_for_page(row, said) for row in rows[name]],
            whole=name in said.whole,
            of_web=web,
        )
        for name, (first, _) in shown.items()
    ]


def _rows_in(preview: Preview, ranges: Mapping[str, tuple[int, int]]) -> dict[str, list[PreviewRow]]:
    """The rows of each group whose numbers are in its range, by one query."""
    wanted = Q(pk__in=())
    for name, (start, end) in ranges.items():
        wanted |= Q(group=name, number__gte=start, number__lt=end)
    found: dict[str, list[PreviewRow]] = {name: [] for name in ranges}
    for row in preview.rows.filter(wanted).order_by("number"):
        found[row.group].append(row)
    return found


def _shown_range(preview: Preview, name: str, start: int, answer: PostedAnswer) -> tuple[int, int]:
    """Which numbers of a group are shown: a page's worth, and all of which the answer says anything."""
    touched = set(answer.titles)
    if name not in answer.whole:
        touched |= answer.let_in if name in LET_IN else answer.left
    ends: list[int] = []
    for some in chunks(sorted(touched), CHUNK):
        rows = preview.rows.filter(group=name, position__in=some)
        ends += [
            number for number in rows.aggregate(Min("number"), Max("number")).values() if number is not None
        ]
    if not ends:
        return start, start + SHOWN
    if max(ends) >= _FROM_THE_HEAD:
        start = min(ends)
    return start, max(start + SHOWN, max(ends) + 1)


def _for_page(row: PreviewRow, answer: PostedAnswer) -> dict[str, Any]:
    """A row for the page: a line as it is, a resource with the old values of what will differ."""
    content = row.content or {}
    if row.position is None:
        return content
    resource = content["resource"]
    shown = {
        "position": row.position,
        "resource": resource,
        "title": resource["title"],
        "changes": [
            (what, was, resource.get(_NAMES[what], "")) for what, was in content.get("was", {}).items()
        ],
    }
    marks = {name: content.get(name, "") for name in ("twin", "untitled", "unlisted", "other_id")}
    return shown | marks | answer.of(row.group, row.position)


@dataclass(frozen=True, slots=True)
class ChosenRow:
    """What was chosen: its source, or what register sends of it, and what is done about it (plans.Action)."""

    way: str
    source: Source | None
    resource: dict[str, str]


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """Some of what was chosen, of `total`; `after` is where the next rows begin, None at the end."""

    rows: list[ChosenRow]
    total: int
    after: int | None


def chosen_rows(preview: Preview, start: int) -> ChosenRows:
    """A page's worth of what was chosen, from `start` on, in the order of sending."""
    name = RowGroupName.CHOSEN if is_chosen(preview) else RowGroupName.ENTRY
    total = preview.summary["groups"].get(name, 0)
    kept = preview.rows.filter(group=name, number__gte=start, number__lt=start + SHOWN).order_by("number")
    rows = [
        ChosenRow(
            row.way, row.entry.source if row.entry else row.source, (row.content or {}).get("resource") or {}
        )
        for row in kept.select_related("entry__source", "source")
    ]
    return ChosenRows(rows, total, start + SHOWN if start + SHOWN < total else None)
