"""Which sources a walk over the list has to show, and which it did not show so often that they are asked by ID (T6)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from fini_admin.ingestion.models import Item, Stage, StepState, Watch
from fini_admin.lib.prepared import prepared
from fini_admin.sources.models import Source
from fini_admin.sources.states import State

FEW = 3
WALKS_BEFORE_GET = 2
MANY_WALKS = 6
LOOKED_AT_STUCK = timedelta(hours=24)
SHOWN_AFTER = timedelta(seconds=60)


def must_be_seen(watch: Watch) -> QuerySet[Source]:
    """The sources whose record this walk has to show: all followed ones, and those whose read is requested by now."""
    now = datetime.now(UTC)
    return Source.objects.filter(_followed(now) | Q(wanted_since__lte=now), workspace=watch.workspace_id)


def _followed(now: datetime) -> Q:
    return Q(sent_at__isnull=False) & (~Q(state=State.STUCK) | stuck_lately(now))


def _to_be_seen(now: datetime, workspace: UUID) -> QuerySet[Source, Any]:
    """A source whose record a walk has to show, now or later."""
    found = Source.objects.filter(_followed(now) | Q(wanted_since__isnull=False), workspace=workspace)
    return found.values_list("pk")[:1]


TO_BE_SEEN = prepared(_to_be_seen)


def stuck_lately(now: datetime) -> Q:
    """Condition: stuck for less than a day, in which it is looked at once an hour."""
    return Q(state=State.STUCK, state_since__gt=now - LOOKED_AT_STUCK)


def may_come(source: Source) -> bool:
    """Whether Fini may not show a record yet: it made it a moment ago, and nobody has seen it since."""
    return source.read_at is None and source.first_seen > datetime.now(UTC) - SHOWN_AFTER


def is_anything_unread(watch: Watch, since: datetime) -> bool:
    """Whether no call since then showed a record whose job was sent before, other than a stuck one."""
    unread = Q(read_at=None) | Q(read_at__lt=since)
    return must_be_seen(watch).filter(unread, sent_at__lt=since).exclude(state=State.STUCK).exists()


def read_in_walk(watch: Watch) -> Q:
    """Condition: read by this walk. A read time in the future comes from a clock that was ahead and does not count."""
    return Q(read_at__gte=watch.walk_started, read_at__lte=datetime.now(UTC))


def left_to_ids() -> Q:
    """Condition: asked for by its ID however many there are. A walk did not show it for long, or it may be deleted.

    What may have been deleted is expected to be missing, and only its ID tells.
    """
    deleting = Item.objects.filter(source=OuterRef("pk"), stage=Stage.DELETE, step__state=StepState.CHECK)
    return Q(missed_walks__gte=MANY_WALKS) | Q(Exists(deleting), missed_walks__gte=WALKS_BEFORE_GET)


def hidden_from_walks(watch: Watch) -> QuerySet[Source]:
    """The sources to ask for by ID: several walks did not show them, and they are few or left to their IDs."""
    missed = must_be_seen(watch).filter(missed_walks__gte=WALKS_BEFORE_GET)
    return missed if missed.count() <= FEW else missed.filter(left_to_ids())


def is_turn_of_list(watch: Watch) -> bool:
    """Whether the list is read before another ID, for other sources: of many IDs one was asked for last."""
    hidden = hidden_from_walks(watch)
    many = not watch.pages and len(hidden.values_list("pk")[: FEW + 1]) > FEW
    return many and must_be_seen(watch).exclude(pk__in=hidden).exists()
