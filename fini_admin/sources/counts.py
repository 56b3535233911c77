"""Counts that are kept: sources in each state, open queue entries in each lane.

Whoever changes what is counted moves the count in the same transaction, under the lock of the workspace's budget, so
that no page has to count rows (P3, P7). `manage.py verify_counts` compares them with the rows.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from fini_admin.lib.prepared import prepared, prepared_update
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
        if not _MOVE(workspace, kind.value, value, delta):
            Count.objects.create(workspace_id=workspace, kind=kind, value=value, number=delta)


def _moved(
    _: datetime, workspace: UUID, kind: str, value: str, delta: int
) -> tuple[QuerySet[Count], dict[str, Any]]:
    return Count.objects.filter(workspace=workspace, kind=kind, value=value), {"number": F("number") + delta}


_MOVE = prepared_update(_moved)


def kept(workspace: Workspace, kind: Counted) -> dict[str, int]:
    """The counts of a workspace by value, by one query; a value without a row counts nothing."""
    return dict(_KEPT(workspace.pk, kind.value))


_KEPT = prepared(
    lambda _, workspace, kind: Count.objects.filter(workspace=workspace, kind=kind).values_list(
        "value", "number"
    )
)
