"""JSON as a tree to be read: folded beyond two levels, long texts cut, never more of it than a page can carry."""

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
DESCRIBED = {"begins", "bytes", "sha256"}  # what bodies.described leaves of a text that was cut


class Number(str):
    """A number exactly as it was written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object with its names in order, each as often as it was written."""


@dataclass(slots=True)
class Node:
    """A value with its name. `left` is what is not shown: characters of a text, entries of a list or an object."""

    kind: str
    name: str | None = None
    text: str = ""
    size: int = 0
    left: int = 0
    open: bool = False
    children: list["Node"] = field(default_factory=list)

    @property
    def hint(self) -> str:
        """What tells it from its neighbours while it is folded: its title and IDs, else its first short values."""
        said = {child.name: child.text for child in self.children if child.kind in ("text", "number")}
        texts = [said[name] for name in TELLING if said.get(name)]
        texts = texts or [child.text for child in self.children if child.kind in ("text", "number")]
        return " · ".join(text[:LONGEST_HINT] for text in texts[:HINTED])


@dataclass(slots=True)
class Budget:
    """How many nodes may still be made."""

    left: int = MOST_NODES

    def take(self) -> bool:
        """One of them, if there is one."""
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class Body:
    """A kept body to be shown: a tree, or where it is no JSON a plain text. `whole` is false for a kept beginning."""

    tree: Node | None
    plain: str
    size: int
    left: int
    whole: bool


def body_of(text: str) -> Body:
    """A kept body, read."""
    try:
        value = json.loads(
            text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=Number
        )
    except (ValueError, RecursionError):
        return plain(text, len(text), whole=True)
    if isinstance(value, Pairs) and {name for name, _ in value} == DESCRIBED:
        parts = dict(value)
        if isinstance(parts["begins"], str) and re.fullmatch(r"[0-9]{1,18}", str(parts["bytes"])):
            size = int(parts["bytes"])
            return plain(parts["begins"], size, whole=len(clean(parts["begins"]).encode()) >= size)
    return Body(fold(value, None, 0, Budget()), "", len(text), 0, whole=True)


def plain(text: str, size: int, *, whole: bool) -> Body:
    """A text that is no JSON, or no longer."""
    return Body(None, clean(text[:LONGEST_PLAIN]), size, max(0, len(text) - LONGEST_PLAIN), whole)


def fold(value: Any, name: str | None, level: int, budget: Budget) -> Node:
    """A value as a node, with as much below it as the budget allows."""
    if isinstance(value, Pairs):
        return branch("object", name, value, level, budget)
    if isinstance(value, list):
        return branch("array", name, [(None, entry) for entry in value], level, budget)
    if isinstance(value, Number):
        return Node("number", name, value[:LONGEST_TEXT], left=max(0, len(value) - LONGEST_TEXT))
    if isinstance(value, str):
        left = max(0, len(value) - LONGEST_TEXT)
        return Node("text", name, clean(value[:LONGEST_TEXT]), size=len(value), left=left)
    return Node("word", name, {None: "null", True: "true", False: "false"}[value])


def branch(kind: str, name: str | None, entries: list[tuple[Any, Any]], level: int, budget: Budget) -> Node:
    """An object or a list."""
    children = [] if level >= MOST_LEVELS else list(below(entries, level, budget))
    return Node(
        kind,
        name,
        size=len(entries),
        left=len(entries) - len(children),
        open=level < OPEN_LEVELS,
        children=children,
    )


def below(entries: list[tuple[Any, Any]], level: int, budget: Budget) -> Iterator[Node]:
    """Its first entries, until the budget is spent."""
    for name, entry in entries[:MOST_CHILDREN]:
        if not budget.take():
            return
        yield fold(entry, None if name is None else clean(name[:LONGEST_TEXT]), level + 1, budget)
