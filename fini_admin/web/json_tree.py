"""Parse a recorded body into a tree to show: bounded in nodes, depth and length of texts."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fini_admin.fini.wire import clean

OPEN_LEVELS = 2
MOST_NODES = 2_000
MOST_CHILDREN = 200
MOST_LEVELS = 24
LONGEST_TEXT = 300
LONGEST_PLAIN = 20_000
LONGEST_HINT = 40
TELLING = ("title", "name", "id", "externalId")
HINTED = 2
DESCRIBED = {"begins", "bytes", "sha256"}  # what bodies._excerpt leaves of a text that was cut


class NumberText(str):
    """A number as it was written, digit by digit."""

    __slots__ = ()


class ObjectPairs(list[tuple[str, Any]]):
    """An object's names and values in order, with repeated names kept."""


@dataclass(slots=True)
class JsonNode:
    """A value with its name. `left` counts what is not shown: characters of a text, entries of a list or an object."""

    kind: str
    name: str | None = None
    text: str = ""
    size: int = 0
    left: int = 0
    open: bool = False
    children: list["JsonNode"] = field(default_factory=list)

    @property
    def hint(self) -> str:
        """What identifies a folded node: its title and IDs, else its first short values."""
        said = {child.name: child.text for child in self.children if child.kind in ("text", "number")}
        texts = [said[name] for name in TELLING if said.get(name)]
        texts = texts or [child.text for child in self.children if child.kind in ("text", "number")]
        return " · ".join(text[:LONGEST_HINT] for text in texts[:HINTED])


@dataclass(slots=True)
class NodeLimit:
    """How many more nodes may be created."""

    left: int = MOST_NODES

    def take(self) -> bool:
        """Count one node; False when none is left."""
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class BodyView:
    """A recorded body: a tree, or `plain` text when it is no JSON. `whole` is false when only its start was kept."""

    tree: JsonNode | None
    plain: str
    size: int
    left: int
    whole: bool


def view_of_body(text: str) -> BodyView:
    try:
        value = json.loads(
            text,
            object_pairs_hook=ObjectPairs,
            parse_int=NumberText,
            parse_float=NumberText,
            parse_constant=NumberText,
        )
    except (ValueError, RecursionError):
        return _plain_view(text, len(text), whole=True)
    if isinstance(value, ObjectPairs) and {name for name, _ in value} == DESCRIBED:
        parts = dict(value)
        if isinstance(parts["begins"], str) and re.fullmatch(r"[0-9]{1,18}", str(parts["bytes"])):
            size = int(parts["bytes"])
            return _plain_view(parts["begins"], size, whole=len(clean(parts["begins"]).encode()) >= size)
    return BodyView(_node(value, None, 0, NodeLimit()), "", len(text), 0, whole=True)


def _plain_view(text: str, size: int, *, whole: bool) -> BodyView:
    return BodyView(None, clean(text[:LONGEST_PLAIN]), size, max(0, len(text) - LONGEST_PLAIN), whole)


def _node(value: Any, name: str | None, level: int, budget: NodeLimit) -> JsonNode:
    """A value as a node, with as many descendants as the limit allows."""
    if isinstance(value, ObjectPairs):
        return _branch("object", name, value, level, budget)
    if isinstance(value, list):
        return _branch("array", name, [(None, entry) for entry in value], level, budget)
    if isinstance(value, NumberText):
        return JsonNode("number", name, value[:LONGEST_TEXT], left=max(0, len(value) - LONGEST_TEXT))
    if isinstance(value, str):
        left = max(0, len(value) - LONGEST_TEXT)
        return JsonNode("text", name, clean(value[:LONGEST_TEXT]), size=len(value), left=left)
    return JsonNode("word", name, {None: "null", True: "true", False: "false"}[value])


def _branch(
    kind: str, name: str | None, entries: list[tuple[Any, Any]], level: int, budget: NodeLimit
) -> JsonNode:
    children = [] if level >= MOST_LEVELS else list(_children(entries, level, budget))
    return JsonNode(
        kind,
        name,
        size=len(entries),
        left=len(entries) - len(children),
        open=level < OPEN_LEVELS,
        children=children,
    )


def _children(entries: list[tuple[Any, Any]], level: int, budget: NodeLimit) -> Iterator[JsonNode]:
    """Nodes for the first entries, until the limit is reached."""
    for name, entry in entries[:MOST_CHILDREN]:
        if not budget.take():
            return
        yield _node(entry, None if name is None else clean(name[:LONGEST_TEXT]), level + 1, budget)
