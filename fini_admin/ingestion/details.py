"""What a register's preview tells of its resources: what is new, what will be updated and in what, what stays out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fini_admin.fini.routes import Resource
from fini_admin.ingestion.comparing import COMPARED, compare
from fini_admin.ingestion.models import Preview
from fini_admin.paging import whole_numbers
from fini_admin.workspaces.models import Workspace

SHOWN = 50
NEW_NAMES = {name: new for _, new, name in COMPARED}
# In the order of the page; in the first two a row can be left out, in the third one let in.
GROUPS = {
    "update": "will be updated",
    "same": "in Fini already, nothing changes",
    "twin": "left out: the address belongs to another source or line. Tick what is to be registered all the same",
    "duplicate": "left out: the same external ID stands further up",
    "invalid": "left out: invalid",
    "new": "new",
}
PICKED = ("update", "same")


@dataclass(frozen=True, slots=True)
class Group:
    """Some rows of a group from `start` on; `after` is where the next ones begin, None at the end."""

    name: str
    total: int
    start: int
    rows: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """What these are."""
        return GROUPS[self.name]

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
        return self.name == "twin"

    @property
    def offered(self) -> str:
        """The positions that these rows stand for: what comes back unticked differs from what was not shown."""
        return ",".join(str(row["position"]) for row in self.rows)


def compared(
    workspace: Workspace, provider: str, resources: Sequence[Resource], places: Sequence[str] = ()
) -> dict[str, Any]:
    """What a preview keeps of the comparison with what is in Fini and what discovery listed."""
    found = compare(workspace, provider, resources, places)
    return {
        "changes": list(found.changes.items()),
        "twins": list(found.twins.items()),
        "unlisted": found.unlisted,
    }


def groups(preview: Preview, *, asked: str = "", start: int = 0) -> list[Group]:
    """The groups that hold anything, each with its first rows, the `asked` one with those from `start` on."""
    found = [group(preview, name, start if name == asked else 0) for name in GROUPS]
    return [held for held in found if held.total]


def group(preview: Preview, name: str, start: int = 0) -> Group:
    """Some rows of a group; a start outside of it is its beginning."""
    held = members(preview, name)
    start = start if 0 <= start < len(held) else 0
    rows = held[start : start + SHOWN]
    if name in ("duplicate", "invalid"):
        return Group(
            name, len(held), start, [dict(zip(("line", "said", "text"), row, strict=False)) for row in rows]
        )
    changes, twins = dict(preview.content.get("changes", ())), dict(preview.content.get("twins", ()))
    shown = [told(preview, row, changes.get(row, {})) | {"twin": twins.get(row, "")} for row in rows]
    return Group(name, len(held), start, shown)


def members(preview: Preview, name: str) -> Sequence[Any]:
    """What a group is made of: positions of resources, or lines with what is said of them."""
    content = preview.content
    if name == "duplicate":
        return list(content.get("duplicates", ()))
    if name == "invalid":
        return list(content.get("problems", ()))
    twins = {position for position, _ in content.get("twins", ())}
    if name == "twin":
        return sorted(twins)
    changes = content.get("changes", ())
    if name == "new":
        known = {position for position, _ in changes} | twins
        return [position for position in range(len(content["resources"])) if position not in known]
    return [
        position for position, old in changes if bool(old) == (name == "update") and position not in twins
    ]


def told(preview: Preview, position: int, old: Mapping[str, str]) -> dict[str, Any]:
    """A resource for the page, with the old values of what will differ."""
    resource = preview.content["resources"][position]
    return {
        "position": position,
        "resource": resource,
        "changes": [(what, was, resource[NEW_NAMES[what]]) for what, was in old.items()],
        "unlisted": position in preview.content.get("unlisted", ()),
    }


def left_out(preview: Preview, said: Mapping[str, Iterable[str]]) -> set[int]:
    """The positions to leave out, as a form says it: by number, by what was offered and not kept, by whole group."""
    kept = numbers(said.get("keep", ()))
    offered = numbers(said.get("offered", ()))
    whole = {
        position for name in said.get("without", ()) if name in PICKED for position in members(preview, name)
    }
    return numbers(said.get("left", ())) | (offered - kept) | whole


def let_in(preview: Preview, said: Mapping[str, Iterable[str]]) -> set[int]:
    """The positions of twins that a form lets in: by number, or all of them."""
    return set(members(preview, "twin")) if said.get("let_all") else numbers(said.get("let", ()))


def numbers(texts: Iterable[str]) -> set[int]:
    """The whole numbers in texts that hold them with commas between."""
    return set(whole_numbers(part for text in texts for part in text.split(",")))
