"""Reads of sources and of their history."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection
from django.db.models import F, FilteredRelation, Q, QuerySet

from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.routes import SOURCES
from fini_admin.fini.wire import SOURCE_ID
from fini_admin.lib.paging import CHUNK, Order, chunks, count, whole_number
from fini_admin.sources import counts
from fini_admin.sources.counts import Counted
from fini_admin.sources.models import TITLE_KEY, Source, StateChange
from fini_admin.sources.search import search
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
    them, or how that begins (`REASON`). `changed`: Fini marks their originals as changed.
    """

    q: str
    state: str
    provider: str
    run: int | None
    since: datetime | None
    waits: str
    reason: str
    changed: bool | None


COLUMNS = {
    "state": "state",
    "provider": "provider",
    "run": "run",
    "since": "state_since__gte",
    "waits": "open_entry__lane",
    "changed": "changed",
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
    return found.filter(search(workspace.pk, filters.get("q", "")), failed, **given)


def keys_newest_first(found: QuerySet[Source], upto: int | None = None) -> list[int]:
    """The keys of these sources; `upto` leaves out newer ones."""
    older = found if upto is None else found.filter(pk__lte=upto)
    return list(older.order_by("-pk").values_list("pk", flat=True))


_LISTED = (
    *("fini_id", "external_id", "title", "original_url", "provider", "run"),
    *("state", "state_since", "error", "changed", "changed_at", "first_seen", "last_seen"),
)


def as_listed(found: QuerySet[Source]) -> QuerySet[Source]:
    """With what the list shows of a source and no more, for it is polled."""
    return found.only(*_LISTED)


def failed_for(reason: str) -> Q:
    """That sources failed for this reason; of a long one its beginning tells."""
    if not reason:
        return Q()
    how = "error__startswith" if len(reason) >= REASON else "error"
    return Q(state=State.FAILED, **{how: reason[:REASON]})


def reasons(workspace: Workspace) -> list[str]:
    """Why the newest failed sources failed, the most frequent reason first; each as the filter takes it."""
    return list(_numbers(_FAILURES, workspace)["failures"])


# By hand, for each poll of Home asks it: to put it together would take longer than to answer it.
_FAILURES = """
    SELECT 'failures', error, count(*) AS number FROM (
        SELECT error FROM sources_source
        WHERE workspace_id = %(key)s AND state = %(failed)s AND error <> '' ORDER BY id DESC LIMIT %(looked_at)s
    ) newest GROUP BY error ORDER BY number DESC, error LIMIT %(reasons)s
"""
_NUMBERS = f"""
    SELECT kind, value, number FROM sources_count WHERE workspace_id = %(key)s
    UNION ALL SELECT * FROM ({_FAILURES}) failures
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class KeptNumbers:
    """The kept counts of sources by state and of open entries by lane, and how many newest failed have each reason."""

    sources: dict[str, int]
    entries: dict[str, int]
    failures: dict[str, int]


def kept_numbers(workspace: Workspace) -> KeptNumbers:
    """All of them by one query."""
    found = _numbers(_NUMBERS, workspace)
    return KeptNumbers(found[Counted.SOURCES], found[Counted.ENTRIES], found["failures"])


def _numbers(sql: str, workspace: Workspace) -> dict[str, dict[str, int]]:
    """The numbers of each kind; of failures, whose long reasons are one by their beginning, the most frequent first."""
    key = Workspace._meta.pk.get_db_prep_value(workspace.pk, connection)
    values = {"key": key, "failed": State.FAILED.value, "looked_at": _LOOKED_AT, "reasons": _REASONS}
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = sorted(cursor.fetchall(), key=lambda row: (-row[2], row[1]))
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for kind, value, number in rows:
        found[kind][value[:REASON]] = found[kind].get(value[:REASON], 0) + number
    return found


def with_lane(found: QuerySet[Source]) -> QuerySet[Source]:
    """Each with the `lane` of its open queue entry: empty until its record was read, None where none is open."""
    is_open = Q(entries__closed_at=None)
    joined = found.annotate(open_entry=FilteredRelation("entries", condition=is_open))
    return joined.annotate(lane=F("open_entry__lane"))


def by_resource(workspace: Workspace, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Source]:
    """The sources in Fini that were registered by these pairs of a provider and an external ID; the newest of each."""
    keys = {name: comparison_key(*name) for name in names}
    providers = {provider for provider, _ in names}
    mine = Source.objects.filter(workspace=workspace, provider__in=providers, id_key__in=set(keys.values()))
    # Ordered here: ordered by the database, all sources of the workspace would be looked through.
    found = sorted(mine.exclude(state=State.GONE), key=lambda source: source.pk)
    there = {(source.provider, source.id_key): source for source in found}
    return {name: there[name[0], key] for name, key in keys.items() if (name[0], key) in there}


def keys_by_id(workspace: Workspace, ids: Sequence[str]) -> dict[str, int]:
    """The keys of a workspace's sources by Fini's IDs."""
    found: dict[str, int] = {}
    for part in chunks(list(ids), CHUNK):
        rows = Source.objects.filter(workspace=workspace, fini_id__in=part)
        found |= dict(rows.values_list("fini_id", "pk"))
    return found


def by_state(workspace: Workspace, criteria: SourceCriteria) -> dict[str, str]:
    """How many sources that match have each state, and how many match, under the empty name.

    Exact without criteria, for these counts are kept; else counted as paging.count does.
    """
    if not any(criteria.values()):
        return _in_each_state(counts.kept(workspace, Counted.SOURCES))
    found = matching(workspace, criteria)
    return {"": count(found)} | {state: count(found.filter(state=state)) for state in State.values}


def _in_each_state(held: Mapping[str, int]) -> dict[str, str]:
    """The kept counts as `by_state` tells them."""
    numbers = {"": sum(held.values())} | {state: held.get(state, 0) for state in State.values}
    return {state: intcomma(number) for state, number in numbers.items()}


def source_of(workspace: Workspace, fini_id: str) -> Source | None:
    if not SOURCE_ID.fullmatch(fini_id):
        return None
    return Source.objects.filter(workspace=workspace, fini_id=fini_id).first()


def ids_of_external(workspace: Workspace, external_id: str) -> list[str]:
    """The IDs in Fini of the sources that have this external ID, at most 100."""
    found = Source.objects.filter(
        workspace=workspace, provider__in=SOURCES, external_id=external_id, fini_id__gt=""
    )
    return list(found.values_list("fini_id", flat=True)[:100])


def history(source: Source) -> QuerySet[StateChange]:
    """A source's changes of state, to be ordered and paged by key."""
    return StateChange.objects.filter(source=source)


def changes_by_call(workspace: Workspace, call: str, *, most: int) -> list[StateChange]:
    """The changes that a call showed, in the order written."""
    changes = StateChange.objects.filter(call=call, source__workspace=workspace).select_related("source")
    return list(changes.order_by("pk")[:most])
