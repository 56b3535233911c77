"""The providers that discovery knows, each an adapter from its own shape to one tree (trap 9).

What the contract prints is a structure; the JSON keys of Zendesk and Confluence are unstated (contract 5).
So an adapter takes any of the names a key could have, and any list of objects inside a node as what it holds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.wire import ADDRESS, IDENTITY, TITLE, WORD, Json, text

IDS = ("externalId", "id", "key", "spaceKey", "pageId", "articleId", "sectionId", "categoryId")
TITLES = ("title", "name")
URLS = ("originalUrl", "url", "htmlUrl", "html_url", "link", "webUrl")
KINDS = ("object", "type", "kind")
NAME = r"[\w!#$&^.+-]{1,64}"
VALUE = r"""([\w!#$&^.+:-]+|"[ !#-\[\]-~]*")"""
MIME_TYPE = re.compile(rf"\A{NAME}/{NAME}(\s*;\s*{NAME}={VALUE})*\Z", re.ASCII)


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
class Provider:
    """An adapter: the kinds of node by depth, the mimeType to offer where discovery gives none, nesting leaves."""

    name: str
    label: str
    kinds: tuple[str, ...]
    mime_type: str
    nests: bool = True

    def tree(self, value: Json) -> list[Node]:
        """Discovery's answer as a tree; raises NotUnderstood when it is no list of objects."""
        if not isinstance(value, list):
            raise NotUnderstood("discovery answered no list")
        return [self.node(item, 0) for item in value]

    def node(self, value: Json, depth: int) -> Node:
        """One node with all below it."""
        if not isinstance(value, dict) or depth > 32:
            raise NotUnderstood("discovery answered a node that is no object")
        children = [self.node(child, depth + 1) for child in nested(value)]
        stated = first(value, KINDS)
        leaf = self.is_leaf(depth, stated, holds=bool(children))
        own = text(value.get("mimeType"))
        node = Node(
            external_id=first(value, IDS, IDENTITY),
            title=first(value, TITLES, TITLE),
            original_url=first(value, URLS, ADDRESS),
            mime_type=own or (self.mime_type if leaf else ""),
            object=stated or self.kinds[min(depth, len(self.kinds) - 1)],
            icon=text(value.get("iconLink"), ADDRESS),
            children=children,
            leaf=leaf,
        )
        if leaf and not node.external_id:
            raise NotUnderstood("discovery answered a resource without an ID")
        return node

    def is_leaf(self, depth: int, stated: str, *, holds: bool) -> bool:
        """What the node says it is decides, then its depth; a page that holds pages is a resource too."""
        if stated in self.kinds:
            return stated == self.kinds[-1]
        return depth >= len(self.kinds) - 1 and (self.nests or not holds)


def nested(value: dict[str, Json]) -> list[Json]:
    """The first list of objects in a node, whatever its key."""
    for held in value.values():
        if isinstance(held, list) and held and all(isinstance(item, dict) for item in held):
            return held
    return []


def first(value: dict[str, Json], names: tuple[str, ...], most: int = WORD) -> str:
    """The first of these keys that holds something, as text of at most so many characters."""
    for name in names:
        held = value.get(name)
        if held not in (None, "") and not isinstance(held, list | dict):
            return text(held, most)
    return ""


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
