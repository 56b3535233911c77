"""Writes to the mirror what an answer says of sources and resources, inside the outcome's transaction (P3)."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from django.db.models import Case, F, QuerySet, TextField, Value, When

from fini_admin.audit import call_names
from fini_admin.audit.transport import Exchange
from fini_admin.fini.providers import Node
from fini_admin.fini.wire import Document
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.lib.rows import update_rows
from fini_admin.sources import counts
from fini_admin.sources.counts import Counted
from fini_admin.sources.models import DiscoveredResource, Source, StateChange
from fini_admin.sources.states import BUSY, ENDED, MOVED, MOVED_TO, State, decide
from fini_admin.workspaces.models import Workspace

COPIED = (
    "external_id",
    "title",
    "original_url",
    "mime_type",
    "kind",
    "english",
    "baser",
    "success",
    "job_id",
    "job_status",
    "knowledge_id",
    "operation",
    "reason",
    "changed",
    "created_at",
    "updated_at",
)
# What is stored beside these fields when they change.
DERIVED = {
    "provider": ("id_key",),
    "external_id": ("id_key", "search_text"),
    "title": ("search_text",),
    "original_url": ("address_key", "search_text"),
    "changed": ("changed_at",),
}
# What a change of state writes.
OF_STATE = ("state", "state_since", "sent_at")


@dataclass(frozen=True, slots=True)
class Observation:
    """The call that showed something, when it was asked, and the run it was for."""

    call: str
    asked_at: datetime
    run: int | None = None

    @classmethod
    def of(cls, done: Exchange[Any]) -> Self:
        """What an answered call showed."""
        return cls(done.call, done.asked_at, done.run)


@dataclass(frozen=True, slots=True)
class Observed:
    """The sources of an answer's records as they are now, and the Fini IDs of those that changed by it."""

    sources: list[Source]
    changed: set[str]


def observe(
    workspace: Workspace, documents: Iterable[Document], origin: Observation, *, queued: Collection[str]
) -> Observed:
    """Bring the mirror to what these records say.

    `queued` names the IDs among them that have an open queue entry. A record read before the one that is stored, or
    asked for before a send that is followed, is left aside: calls overlap. What was stored by a clock that was ahead
    holds nothing back.
    """
    records = {document.id: document for document in documents}
    sources = {held.fini_id: held for held in Source.objects.filter(workspace=workspace, fini_id__in=records)}
    now, history = datetime.now(UTC), []
    read: list[Source] = []
    news: dict[str, set[str]] = {}  # by ID the fields that changed
    for fini_id, record in records.items():
        source = sources[fini_id] = sources.get(fini_id) or _blank(workspace, fini_id, now)
        if source.read_at and origin.asked_at < source.read_at <= now:
            continue
        if source.sent_at and origin.asked_at < source.sent_at <= now:
            continue
        read.append(source)
        changed = _take_over(record, source)
        new = next_state(source, queued=fini_id in queued)
        # Once nothing that Fini may still do moves its time, that tells again.
        settled = source.wanted_since is None or source.wanted_since <= origin.asked_at
        if settled and source.sent_at and source.before_updated == MOVED:
            source.before_updated = f"{MOVED_TO}{source.updated_at}"
            changed.add("before_updated")
        if new != source.state or source.pk is None:
            history.append(_move(source, new, origin, now))
            changed.update(OF_STATE)
        if changed:
            news[fini_id] = changed
    _save([sources[fini_id] for fini_id in news], set().union(*news.values()), history)
    _mark_read(read, origin.asked_at, now)
    return Observed(list(sources.values()), set(news))


def _blank(workspace: Workspace, fini_id: str, now: datetime) -> Source:
    return Source(
        workspace=workspace, fini_id=fini_id, state="", state_since=now, first_seen=now, last_seen=now
    )


def _take_over(record: Document, source: Source) -> set[str]:
    """Copy the record to the source; returns the names of the fields that changed."""
    content = record.content
    values = {name: getattr(record, name) for name in COPIED} | {
        "provider": record.source or source.provider,
        "error": record.error,
        "paragraphs": content.paragraphs,
        "characters": content.characters,
        "content_sha256": content.sha256,
        "excerpt": content.excerpt,
    }
    changed = {name for name, value in values.items() if getattr(source, name) != value}
    for name in changed:
        setattr(source, name, values[name])
    for name in changed & DERIVED.keys():
        changed.update(DERIVED[name])
    if "changed" in changed:
        source.changed_at = (source.changed_at or datetime.now(UTC)) if source.changed else None
    return changed


def next_state(source: Source, *, queued: bool, asking: bool | None = None) -> State:
    """What the mirrored record comes to; a stuck source stays stuck until its job ends, or another is sent.

    `asking`: whether the outcome of a send that is new is unknown; of an older one the source's state tells.
    """
    sent = source.before if source.sent_at else None
    unknown = source.state == State.UNKNOWN if asking is None else asking
    state = decide(source, queued=queued, sent=sent, asking=unknown)
    sticks = asking is None and source.state == State.STUCK and state in BUSY
    return State.STUCK if sticks else state


def _move(source: Source, new: State, origin: Observation, now: datetime, note: str = "") -> StateChange:
    """Set a source's state in memory; returns the row for its history. Saves neither."""
    change = StateChange(
        source=source, at=now, old=source.state, new=new, call=origin.call, run=origin.run, note=note
    )
    source.state, source.state_since = new, now
    if new in ENDED and source.sent_at:
        source.sent_at = None
    return change


def _store_history(history: list[StateChange]) -> None:
    """Store changes of state, and move the counts of the states with them."""
    _store_changes(history)
    deltas: Counter[tuple[UUID, str]] = Counter()
    for change in history:
        deltas[change.source.workspace_id, change.new] += 1
        if change.old:  # a source that is new comes from nowhere
            deltas[change.source.workspace_id, change.old] -= 1
    counts.move(Counted.SOURCES, deltas)


def move_all(sources: Iterable[Source], new: State, origin: Observation, note: str = "") -> None:
    """Move saved sources to a state, with their history; those that have it already are left alone."""
    now, given = datetime.now(UTC), list(sources)
    held = Source.objects.filter(pk__in=[source.pk for source in given]).values_list("pk", "state")
    states = dict(held)  # some were read before a call, and have moved since
    for source in given:
        source.state = states.get(source.pk, source.state)
    moving = [source for source in given if source.state != new]
    history = [_move(source, new, origin, now, note) for source in moving]
    moved = Source.objects.filter(pk__in=[source.pk for source in moving])
    moved.update(state=new, state_since=now)
    _store_history(history)


def note_before_send(sources: QuerySet[Source]) -> None:
    """Keep what these records say before a send: what differs from it later is that send's trace (T3).

    A record that is to be read may have been moved by a registration of ours since: its time tells nothing.
    """
    at = Case(When(wanted_since=None, then=F("updated_at")), default=Value(MOVED), output_field=TextField())
    sources.update(before_job=F("job_id"), before_status=F("job_status"), before_updated=at)


def mark_sent(sources: QuerySet[Source], at: datetime, origin: Observation) -> list[Source]:
    """Fini took the send of `origin` about these: each has a job of ours, which is followed until it ends."""
    sources.update(sent_at=at, run=origin.run, missed_walks=0)
    marked = list(sources)
    by_state: dict[State, list[Source]] = {}
    for source in marked:
        by_state.setdefault(next_state(source, queued=False, asking=False), []).append(source)
    for state, moving in by_state.items():
        move_all(moving, state, origin)
        if state in ENDED:  # its end was seen before we knew that it was sent: nothing is left to follow
            Source.objects.filter(pk__in=[source.pk for source in moving]).update(sent_at=None)
    return marked


def settle_states(
    sources: Iterable[Source], origin: Observation, note: str = "", *, queued: Collection[int]
) -> None:
    """Give saved sources the state that follows from their records; `queued` are the keys of those that wait.

    A `note` is kept in the history of those as well whose state stays.
    """
    by_state: dict[State, list[Source]] = {}
    for source in sources:
        by_state.setdefault(next_state(source, queued=source.pk in queued), []).append(source)
    for state, alike in by_state.items():
        for part in chunks(alike, CHUNK):
            staying = [source for source in part if source.state == state] if note else []
            move_all(part, state, origin, note)
            add_notes(staying, origin, note)


def add_notes(sources: Iterable[Source], origin: Observation, note: str) -> None:
    """Add a note to the history of each of these sources, whose states stay."""
    now = datetime.now(UTC)
    _store_changes(
        [
            StateChange(
                source=source,
                at=now,
                old=source.state,
                new=source.state,
                call=origin.call,
                run=origin.run,
                note=note,
            )
            for source in sources
        ]
    )


def _store_changes(history: list[StateChange]) -> None:
    """Store changes, and let each source's calls be found by its ID."""
    StateChange.objects.bulk_create(history)
    shown: dict[tuple[UUID, str], list[str]] = {}
    for change in history:
        shown.setdefault((change.source.workspace_id, change.call), []).append(change.source.fini_id)
    for (workspace_id, call), ids in shown.items():
        call_names.write(str(workspace_id), call, ids)


def _save(sources: Sequence[Source], fields: Collection[str], history: list[StateChange]) -> None:
    """Store sources that are new, these fields of those that are not, and their history."""
    new, old = [s for s in sources if s.pk is None], [s for s in sources if s.pk is not None]
    Source.objects.bulk_create(new)
    update_rows(old, fields)
    _store_history(history)


def _mark_read(sources: Sequence[Source], asked_at: datetime, now: datetime) -> None:
    """Note when these records were read, and drop the requests for a read that this one fulfils."""
    for source in sources:
        source.read_at, source.last_seen, source.missed_walks = asked_at, now, 0
    read = Source.objects.filter(pk__in=[source.pk for source in sources])
    read.update(read_at=asked_at, last_seen=now, missed_walks=0)
    fulfilled = [source for source in sources if source.wanted_since and source.wanted_since <= asked_at]
    for source in fulfilled:
        source.wanted_since = None
    Source.objects.filter(pk__in=[source.pk for source in fulfilled]).update(wanted_since=None)


def ensure_sources(
    workspace: Workspace,
    provider: str,
    ids: list[str],
    origin: Observation,
    *,
    state: State = State.REGISTERED,
) -> list[Source]:
    """The sources of IDs that Fini returned, in the order of `ids`; unknown ones are made, in `state` (P3)."""
    held = {source.fini_id: source for source in Source.objects.filter(workspace=workspace, fini_id__in=ids)}
    now = datetime.now(UTC)
    new = [_blank(workspace, fini_id, now) for fini_id in ids if fini_id not in held]
    history = []
    for source in new:
        source.provider, source.run = provider, origin.run
        history.append(_move(source, state, origin, now))
    _save(new, (), history)
    call_names.write(str(workspace.pk), origin.call, held)
    held |= {source.fini_id: source for source in new}
    return [held[fini_id] for fini_id in ids]


def store_listing(workspace: Workspace, provider: str, tree: list[Node], run: int) -> None:
    """Store what discovery lists, and keep what it no longer lists.

    Where a later run has listed meanwhile, an older one's late answer changes nothing.
    """
    listed = DiscoveredResource.objects.filter(workspace=workspace, provider=provider, listed_run__gt=run)
    if listed.exists():
        return
    DiscoveredResource.objects.bulk_create(
        _resource_rows(workspace, provider, tree, run),
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["workspace", "provider", "leaf", "parent", "external_id"],
        update_fields=[
            "id_key",
            "path",
            "position",
            "title",
            "original_url",
            "mime_type",
            "object",
            "listed_run",
            "search_text",
        ],
    )


def _resource_rows(
    workspace: Workspace, provider: str, tree: list[Node], run: int
) -> Iterable[DiscoveredResource]:
    """The tree as rows in discovery's order, each place once."""
    seen: set[tuple[bool, str, str]] = set()
    waiting = [(node, "", "") for node in reversed(tree)]
    while waiting:
        node, parent, path = waiting.pop()
        below = f"{path}/{node.external_id}"
        waiting += [(child, node.external_id, below) for child in reversed(node.children)]
        place = (node.leaf, parent, node.external_id)
        if place in seen:
            continue
        seen.add(place)
        yield DiscoveredResource(
            workspace=workspace,
            provider=provider,
            external_id=node.external_id,
            parent=parent,
            path=path,
            position=len(seen),
            leaf=node.leaf,
            title=node.title,
            original_url=node.original_url,
            mime_type=node.mime_type,
            object=node.object,
            listed_run=run,
        )
