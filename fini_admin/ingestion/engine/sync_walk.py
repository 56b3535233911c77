"""Where a sync is in Fini's list, and where it goes on while the list moves. Pure (T6).

The list is sorted by `updatedAt`, the newest first, so whatever changes moves to its head. The first pass reads the
whole list. Each pass after it reads the head, down to where the pass before began: what moved there meanwhile. A pass
of one page shows the head of one moment, and with it the sync is done: no record can have slipped by.

A page goes on after a record, by its ID. That record may move to the head, and then the page begins higher up than it
should, or go, and then Fini refuses it. In either case the sync goes on after another record that it saw, a little
further up, and only without any of these at the head again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

from fini_admin.fini.wire import Document

# So many records are remembered to go on after; when one page was refreshed as a whole, those above it help.
ANCHORS = 12
# How often a pass begins again at the head before the sync gives up: a Fini that ignores the cursor never gets on.
MOST_RESTARTS = 20


class SeenRecord(NamedTuple):
    """A record as the list showed it."""

    id: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sync stands between two calls.

    `anchors`: records to go on after, the last of them first. `mark`: the head of the list when the pass before
    began; None in the first pass. `top`: the same of this pass. `pages`: how many this pass has read. `empty_after`:
    after which record a page was empty.
    """

    anchors: tuple[SeenRecord, ...] = ()
    mark: SeenRecord | None = None
    top: SeenRecord | None = None
    passes: int = 0
    pages: int = 0
    restarts: int = 0
    empty_after: str = ""
    done: bool = False

    @classmethod
    def load(cls, stored: dict[str, Any] | None) -> Self:
        """What `store` gave; the head of the list for nothing."""
        held = dict(stored or {})
        for name in ("mark", "top"):
            held[name] = SeenRecord(*held[name]) if held.get(name) else None
        held["anchors"] = tuple(SeenRecord(*anchor) for anchor in held.get("anchors", ()))
        return cls(**held)

    def store(self) -> dict[str, Any]:
        """As JSON can keep it."""
        return asdict(self)

    @property
    def cursor(self) -> str:
        """The ID of the record after which the next page begins; empty at the head."""
        return self.anchors[-1].id if self.anchors else ""

    @property
    def is_lost(self) -> bool:
        """Whether it began again so often that the list cannot be read in order."""
        return self.restarts > MOST_RESTARTS


def after_page(place: Place, documents: Sequence[Document], *, has_more: bool) -> Place:
    """Where to go on after a page was read."""
    if place.anchors and not documents:
        return _after_nothing(replace(place, pages=place.pages + 1))
    if place.anchors and _is_elsewhere(place.anchors[-1], documents):
        return without_cursor(replace(place, pages=place.pages + 1))
    seen = [SeenRecord(document.id, document.updated_at) for document in documents]
    top = place.top if place.anchors else (seen[0] if seen else None)
    read = replace(place, top=top, pages=place.pages + 1)
    if not has_more or not seen or _reaches(seen, place.mark):
        return _next_pass(read)
    return replace(read, anchors=(place.anchors + _anchors_of(seen))[-ANCHORS:])


def _after_nothing(place: Place) -> Place:
    """Go on after an empty page: Fini does not know the cursor's record, or the list ends there despite `has_more`.

    The read goes on from the anchor before; where that leads to the same cursor again, the list has ended.
    """
    if place.empty_after == place.cursor:
        return _next_pass(place)
    return without_cursor(replace(place, empty_after=place.cursor))


def without_cursor(place: Place) -> Place:
    """Go on after the record before the one that the cursor named; at the head when none is left."""
    left = place.anchors[:-1]
    if left:
        return replace(place, anchors=left)
    return replace(place, anchors=(), top=None, pages=0, restarts=place.restarts + 1)


def one_more_pass(place: Place) -> Place:
    """Read the head again, though all seemed to be read."""
    return replace(place, done=False)


def _is_elsewhere(cursor: SeenRecord, documents: Sequence[Document]) -> bool:
    """Whether a page does not follow the cursor's record where that was: that moved up, or Fini did not look at it."""
    return documents[0].updated_at > cursor.updated_at or cursor.id in {one.id for one in documents}


def _reaches(seen: Sequence[SeenRecord], mark: SeenRecord | None) -> bool:
    """Whether a page comes to what the pass before began with: what is older was read by it, or moved above."""
    return mark is not None and any(one == mark or one.updated_at < mark.updated_at for one in seen)


def _anchors_of(seen: Sequence[SeenRecord]) -> tuple[SeenRecord, ...]:
    """Of a page the middle, the last but one and the last."""
    return tuple(dict.fromkeys((seen[len(seen) // 2], seen[max(0, len(seen) - 2)], seen[-1])))


def _next_pass(read: Place) -> Place:
    """A pass was read to its end: the sync is done with it if it was one page, and begins the next one otherwise."""
    return Place(
        mark=read.top or read.mark,
        passes=read.passes + 1,
        restarts=read.restarts,
        done=read.pages == 1,
    )
