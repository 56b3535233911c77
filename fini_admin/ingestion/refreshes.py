"""Refreshes: sources that were ingested before are processed again, by their IDs."""

from collections.abc import Sequence
from typing import Unpack

from django.db import transaction

from fini_admin.audit.names import By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.chosen import Chosen, choose, start
from fini_admin.ingestion.eligibility import why_not_refreshed
from fini_admin.ingestion.models import Lane, Run, RunKind, Stage
from fini_admin.ingestion.queue import hold_for_run
from fini_admin.ingestion.runs import Extra, run_of_token
from fini_admin.workspaces.models import Workspace


def start_refresh(*, by: By, workspace: Workspace, sources: Sequence[int], **extra: Unpack[Extra]) -> Run:
    """Refresh these sources (their keys) in the given order; what may not be refreshed now is skipped, and said.

    Each has its queue entry taken, or one opened, so that no other run sends it (P4). Raises NothingToDo.
    """
    with transaction.atomic():
        lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        chosen = choose_refreshed(workspace, sources)
        run = start(
            RunKind.REFRESH, Stage.REFRESH, chosen, by=by, workspace=workspace, lane=Lane.REFRESH, **extra
        )
        going = chosen.going
        hold_for_run(run, going, {source.pk: Lane.REFRESH for source in going})
    return run


def choose_refreshed(workspace: Workspace, sources: Sequence[int]) -> Chosen:
    """Which of these sources may be refreshed now, and why the others may not."""
    return choose(workspace, sources, why_not_refreshed)
