"""All source records, in the order of the list."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from fini_admin.sandbox.documents import Document

_Key = tuple[int, str, str]
_SWEEP = 1000


@dataclass(frozen=True)
class Walk:
    """A position in the list: direction, start, size, and the records to skip."""

    start: Document | None
    newer: bool
    limit: int
    matches: Callable[[Document], bool]


class Store:
    """Records by ID, by place, and per workspace by the list's sort key.

    A record that moves leaves its old key behind, to be skipped: removing it from the middle of 100,000 would cost
    more than everything else. When old keys are the majority, all are removed at once.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.changes = 0
        self._places: dict[tuple[str, str, str], Document] = {}
        self._orders: dict[str, list[_Key]] = {}
        self._old: dict[str, int] = {}

    def get(self, document_id: str) -> Document | None:
        """The record with this ID, in any workspace; the case of UUIDs is ignored."""
        return self.documents.get(document_id.lower())

    def find(self, workspace: str, source: str, external_id: str) -> Document | None:
        """The record that registering this again would update."""
        return self._places.get((workspace, source, external_id))

    def of(self, workspace: str) -> list[Document]:
        """A workspace's records, newest first."""
        return list(self._living(reversed(self._order(workspace))))

    def add(self, document: Document) -> None:
        self.documents[document.id] = document
        self._places[document.place] = document
        self._insert(document)

    def remove(self, document: Document) -> None:
        del self.documents[document.id]
        del self._places[document.place]
        self._leave(document)

    def touch(self, document: Document, ms: int) -> None:
        """Set a later `updatedAt`, which moves the record in the list."""
        self.move(document, max(ms, document.updated_ms + 1))

    def move(self, document: Document, ms: int) -> None:
        document.updated_ms = ms
        self._insert(document)
        self._leave(document)

    def page(self, workspace: str, walk: Walk) -> tuple[list[Document], bool]:
        """A page, newest first in both directions, and whether there is more in that direction."""
        found = self._living(self._beyond(workspace, walk))
        taken = list(islice(filter(walk.matches, found), walk.limit + 1))
        page = taken[: walk.limit]
        return (page[::-1] if walk.newer else page), len(taken) > walk.limit

    def _beyond(self, workspace: str, walk: Walk) -> Iterable[_Key]:
        order = self._order(workspace)
        if walk.start is None:
            return reversed(order)
        if walk.newer:
            return islice(order, bisect_right(order, walk.start.order), None)
        return (order[index] for index in range(bisect_left(order, walk.start.order) - 1, -1, -1))

    def _living(self, keys: Iterable[_Key]) -> Iterator[Document]:
        for key in keys:
            document = self.documents.get(key[2])
            if document is not None and document.order == key:
                yield document

    def _order(self, workspace: str) -> list[_Key]:
        return self._orders.setdefault(workspace, [])

    def _insert(self, document: Document) -> None:
        order, key = self._order(document.workspace), document.order
        index = bisect_left(order, key)
        # A record that moved back reuses its old key.
        if index == len(order) or order[index] != key:
            order.insert(index, key)
        self.changes += 1

    def _leave(self, document: Document) -> None:
        """Count an old key; remove all when they are the majority."""
        workspace = document.workspace
        self.changes += 1
        self._old[workspace] = self._old.get(workspace, 0) + 1
        if self._old[workspace] > max(_SWEEP, len(self._order(workspace)) // 2):
            self._orders[workspace] = [found.order for found in self._living(self._order(workspace))]
            self._old[workspace] = 0
