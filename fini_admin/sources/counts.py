"""Counts that are kept: sources in each state, open queue entries in each lane.

Whoever changes what is counted moves the count in the same transaction, under the lock of the workspace's budget, so
that no page has to count rows (P3, P7). `manage.py verify_counts` compares them with the rows.
"""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from django.db.models import F

from fini_admin.sources.models import Count
from fini_admin.workspaces.models import Workspace


class Counted(StrEnum):
    """What is counted by what: sources by state, open queue entries by lane (empty: not read yet)."""

    SOURCES = "sources"
    ENTRIES = "entries"


def move(kind: Counted, deltas: Mapping[tuple[UUID, str], int]) -> None:
    """Add to the counts of workspaces, each named by its key and the value that is counted."""
    for (workspace, value), delta in sorted(deltas.items()):
        if not delta:
            continue
        row = Count.objects.filter(workspace=workspace, kind=kind, value=value)
        if not row.update(number=F("number") + delta):
            Count.objects.create(workspace_id=workspace, kind=kind, value=value, number=delta)


def kept(workspace: Workspace, kind: Counted) -> dict[str, int]:
    """The counts of a workspace by value, by one query; a value without a row counts nothing."""
    rows = Count.objects.filter(workspace=workspace, kind=kind)
    return dict(rows.values_list("value", "number"))
