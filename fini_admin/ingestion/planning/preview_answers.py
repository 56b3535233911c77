"""What a person answers to a register's preview: rows left out or let in, titles; and what is sent by that."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fini_admin.fini.external_ids import strip_unseen
from fini_admin.fini.routes import ResourceBody
from fini_admin.ingestion.models import Preview, PreviewRow, RowGroupName
from fini_admin.ingestion.resource_rules import typed_fault
from fini_admin.lib.paging import CHUNK, chunks, parts, whole_number, whole_numbers

# Groups whose rows can be left out, and groups that are left out until a tick lets their rows in.
PICKED = (RowGroupName.UPDATE,)
LET_IN = (RowGroupName.SAME, RowGroupName.TWIN)
_SENT = (*PICKED, RowGroupName.NEW)
_TITLE = "title-"  # then the position: the field for a title that discovery did not list


@dataclass(frozen=True, slots=True)
class PostedAnswer:
    """By position, what is left out, what is let in, the titles that were written and what is wrong with them.

    `whole` names the groups that are left out, or let in, as a whole.
    """

    left: frozenset[int] = frozenset()
    let_in: frozenset[int] = frozenset()
    whole: frozenset[str] = frozenset()
    titles: Mapping[int, str] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)

    def sends(self, group: str, position: int) -> bool:
        """Whether a row is sent that is of this group and stands at this position."""
        if position in self.left:
            return False
        if group in LET_IN:
            return group in self.whole or position in self.let_in
        return group not in self.whole

    def of(self, group: str, position: int) -> dict[str, Any]:
        """What it says of a resource, for the page; keys were taken out of it as it came in (P5).

        A tick lets a row in, or keeps it. Where the whole group is left out or let in, its ticks are as at first.
        """
        title, whole = self.titles.get(position), group in self.whole
        shown = {} if title is None else {"title": title}
        let_in, kept = position in self.let_in and not whole, position not in self.left or whole
        ticked = let_in if group in LET_IN else kept
        return shown | {"ticked": ticked, "fault": self.faults.get(position, "")}


def read_answer(
    preview: Preview, fields: Mapping[str, Sequence[str]], about_key: Callable[[str], str]
) -> PostedAnswer:
    """What the fields of a form say.

    What was offered and not kept is left out: so an unticked box differs from a row that was not shown.
    `about_key`: the sentence on the key that was taken out of a field.
    """
    offered = _numbers(fields, "offered") - _numbers(fields, "keep")
    whole = {name for name in fields.get("without", ()) if name in PICKED}
    whole |= {name for name in fields.get("let_all", ()) if name in LET_IN}
    answer = PostedAnswer(
        left=frozenset(_numbers(fields, "left") | offered),
        let_in=frozenset(_numbers(fields, "let")),
        whole=frozenset(whole),
    )
    numbers = (name.removeprefix(_TITLE) for name in fields if name.startswith(_TITLE))
    written = [at for number in numbers if (at := whole_number(number)) is not None]
    titles, faults = {}, {}
    for row in _rows_at(preview, written):
        if row.position is None or not (row.content or {}).get("untitled"):
            continue
        name = f"{_TITLE}{row.position}"
        if name not in fields:  # its number was written another way, which no page does
            continue
        title = titles[row.position] = strip_unseen(fields[name][-1])
        if answer.sends(row.group, row.position) and (said := about_key(name) or _title_fault(title)):
            faults[row.position] = said
    return replace(answer, titles=titles, faults=faults)


def _title_fault(title: str) -> str:
    """What is wrong with a title that was written, as a sentence; empty when nothing is."""
    what = typed_fault("title", title)
    return f"Title {what}." if what else ""


def _numbers(fields: Mapping[str, Sequence[str]], name: str) -> set[int]:
    """The whole numbers in a field, with commas between or sent as several."""
    return set(whole_numbers(parts(fields.get(name, ()))))


def _rows_at(preview: Preview, positions: Iterable[int]) -> Iterator[PreviewRow]:
    """The rows at these positions; those that there are none of are passed over."""
    for some in chunks(sorted(set(positions)), CHUNK):
        yield from preview.rows.filter(position__in=some)


@dataclass(frozen=True, slots=True)
class AnsweredResources:
    """The resources of a register's preview that an answer sends, in their order, read in pieces."""

    preview: Preview
    answer: PostedAnswer

    def __len__(self) -> int:
        untouched = PostedAnswer(whole=self.answer.whole)
        groups = self.preview.summary["groups"]
        number: int = sum(groups.get(name, 0) for name in (*_SENT, *LET_IN) if untouched.sends(name, -1))
        for some in chunks(sorted(self.answer.left | self.answer.let_in), CHUNK):
            touched = self.preview.rows.filter(position__in=some).values_list("group", "position")
            for group, position in touched:
                number += self.answer.sends(group, position or 0) - untouched.sends(group, -1)
        return number

    def __iter__(self) -> Iterator[ResourceBody]:
        rows = self.preview.rows.filter(position__isnull=False).order_by("position")
        columns: Any = rows.values_list("position", "group", "content")
        part = list(columns[:CHUNK])
        while part:
            for position, group, content in part:
                if self.answer.sends(group, position):
                    title = self.answer.titles.get(position)
                    resource = content["resource"]
                    yield resource if title is None else resource | {"title": title}
            part = list(columns.filter(position__gt=part[-1][0])[:CHUNK])
