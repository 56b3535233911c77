"""Syncs: every source that Fini holds is brought into the mirror, also what was added elsewhere."""

from datetime import datetime
from typing import Unpack

from django.db import transaction

from fini_admin.audit.names import By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.models import NOT_ENDED, Run, RunKind, RunState, Verification
from fini_admin.ingestion.runs.starting import RunOptions, run_of_token, start_run
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import KeyState, Workspace


def start_sync(*, by: By, workspace: Workspace, **extra: Unpack[RunOptions]) -> Run:
    """Start a sync, or find the one that goes on, or the run of the same token."""
    with transaction.atomic():
        lock_budget(workspace)
        going = run_of_token(workspace, extra.get("token")) or running_sync(workspace)
        return going or start_run(workspace, RunKind.SYNC, by=by, **extra)


def running_sync(workspace: Workspace) -> Run | None:
    """The sync that goes on; a second one beside it would tell nothing more."""
    return Run.objects.filter(workspace=workspace, kind=RunKind.SYNC, state__in=NOT_ENDED).first()


def last_synced_at(workspace: Workspace) -> datetime | None:
    """When the whole list was read last."""
    ended = Run.objects.filter(workspace=workspace, kind=RunKind.SYNC, state=RunState.ENDED, error="")
    return ended.order_by("-number").values_list("ended_at", flat=True).first()


def is_offered(workspace: Workspace) -> bool:
    """Whether the workspace's key lists sources of which the mirror has none, and no sync was ever started."""
    found = Verification.objects.filter(
        key__workspace=workspace, key__state=KeyState.LIVE, sources_found=True
    )
    return found.exists() and not (
        Source.objects.filter(workspace=workspace).exists()
        or Run.objects.filter(workspace=workspace, kind=RunKind.SYNC).exists()
    )
