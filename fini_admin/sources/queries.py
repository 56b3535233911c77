"""Reads of sources and of their history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.db.models import F, FilteredRelation, Q, QuerySet

from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.wire import SOURCE_ID
from fini_admin.lib.paging import CHUNK, chunks, count
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.search import SOURCE_FIELDS, search
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace


class SourceCriteria(TypedDict, total=False):
    """Which sources; what is empty does not matter.

    `q` is what was typed to search for, `run` the latest run that touched them; `since`: their state has changed at
    that time or after it. `waits` is the lane of an open queue entry; `reason` is what Fini said when it failed on it.
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
    "reason": "error",
    "waits": "open_entry__lane",
}


def matching(workspace: Workspace, filters: SourceCriteria) -> QuerySet[Source]:
    """The sources that match, to be ordered and paged by key; each with the `lane` in which it waits, or None.

    The one filter that the list, its counts, its export and "select all" share.
    """
    given: dict[str, Any] = {COLUMNS[name]: value for name, value in filters.items() if value and name != "q"}
    found = with_lane(Source.objects.filter(workspace=workspace))
    return found.filter(search(filters.get("q", ""), SOURCE_FIELDS), **given)


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
