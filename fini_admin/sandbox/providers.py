"""The content of the connected providers: the shipped catalogue, or one of the same three shapes."""

import json
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from fini_admin.sandbox.chance import fraction
from fini_admin.sandbox.documents import PROVIDERS
from fini_admin.sandbox.settings import Settings

SHIPPED = Path(__file__).parent / "catalogue"
Node = dict[str, Any]
_NESTED = {"zendesk": "children", "confluence": "pages"}
_TOPICS = ("refunds", "invoices", "delivery", "returns", "accounts", "privacy", "pricing", "contact")


class Catalogue:
    """The providers' trees, and the URLs in them."""

    def __init__(self, trees: dict[str, list[Node]]) -> None:
        self._trees = trees
        self._addresses: dict[str, list[str]] = {}
        for provider, tree in trees.items():
            for node in _walk(tree, _NESTED.get(provider, "")):
                url = str(node.get("originalUrl", ""))
                self._addresses.setdefault(urlsplit(url).netloc, []).append(url)

    @classmethod
    def load(cls, directory: Path) -> "Catalogue":
        """Read notion.json, zendesk.json and confluence.json; raises ValueError or OSError."""
        trees = {}
        for provider in PROVIDERS:
            path = directory / f"{provider}.json"
            tree = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(tree, list) or not all(isinstance(node, dict) for node in tree):
                raise ValueError(f"{path} is not a list of objects")
            trees[provider] = tree
        return cls(trees)

    def discover(self, provider: str, imported: Container[str], settings: Settings) -> list[Node]:
        """The items that are not imported yet, under the keys that the settings name."""
        tree = self._trees[provider]
        if provider not in _NESTED:
            return [node for node in tree if node.get("externalId") not in imported]
        names = settings.nested_keys[provider]
        levels = [names] if isinstance(names, str) else list(names)
        return _Pruning(_NESTED[provider], imported, settings.leaf_keys).nodes(tree, levels)

    def below(self, seed: str) -> list[str]:
        """URLs on the seed's host; invented ones if the catalogue has none."""
        known = self._addresses.get(urlsplit(seed).netloc) or list(_invented(seed))
        return [url for url in dict.fromkeys(known) if url != seed]


class _Pruning:
    """Copies a tree without the leaves that were imported; containers stay."""

    def __init__(self, nested: str, imported: Container[str], names: dict[str, str]) -> None:
        self._nested = nested
        self._imported = imported
        self._names = names

    def nodes(self, tree: list[Node], levels: list[str]) -> list[Node]:
        return [
            self._copy(node, levels)
            for node in tree
            if self._nested in node or node.get("externalId") not in self._imported
        ]

    def _copy(self, node: Node, levels: list[str]) -> Node:
        copy = {self._names.get(key, key): value for key, value in node.items() if key != self._nested}
        if self._nested in node:
            copy[levels[0]] = self.nodes(node[self._nested], levels[1:] or levels)
        return copy


def _walk(tree: list[Node], nested: str) -> Iterator[Node]:
    for node in tree:
        yield node
        yield from _walk(node.get(nested, []), nested)


def _invented(seed: str) -> Iterator[str]:
    parts = urlsplit(seed)
    root = f"{parts.scheme}://{parts.netloc}/"
    for number in range(1, 9 + int(fraction(parts.netloc) * 32)):
        yield urljoin(root, f"{_TOPICS[number % len(_TOPICS)]}/{number}")
