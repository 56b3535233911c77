"""Web addresses as people paste them: read, checked, and told apart by what a crawl is to keep. Pure (T8)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from fini_admin.fini.external_ids import strip_unseen
from fini_admin.fini.routes import is_sendable
from fini_admin.fini.same_address import address_key
from fini_admin.ingestion.resource_rules import fault
from fini_admin.ingestion.uploads.lines import LineStart, line_at, line_end, next_line
from fini_admin.lib.key_text import looks_like_key, without_keys

MOST = 5_000  # so many addresses at once, with the words that are none
MOST_PATTERNS = 50
LONGEST_PATTERN = 500
SHOWN = 120
ANY = "*"
NOT_INCLUDED = "No include pattern matches"
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_WORD = re.compile(r"[\w-]+")
_BETWEEN = re.compile(r"[,;](?=https?://)")  # a comma belongs to an address, unless another one follows


@dataclass(slots=True)
class PastedAddresses:
    """What a text holds: the addresses in their order, the line of each, and what is left out.

    `problems` and `duplicates` are lines: the number, what is wrong, and how the address reads. `too_many`: there is
    more than MOST of all of them, which was not read.
    """

    addresses: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    duplicates: list[tuple[int, str, str]] = field(default_factory=list)
    too_many: bool = False


def read_addresses(text: str) -> PastedAddresses:
    """The addresses in a text, one a line or with blanks or commas between; one that stands there again is left out."""
    found = PastedAddresses()
    first: dict[str, int] = {}
    words = _words(text)
    for number, written in islice(words, MOST):
        address = strip_unseen(written).rstrip(",;")
        if not address:
            continue
        if said := address_fault(address):
            found.problems.append((number, said, _shown(address)))
        elif address in first:
            found.duplicates.append((number, f"the same as in line {first[address]:,}", _shown(address)))
        else:
            first[address] = number
            found.addresses.append(address)
            found.lines.append(number)
    found.too_many = next(words, None) is not None
    return found


def _words(text: str) -> Iterator[tuple[int, str]]:
    """What stands between blanks, or before another address, each with the number of its line."""
    place = next_line(text, LineStart())
    while place:
        for match in re.finditer(r"\S+", line_at(text, place)):
            yield from ((place.line, word) for word in _BETWEEN.split(match[0]))
        place = next_line(text, place.after(text, line_end(text, place.start)))


def address_fault(address: str) -> str:
    """What is wrong with an address, to be said after it; empty if it can be sent (T8)."""
    if _UUID.fullmatch(address):
        return "is an ID: only addresses that start with https:// can be brought in here"
    if _WORD.fullmatch(address):
        return "is an ID or a word, not an address: write it in full, starting with https://"
    return fault("original_url", address)


def _shown(address: str) -> str:
    return without_keys(address)[:SHOWN]


def twins_among(addresses: Sequence[str]) -> dict[int, int]:
    """By position, the first position whose address leads to the same page, as far as the spelling tells."""
    first: dict[str, int] = {}
    twins: dict[int, int] = {}
    for position, address in enumerate(addresses):
        before = first.setdefault(address_key(address), position)
        if before != position:
            twins[position] = before
    return twins


def read_patterns(text: str) -> list[str]:
    """The patterns in a text, one a line, each once."""
    return list(dict.fromkeys(filter(None, map(strip_unseen, text.splitlines()))))


def patterns_fault(patterns: Sequence[str]) -> str:
    """Why a crawl takes none of these patterns, without the full stop; empty if it takes them all."""
    if len(patterns) > MOST_PATTERNS or any(len(one) > LONGEST_PATTERN for one in patterns):
        return f"At most {MOST_PATTERNS} patterns of at most {LONGEST_PATTERN} characters"
    if any(map(looks_like_key, patterns)):
        return "A pattern looks like an API key: take it out, and revoke that key in Fini"
    if not all(map(is_sendable, patterns)):
        return "A pattern holds a damaged character, which is no UTF-8: type it again"
    return ""


def why_left_out(address: str, include: Iterable[str], exclude: Iterable[str]) -> str:
    """Why these patterns leave an address out; empty if they keep it. Without `include` all are kept."""
    wanted = list(include)
    if wanted and not any(matches(address, pattern) for pattern in wanted):
        return NOT_INCLUDED
    against = next((pattern for pattern in exclude if matches(address, pattern)), "")
    return f"Excluded by “{against}”" if against else ""


def matches(address: str, pattern: str) -> bool:
    """Whether an address fits a pattern: `*` is any text, and a pattern without one is a part of the address.

    Case does not matter. The time grows with the length alone, whatever the pattern.
    """
    address, pattern = address.casefold(), pattern.casefold()
    if ANY not in pattern:
        return pattern in address
    head, *middle, tail = pattern.split(ANY)
    if not address.startswith(head) or len(address) < len(head) + len(tail):
        return False
    at, end = len(head), len(address) - len(tail)
    for part in middle:
        found = address.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return address.endswith(tail)
