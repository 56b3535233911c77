"""What ingestion knows of one source: its place in the queue, its part in runs, and the calls about it."""

from collections.abc import Collection

from fini_admin.audit.expressions import IsOutcome
from fini_admin.audit.models import Entry
from fini_admin.audit.names import CallKind
from fini_admin.audit.queries import one_a_call
from fini_admin.ingestion.models import Item, QueueEntry
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace


def entry_of(source: Source) -> QueueEntry | None:
    """The source's open place in the queue."""
    return QueueEntry.objects.filter(source=source, closed_at=None).select_related("run").first()


def items_of(source: Source, *, most: int) -> list[Item]:
    """The source's part in runs, the newest first, with the step that carried it."""
    found = Item.objects.filter(source=source).select_related("run", "step")
    return list(found.order_by("-pk")[:most])


def calls(workspace: Workspace, ids: Collection[str]) -> list[Entry]:
    """The newest row of each of these calls, the newest first."""
    rows = Entry.objects.filter(chain=str(workspace.pk), call__in=set(ids))
    # Two queries, each of which has an index of its own.
    asked, ended = rows.filter(kind=CallKind.ASKED), rows.filter(IsOutcome("kind"))
    newest_first = sorted([*asked, *ended], key=lambda row: -row.seq)
    return one_a_call(newest_first)[::-1]
