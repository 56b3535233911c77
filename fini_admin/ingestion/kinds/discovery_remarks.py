"""What a discovery left out or listed with a doubt: stored with its run, shown on its pages and by its command."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fini_admin.fini.providers import DEEPEST, Remark, Why
from fini_admin.ingestion.models import Run
from fini_admin.lib.key_text import without_keys
from fini_admin.sources.selection import UNTITLED

NAMED = 50
LONGEST = 200
SHOWN = 3

# For one and for several: what happened and why, then what to do.
WORDS: dict[Why, tuple[str, str, str]] = {
    Why.NO_ID: (
        "item without an ID was left out",
        "items without an ID were left out",
        "It may be a draft: publish it, and discover again.",
    ),
    Why.UNCLEAR_ID: (
        "item was left out, for its ID came as a number that is not whole or has lost digits",
        "items were left out, for their IDs came as numbers that are not whole or have lost digits",
        "Register it by the ID that its address names.",
    ),
    Why.SAME_ID: (
        "title was dropped, for its ID stands further up with another title or address",
        "titles were dropped, for their IDs stand further up with another title or address",
        "One ID is one source: the first title stays.",
    ),
    Why.NO_OBJECT: (
        "entry was left out, for it is no item",
        "entries were left out, for they are no items",
        "The call holds the answer as it came.",
    ),
    Why.TOO_DEEP: (
        f"item was left out with all that it holds, for it stands below {DEEPEST} others",
        f"items were left out with all that they hold, for they stand below {DEEPEST} others",
        "Move it up, and discover again; or register it by its ID.",
    ),
    Why.LONG_NUMBER: (
        "item is listed with an ID that came as a number too long to be exact",
        "items are listed with IDs that came as numbers too long to be exact",
        "Compare the ID with the address before you register it.",
    ),
}


@dataclass(frozen=True, slots=True)
class RemarkGroup:
    """Remarks of one kind: how many, the names of some, how many more, and what to do."""

    text: str
    names: list[str]
    more: int
    todo: str

    @property
    def first_names(self) -> list[str]:
        """As many names as fit in a line."""
        return self.names[:SHOWN]

    @property
    def further(self) -> list[str]:
        return self.names[SHOWN:]

    @property
    def line(self) -> str:
        more = f" and {self.more:,} more" if self.more else ""
        return f"{self.text}: {', '.join(self.names)}{more}. {self.todo}"


def remarks_to_store(remarks: Iterable[Remark]) -> list[dict[str, Any]]:
    """What a run keeps of remarks: the number of each kind, and the names of at most NAMED in all."""
    found: dict[Why, dict[str, Any]] = {}
    left = NAMED
    for remark in remarks:
        held = found.setdefault(remark.why, {"why": str(remark.why), "number": 0, "named": []})
        held["number"] += 1
        if left:
            named = {name: without_keys(text)[:LONGEST] for name, text in asdict(remark).items()}
            held["named"].append(named)
            left -= 1
    return list(found.values())


def remarks_of_run(run: Run) -> list[RemarkGroup]:
    """A run's remarks in words; empty if everything was listed."""
    return [_group(held) for held in run.left_out]


def _group(held: Mapping[str, Any]) -> RemarkGroup:
    one, several, todo = WORDS[Why(held["why"])]
    number, named = held["number"], held["named"]
    text = f"{number:,} {one if number == 1 else several}"
    return RemarkGroup(text, [_name(item) for item in named], number - len(named), todo)


def _name(item: Mapping[str, str]) -> str:
    """An item's title with what tells it from others."""
    if item["why"] == Why.NO_OBJECT:
        return item["title"]
    title = f"“{item['title']}”" if item["title"] else UNTITLED
    if item["why"] == Why.SAME_ID:
        return f"{title} ({item['external_id']}, listed as “{item['beside']}”)"
    beside = item["external_id"] or item["beside"]
    return f"{title} ({beside})" if beside else title
