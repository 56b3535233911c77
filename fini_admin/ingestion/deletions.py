"""Deletions of sources in Fini; what is linked with them stays unless it is chosen as well."""

from collections.abc import Sequence
from typing import Unpack

from django.db import transaction

from fini_admin.audit.names import By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.chosen import Chosen, choose, start
from fini_admin.ingestion.eligibility import why_not_deleted
from fini_admin.ingestion.models import Run, RunKind, Stage
from fini_admin.ingestion.queue import hold_for_run
from fini_admin.ingestion.runs import Extra, run_of_token
from fini_admin.workspaces.models import Workspace


def start_delete(
    *,
    by: By,
    workspace: Workspace,
    sources: Sequence[int],
    with_articles: bool = False,
    **extra: Unpack[Extra],
) -> Run:
    """Delete these sources (their keys) in the given order; what may not be deleted now is skipped, and said.

    Raises NothingToDo.
    """
    with transaction.atomic():
        lock_budget(workspace)
        if again := run_of_token(workspace, extra.get("token")):
            return again
        chosen = choose_deleted(workspace, sources)
        run = start(
            RunKind.DELETE,
            Stage.DELETE,
            chosen,
            by=by,
            workspace=workspace,
            with_articles=with_articles,
            **extra,
        )
        hold_for_run(run, chosen.going, {})
    return run


def choose_deleted(workspace: Workspace, sources: Sequence[int]) -> Chosen:
    """Which of these sources may be deleted now, and why the others may not."""
    return choose(workspace, sources, why_not_deleted)
