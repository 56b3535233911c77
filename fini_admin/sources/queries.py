"""Reads of sources and of their history."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from django.db.models import Count, F, FilteredRelation, Q, QuerySet

from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.wire import SOURCE_ID
from fini_admin.lib.paging import CHUNK, Order, chunks, count, whole_number
from fini_admin.sources.models import TITLE_KEY, Source, StateChange
from fini_admin.sources.search import SOURCE_FIELDS, search
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace

# A reason is told by so many characters: an address has no room for all of a long one.
REASON = 200
# Of so many failed sources, the newest, the reasons are offered to filter by; and at most so many reasons.
_LOOKED_AT, _REASONS = 2_000, 20
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_LATEST = 10**17


def _moment(text: str) -> datetime | None:
    """The time that so many microseconds since 1970 name."""
    number = whole_number(text)
    return None if number is None or number > _LATEST else _EPOCH + number * _MICROSECOND


# What the list may be sorted by, each by an index of its own.
ORDERS = {
    "title": Order("title_key", descending=False, write=str, read=lambda text: text),
    "change": Order(
        "state_since", descending=True, write=lambda at: str((at - _EPOCH) // _MICROSECOND), read=_moment
    ),
}


class SourceCriteria(TypedDict, total=False):
    """Which sources; what is empty does not matter.

    `q` is what was typed to search for, `run` the latest run that touched them; `since`: their state has changed at
    that time or after it. `waits` is the lane of an open queue entry; `reason` is what Fini said when it failed on
    them, or how that begins (`REASON`).
    """

    q: str
    state: str
    provider: str
    run: int | None
    since: datetime | None
    waits: str
    reason: str


COLUMNS = {
    "state": "state",
    "provider": "provider",
    "run": "run",
    "since": "state_since__gte",
    "waits": "open_entry__lane",
}


def matching(workspace: Workspace, filters: SourceCriteria) -> QuerySet[Source]:
    """The sources that match, to be ordered and paged by key; each with the `lane` in which it waits, or None.

    The one filter that the list, its counts, its export and "select all" share.
    """
    given: dict[str, Any] = {
        COLUMNS[name]: value for name, value in filters.items() if value and name in COLUMNS
    }
    found = with_lane(Source.objects.filter(workspace=workspace)).annotate(title_key=TITLE_KEY)
    failed = failed_for(filters.get("reason", ""))
    return found.filter(search(filters.get("q", ""), SOURCE_FIELDS), failed, **given)


def failed_for(reason: str) -> Q:
    """That sources failed for this reason; of a long one its beginning tells."""
    if not reason:
        return Q()
    how = "error__startswith" if len(reason) >= REASON else "error"
    return Q(state=State.FAILED, **{how: reason[:REASON]})


def reasons(workspace: Workspace) -> list[str]:
    """Why the newest failed sources failed, the most frequent reason first; each as the filter takes it."""
    newest = Source.objects.filter(workspace=workspace, state=State.FAILED).exclude(error="").order_by("-pk")
    looked_at = Source.objects.filter(pk__in=newest.values("pk")[:_LOOKED_AT])
    counted = looked_at.values("error").annotate(number=Count("pk")).order_by("-number", "error")
    return list(dict.fromkeys(row["error"][:REASON] for row in counted[:_REASONS]))


def with_lane(found: QuerySet[Source]) -> QuerySet[Source]:
    """Each with the `lane` of its open queue entry: empty until its record was read, None where none is open."""
    is_open = Q(entries__closed_at=None)
    joined = found.annotate(open_entry=FilteredRelation("entries", condition=is_open))
    return joined.annotate(lane=F("open_entry__lane"))


def by_resource(workspace: Workspace, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Source]:
    """The sources in Fini that were registered by these pairs of a provider and an external ID; the newest of each."""
    keys = {name: comparison_key(*name) for name in names}
    found = Source.objects.filter(workspace=workspace, id_key__in=set(keys.values()))
    there = {
        (source.provider, source.id_key): source for source in found.exclude(state=State.GONE).order_by("pk")
    }
    return {name: there[name[0], key] for name, key in keys.items() if (name[0], key) in there}


def keys_by_id(workspace: Workspace, ids: Sequence[str]) -> dict[str, int]:
    """The keys of a workspace's sources by Fini's IDs."""
    found: dict[str, int] = {}
    for part in chunks(list(ids), CHUNK):
        rows = Source.objects.filter(workspace=workspace, fini_id__in=part)
        found |= dict(rows.values_list("fini_id", "pk"))
    return found


def by_state(found: QuerySet[Source]) -> dict[str, str]:
    """How many of them each state has, and all of them under the empty name; counted as paging.count does."""
    return {"": count(found)} | {state: count(found.filter(state=state)) for state in State.values}


def source_of(workspace: Workspace, fini_id: str) -> Source | None:
    if not SOURCE_ID.fullmatch(fini_id):
        return None
    return Source.objects.filter(workspace=workspace, fini_id=fini_id).first()


def history(source: Source) -> QuerySet[StateChange]:
    """A source's changes of state, to be ordered and paged by key."""
    return StateChange.objects.filter(source=source)


def changes_by_call(workspace: Workspace, call: str, *, most: int) -> list[StateChange]:
    """The changes that a call showed, in the order written."""
    changes = StateChange.objects.filter(call=call, source__workspace=workspace).select_related("source")
    return list(changes.order_by("pk")[:most])
