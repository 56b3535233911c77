"""The providers that can be discovered, each with an adapter from its own JSON to one tree (T9).

The API's description shows what the answers look like, but not the JSON keys of Zendesk and Confluence. So an adapter
accepts every name that a key could have, and any list of objects in a node as its children. What cannot be listed is
left out and reported: a Listing is a tree and its remarks.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fini_admin.fini import external_ids
from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.external_ids import AmbiguousId, strip_unseen
from fini_admin.fini.wire import ADDRESS, IDENTITY, TITLE, WORD, Json, clean, field_text, json_text
from fini_admin.lib.key_text import without_keys

IDS = ("externalId", "id", "key", "spaceKey", "pageId", "articleId", "sectionId", "categoryId")
TITLES = ("title", "name")
URLS = ("originalUrl", "url", "htmlUrl", "html_url", "link", "webUrl")
KINDS = ("object", "type", "kind")
# Lists with these names hold children, whatever other lists a node has.
CHILDREN = ("children", "sections", "articles", "pages")
DEEPEST = 32
EXCERPT = 80
NAME = r"[\w!#$&^.+-]{1,64}"
VALUE = r"""([\w!#$&^.+:-]+|"[ !#-\[\]-~]*")"""
MIME_TYPE = re.compile(rf"\A{NAME}/{NAME}(\s*;\s*{NAME}={VALUE})*\Z", re.ASCII)


class Why(StrEnum):
    """Why an item is remarked on. All but LONG_NUMBER and SAME_ID are left out of the tree."""

    NO_ID = "no_id"
    UNCLEAR_ID = "unclear_id"
    SAME_ID = "same_id"
    NO_OBJECT = "no_object"
    TOO_DEEP = "too_deep"
    LONG_NUMBER = "long_number"


@dataclass(frozen=True, slots=True)
class Remark:
    """An item of the answer that is not in the tree as it came.

    `beside` is the title that is kept when two items have the same ID; for an item without an ID, its URL.
    """

    why: Why
    title: str
    external_id: str = ""
    beside: str = ""


@dataclass(slots=True)
class Node:
    """A node of the tree: a resource when `leaf`, else a container. A resource may have children, too."""

    external_id: str
    title: str
    original_url: str
    mime_type: str
    object: str
    children: list["Node"] = field(default_factory=list)
    leaf: bool = True

    def leaves(self) -> Iterator["Node"]:
        """The resources in and below this node, in the order of the answer."""
        if self.leaf:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, slots=True)
class Listing:
    """Discovery's answer: the tree that could be read, and remarks on the rest."""

    nodes: list[Node]
    remarks: list[Remark]

    def leaves(self) -> Iterator[Node]:
        """The resources in the order of the answer; one that is listed in two places comes twice."""
        for node in self.nodes:
            yield from node.leaves()


@dataclass(frozen=True, slots=True)
class Provider:
    """An adapter. `kinds` are the `object` values by depth, the last being a resource; `mime_type` is the default.

    `nests` says whether resources may hold resources.
    """

    name: str
    label: str
    kinds: tuple[str, ...]
    mime_type: str
    nests: bool = True

    def listing(self, value: Json) -> Listing:
        """Parse discovery's answer; raises NotUnderstood for anything but a list with objects in it."""
        if not isinstance(value, list):
            raise NotUnderstood("discovery answered no list")
        if value and not any(isinstance(item, dict) for item in value):
            raise NotUnderstood("discovery answered a list without any object")
        remarks: list[Remark] = []
        listing = Listing(self._nodes(value, 0, remarks), remarks)
        self._unite(listing)
        return listing

    def _nodes(self, items: Iterable[Json], depth: int, remarks: list[Remark]) -> list[Node]:
        found: list[Node] = []
        for item in items:
            if not isinstance(item, dict):
                shown = clean(without_keys(json_text(item))[:EXCERPT])
                remarks.append(Remark(Why.NO_OBJECT, shown))
            elif depth > DEEPEST:
                remarks.append(
                    Remark(
                        Why.TOO_DEEP,
                        _first_text(item, TITLES),
                        _first_text(item, IDS),
                        _first_text(item, URLS),
                    )
                )
            else:
                found += self._node(item, depth, remarks)
        return found

    def _node(self, value: dict[str, Json], depth: int, remarks: list[Remark]) -> list[Node]:
        """A node with its children; of a resource without a usable ID only the children."""
        held = _nested_items(value)
        stated = _first_text(value, KINDS)
        leaf = self.is_leaf(depth, stated, holds=bool(held))
        title, address = _first_text(value, TITLES, TITLE), _first_text(value, URLS, ADDRESS)
        external_id, doubt = _external_id_of(value)
        if doubt and leaf:
            remarks.append(Remark(doubt, title, external_id, "" if external_id else address))
        children = self._nodes(held, depth + 1, remarks)
        if leaf and doubt in (Why.NO_ID, Why.UNCLEAR_ID):
            return children
        node = Node(
            external_id=external_id or title[:IDENTITY],
            title=title,
            original_url=address,
            mime_type=_field_text(value.get("mimeType")) or (self.mime_type if leaf else ""),
            object=stated or self.kinds[min(depth, len(self.kinds) - 1)],
            children=children,
            leaf=leaf,
        )
        return [node]

    def _unite(self, listing: Listing) -> None:
        """Give a resource that is listed in several places the same fields everywhere, those of the first."""
        known: dict[str, Node] = {}
        for leaf in listing.leaves():
            held = known.setdefault(external_ids.comparison_key(self.name, leaf.external_id), leaf)
            if (held.title, held.original_url) != (leaf.title, leaf.original_url):
                remark = Remark(Why.SAME_ID, leaf.title or leaf.original_url, leaf.external_id, held.title)
                listing.remarks.append(remark)
            for name in ("external_id", "title", "original_url", "mime_type", "object"):
                setattr(leaf, name, getattr(held, name))

    def is_leaf(self, depth: int, stated: str, *, holds: bool) -> bool:
        """Whether a node is a resource: by what it says it is, else by its depth."""
        if stated in self.kinds:
            return stated == self.kinds[-1]
        return depth >= len(self.kinds) - 1 and (self.nests or not holds)


def _nested_items(value: dict[str, Json]) -> list[Json]:
    """The children of a node: the lists named like children, else its first list of objects."""
    called = [value[name] for name in CHILDREN if _holds_objects(value.get(name))]
    lists = called or [held for held in value.values() if _holds_objects(held)][:1]
    return [item for held in lists for item in held]


def _holds_objects(value: Json) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _external_id_of(value: dict[str, Json]) -> tuple[str, Why | None]:
    """A node's ID, numbers without `.0`, and what is wrong with it."""
    for name in IDS:
        held = value.get(name)
        if isinstance(held, int | float) and not isinstance(held, bool):
            try:
                return external_ids.of_number(held), None if external_ids.is_exact(held) else Why.LONG_NUMBER
            except AmbiguousId:
                return field_text(held), Why.UNCLEAR_ID
        if isinstance(held, str) and _field_text(held):
            return _field_text(held, IDENTITY), None
    return "", Why.NO_ID


def _first_text(value: dict[str, Json], names: tuple[str, ...], most: int = WORD) -> str:
    """The first of these keys with a value, as text of at most `most` characters."""
    plain = (value.get(name) for name in names)
    return next(
        (found for held in plain if not isinstance(held, list | dict) and (found := _field_text(held, most))),
        "",
    )


def _field_text(value: Json, most: int = WORD) -> str:
    """A field as text of at most `most` characters, without invisible characters at its ends."""
    return field_text(strip_unseen(value) if isinstance(value, str) else value, most)


PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider("notion", "Notion", ("page",), "text/markdown"),
        Provider("zendesk", "Zendesk", ("category", "section", "article"), "text/html", nests=False),
        Provider("confluence", "Confluence", ("space", "page"), "text/html"),
    )
}


def provider_label(name: str) -> str:
    """A provider's name for people, also of one that cannot be discovered."""
    known = PROVIDERS.get(name)
    return known.label if known else {"googledrive": "Google Drive"}.get(name, name.capitalize())
