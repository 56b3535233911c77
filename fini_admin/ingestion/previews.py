"""Previews: found, confirmed, deleted. What a person saw frozen is what is sent, and at most that (P7).

A preview's token is the one-time number of its run: confirmed twice, it leads to the same run (P4).
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Unpack

from django.db.models import Exists, OuterRef

from fini_admin.audit.names import By
from fini_admin.ingestion.kinds.chosen_runs import start_chosen
from fini_admin.ingestion.kinds.ingestions import FrozenEntries, start_ingest
from fini_admin.ingestion.kinds.registrations import start_register
from fini_admin.ingestion.kinds.web import start_web
from fini_admin.ingestion.models import (
    Preview,
    PreviewRow,
    PreviewState,
    Run,
    RunKind,
)
from fini_admin.ingestion.planning.chosen import is_chosen
from fini_admin.ingestion.planning.effort import effort_of
from fini_admin.ingestion.planning.planned_calls import call_plan
from fini_admin.ingestion.planning.preview_answers import AnsweredResources, PostedAnswer
from fini_admin.ingestion.runs.starting import RunOptions
from fini_admin.lib.paging import CHUNK
from fini_admin.workspaces.models import Workspace

KEPT = timedelta(days=1)
_CONFIRMING = timedelta(seconds=30)  # whoever confirmed it in its last moment still reads its rows


def delete_expired() -> None:
    """Delete previews that nobody confirmed within a day, and the rows of those that became a run."""
    expired = Preview.objects.filter(made_at__lt=datetime.now(UTC) - KEPT - _CONFIRMING, run=None)
    confirmed = Preview.objects.filter(Exists(PreviewRow.objects.filter(preview=OuterRef("pk")))).exclude(
        run=None
    )
    for preview in [*expired.only("pk"), *confirmed.only("pk")]:
        while rows := list(preview.rows.values_list("pk", flat=True)[:CHUNK]):
            PreviewRow.objects.filter(pk__in=rows).delete()
    expired.delete()


def find(workspace: Workspace, token: str) -> Preview | None:
    """A workspace's preview that was not confirmed yet and is not older than a day; with what its cost depends on."""
    fresh = Preview.objects.filter(state=PreviewState.OPEN, made_at__gte=datetime.now(UTC) - KEPT)
    known = fresh.select_related("workspace__budget", "workspace__settings")
    return known.filter(workspace=workspace, token=token).first()


def confirm(
    *,
    by: By,
    preview: Preview,
    answer: PostedAnswer | None = None,
    **extra: Unpack[RunOptions],
) -> Run:
    """Start the run of a preview, or find the one that came of it. Raises CannotStart."""
    extra["token"] = preview.token
    if is_chosen(preview):
        run = start_chosen(preview, by=by, **extra)
    elif preview.kind == RunKind.WEB:
        addresses = AnsweredResources(preview, answer or PostedAnswer())
        run = start_web(by=by, workspace=preview.workspace, resources=addresses, **extra)
    elif preview.kind == RunKind.REGISTER:
        run = start_register(
            by=by,
            workspace=preview.workspace,
            provider=preview.provider,
            resources=AnsweredResources(preview, answer or PostedAnswer()),
            then_ingest=preview.then_ingest,
            **extra,
        )
    else:
        run = start_ingest(
            by=by,
            workspace=preview.workspace,
            entries=FrozenEntries(preview),
            **extra,
        )
    shown = {
        "ids": run.total,
        **asdict(effort_of(call_plan(preview), run.total, then_ingest=run.then_ingest)),
    }
    confirmed = Preview.objects.filter(pk=preview.pk, run=None)
    confirmed.update(state=PreviewState.CONFIRMED, run=run, approved=shown)
    return run
