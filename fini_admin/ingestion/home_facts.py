"""What Home tells of a workspace's keys, list and queue: by two queries, for it is polled (P7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, QuerySet, Subquery

from fini_admin.ingestion.models import Lane, QueueEntry
from fini_admin.ingestion.queue import QueueCounts, selectable, taken_out
from fini_admin.ingestion.runs.standstill import no_key_opens, why_list_unreadable
from fini_admin.lib.paging import RowCount, counted_text
from fini_admin.lib.prepared import prepared
from fini_admin.sources.models import DiscoveredResource
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace
from fini_admin.workspaces.queries import facts_query

WAITS_LONG = timedelta(days=1)
_FIELDS = ("budget__no_key_until", "budget__held_by", "watch__error", "watch__error_kind")


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """`keys` that are not off. `held_by`: who holds all work. `listless`: why the list cannot be read.

    `sendable`: what can be sent of the lane *add*.
    `listed`: something was discovered; `registered`: something is or was in the queue; `sent`: something was sent.
    """

    keys: list[ApiKey]
    key_opens: bool
    held_by: str
    listless: str
    waiting_long: str
    taken_out: str
    sendable: QueueCounts
    listed: bool
    registered: bool
    sent: bool


def home_facts(workspace: Workspace) -> HomeFacts:
    [found] = _FACTS(workspace.pk)
    return HomeFacts(
        keys=list(ApiKey.objects.filter(workspace=workspace).exclude(state=KeyState.OFF)),
        key_opens=not no_key_opens(found["budget__no_key_until"]),
        held_by=found["budget__held_by"] or "",
        listless=why_list_unreadable(found["watch__error"], found["watch__error_kind"]),
        waiting_long=counted_text(found["waiting_long"]),
        taken_out=counted_text(found["taken_out"]),
        sendable=QueueCounts({}, counted_text(found["sendable"]), found["newest"] or 0),
        listed=found["listed"],
        registered=found["registered"],
        sent=found["sent"],
    )


def _facts(now: datetime, key: UUID) -> QuerySet[Workspace, dict[str, Any]]:
    workspace = Workspace(pk=key)
    waiting = QueueEntry.objects.filter(workspace=key, closed_at=None, run=None)
    sendable = selectable(workspace, Lane.ADD)
    return facts_query(
        key,
        *_FIELDS,
        waiting_long=RowCount(waiting.filter(opened_at__lt=now - WAITS_LONG)),
        taken_out=RowCount(taken_out(workspace)),
        sendable=RowCount(sendable),
        newest=Subquery(sendable.order_by("-pk").values("pk")[:1]),
        **steps_taken(workspace),
    )


_FACTS = prepared(_facts)


def steps_taken(workspace: Workspace) -> dict[str, Exists]:
    """The questions how far a new workspace has come; none reads the queue."""
    entries = QueueEntry.objects.filter(workspace=workspace)
    return {
        "listed": Exists(DiscoveredResource.objects.filter(workspace=workspace)),
        "registered": Exists(entries),
        "sent": Exists(entries.filter(closed_how="sent", closed_at__isnull=False)),
    }
