"""The newest calls of a search, read once for what is told of them together: counts, times, errors (P7)."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from fini_admin.audit import matching
from fini_admin.audit.chain import time_of
from fini_admin.audit.matching import TrailFilter

MOST_COUNTED = 10_000


class CallFacts(NamedTuple):
    """What is counted of a call."""

    at: str
    kind: str
    method: str
    route: str
    status: int | None
    outcome: str
    error: str | None
    duration_ms: int | None
    actor: str
    origin: str
    run: int | None
    key: str

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True, slots=True)
class NewestCalls:
    """The newest first; `cut`: there are more, which are not counted."""

    calls: list[CallFacts]
    cut: bool


@dataclass(slots=True)
class ErrorGroup:
    """Errors with one cause on one route, and when they were seen first and last."""

    cause: str
    route: str
    number: int
    first: str
    last: str


def newest_calls(chain: str, wanted: TrailFilter) -> NewestCalls:
    """The newest MOST_COUNTED calls that match, less those whose time was tampered with."""
    found = matching.calls(chain, wanted, most=MOST_COUNTED + 1)
    rows = list(found.rows.order_by("-seq").values_list(*CallFacts._fields)[: MOST_COUNTED + 1])
    calls = [CallFacts._make(row) for row in rows[:MOST_COUNTED]]
    cut = len(rows) > MOST_COUNTED or found.floor is not None
    return NewestCalls([call for call in calls if time_of(call.at)], cut)


def cause_of_error(error: str) -> str:
    """The cause at the beginning of a call's error; what follows is Fini's own message (fini/errors.py)."""
    return error.partition(": ")[0]


def error_groups(found: NewestCalls) -> list[ErrorGroup]:
    """The errors by cause and route, the most frequent first."""
    groups: dict[tuple[str, str], ErrorGroup] = {}
    for call in found.calls:
        if call.error is None:
            continue
        cause = cause_of_error(call.error)
        group = groups.setdefault((cause, call.route), ErrorGroup(cause, call.route, 0, call.at, call.at))
        group.number += 1
        group.first = call.at
    return sorted(groups.values(), key=lambda group: -group.number)
