"""The providers that discovery knows, each an adapter from its own shape to one tree (trap 9).

What the contract prints is a structure; the JSON keys of Zendesk and Confluence are unstated (contract 5).
So an adapter takes any of the names a key could have, and any list of objects inside a node as what it holds.
What it cannot list it leaves out, and says so: a listing is its tree and its remarks.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fini_admin.fini import external_ids
from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.external_ids import Unclear, tidy
from fini_admin.fini.wire import ADDRESS, IDENTITY, TITLE, WORD, Json, clean, text

IDS = ("externalId", "id", "key", "spaceKey", "pageId", "articleId", "sectionId", "categoryId")
TITLES = ("title", "name")
URLS = ("originalUrl", "url", "htmlUrl", "html_url", "link", "webUrl")
KINDS = ("object", "type", "kind")
# Where what a node holds stands for certain, whatever other lists it has.
HOLDING = ("children", "sections", "articles", "pages")
DEEPEST = 32
EXCERPT = 80
NAME = r"[\w!#$&^.+-]{1,64}"
VALUE = r"""([\w!#$&^.+:-]+|"[ !#-\[\]-~]*")"""
MIME_TYPE = re.compile(rf"\A{NAME}/{NAME}(\s*;\s*{NAME}={VALUE})*\Z", re.ASCII)


class Why(StrEnum):
    """What is remarkable about an item of discovery's answer; with LONG_NUMBER it is listed all the same."""

    NO_ID = "no_id"
    UNCLEAR_ID = "unclear_id"
    SAME_ID = "same_id"
    NO_OBJECT = "no_object"
    TOO_DEEP = "too_deep"
    LONG_NUMBER = "long_number"


@dataclass(frozen=True, slots=True)
class Remark:
    """An item of discovery's answer that is not in the tree as it came: what names it, and why.

    `beside` is the title that stays when the same ID is listed twice, for an item without an ID its address.
    """

    why: Why
    title: str
    external_id: str = ""
    beside: str = ""


@dataclass(slots=True)
class Node:
    """A node of discovery's tree: a leaf is a resource, anything else only holds nodes."""

    external_id: str
    title: str
    original_url: str
    mime_type: str
    object: str
    icon: str = ""
    children: list["Node"] = field(default_factory=list)
    leaf: bool = True

    def leaves(self) -> Iterator["Node"]:
        """The resources in and below this node, in discovery's order."""
        if self.leaf:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, slots=True)
class Listing:
    """Discovery's answer: what can be read of it as a tree, and what is to be said of the rest."""

    nodes: list[Node]
    remarks: list[Remark]

    def leaves(self) -> Iterator[Node]:
        """The resources in discovery's order, one that stands in two places twice."""
        for node in self.nodes:
            yield from node.leaves()


@dataclass(frozen=True, slots=True)
class Provider:
    """An adapter: the kinds of node by depth, the mimeType to offer where discovery gives none, nesting leaves."""

    name: str
    label: str
    kinds: tuple[str, ...]
    mime_type: str
    nests: bool = True

    def listing(self, value: Json) -> Listing:
        """Discovery's answer; raises NotUnderstood when it is no list, or one in which nothing is an object."""
        if not isinstance(value, list):
            raise NotUnderstood("discovery answered no list")
        if value and not any(isinstance(item, dict) for item in value):
            raise NotUnderstood("discovery answered a list without any object")
        remarks: list[Remark] = []
        listing = Listing(self._nodes(value, 0, remarks), remarks)
        self._unite(listing)
        return listing

    def _nodes(self, items: Iterable[Json], depth: int, remarks: list[Remark]) -> list[Node]:
        """These items with all below them."""
        found: list[Node] = []
        for item in items:
            if not isinstance(item, dict):
                shown = clean(json.dumps(item, ensure_ascii=False)[:EXCERPT])
                remarks.append(Remark(Why.NO_OBJECT, shown))
            elif depth > DEEPEST:
                remarks.append(Remark(Why.TOO_DEEP, first(item, TITLES), first(item, IDS), first(item, URLS)))
            else:
                found += self._node(item, depth, remarks)
        return found

    def _node(self, value: dict[str, Json], depth: int, remarks: list[Remark]) -> list[Node]:
        """One node with all below it; of a resource without a usable ID what it holds."""
        held = nested(value)
        stated = first(value, KINDS)
        leaf = self.is_leaf(depth, stated, holds=bool(held))
        title, address = first(value, TITLES, TITLE), first(value, URLS, ADDRESS)
        external_id, doubt = identity(value)
        if doubt and leaf:
            remarks.append(Remark(doubt, title, external_id, "" if external_id else address))
        children = self._nodes(held, depth + 1, remarks)
        if leaf and doubt in (Why.NO_ID, Why.UNCLEAR_ID):
            return children
        node = Node(
            external_id=external_id or title[:IDENTITY],
            title=title,
            original_url=address,
            mime_type=said(value.get("mimeType")) or (self.mime_type if leaf else ""),
            object=stated or self.kinds[min(depth, len(self.kinds) - 1)],
            icon=said(value.get("iconLink"), ADDRESS),
            children=children,
            leaf=leaf,
        )
        return [node]

    def _unite(self, listing: Listing) -> None:
        """One resource for one ID: at each of its places it is what it is at the first one."""
        known: dict[str, Node] = {}
        for leaf in listing.leaves():
            held = known.setdefault(external_ids.compared(self.name, leaf.external_id), leaf)
            if (held.title, held.original_url) != (leaf.title, leaf.original_url):
                remark = Remark(Why.SAME_ID, leaf.title or leaf.original_url, leaf.external_id, held.title)
                listing.remarks.append(remark)
            for name in ("external_id", "title", "original_url", "mime_type", "object", "icon"):
                setattr(leaf, name, getattr(held, name))

    def is_leaf(self, depth: int, stated: str, *, holds: bool) -> bool:
        """What the node says it is decides, then its depth; a page that holds pages is a resource too."""
        if stated in self.kinds:
            return stated == self.kinds[-1]
        return depth >= len(self.kinds) - 1 and (self.nests or not holds)


def nested(value: dict[str, Json]) -> list[Json]:
    """What a node holds: the lists that are called so, else its first list of objects."""
    called = [value[name] for name in HOLDING if has_objects(value.get(name))]
    lists = called or [held for held in value.values() if has_objects(held)][:1]
    return [item for held in lists for item in held]


def has_objects(value: Json) -> bool:
    """Whether it is a list in which an object stands."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def identity(value: dict[str, Json]) -> tuple[str, Why | None]:
    """A node's ID and what is wrong with it: numbers without `.0`, texts without unseen characters at their ends."""
    for name in IDS:
        held = value.get(name)
        if isinstance(held, int | float) and not isinstance(held, bool):
            try:
                return external_ids.of_number(held), None if external_ids.is_exact(held) else Why.LONG_NUMBER
            except Unclear:
                return text(held), Why.UNCLEAR_ID
        if isinstance(held, str) and said(held):
            return said(held, IDENTITY), None
    return "", Why.NO_ID


def first(value: dict[str, Json], names: tuple[str, ...], most: int = WORD) -> str:
    """The first of these keys that holds something, as text of at most so many characters."""
    plain = (value.get(name) for name in names)
    return next(
        (found for held in plain if not isinstance(held, list | dict) and (found := said(held, most))), ""
    )


def said(value: Json, most: int = WORD) -> str:
    """A field as text of at most so many characters, without those at its ends that cannot be seen."""
    return text(tidy(value) if isinstance(value, str) else value, most)


PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider("notion", "Notion", ("page",), "text/markdown"),
        Provider("zendesk", "Zendesk", ("category", "section", "article"), "text/html", nests=False),
        Provider("confluence", "Confluence", ("space", "page"), "text/html"),
    )
}


def named(name: str) -> str:
    """A provider as people write it, also one that cannot be discovered; an unknown one with a capital."""
    known = PROVIDERS.get(name)
    return known.label if known else {"googledrive": "Google Drive"}.get(name, name.capitalize())


def provider_of(name: str) -> Provider:
    """The adapter of that name; raises KeyError."""
    return PROVIDERS[name]
