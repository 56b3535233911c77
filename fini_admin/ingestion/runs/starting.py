"""How a run of every kind starts: once, with its row, its audit entry, and what it is to send."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Protocol, TypedDict, TypeVar

from django.db import transaction
from django.db.models import Max

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.models import Item, Run, RunKind
from fini_admin.ingestion.runs.steps import ItemWriter, add_step, batch_size
from fini_admin.ingestion.wakeup import wake
from fini_admin.workspaces.models import Workspace

V_co = TypeVar("V_co", covariant=True)


class SizedIterable(Protocol[V_co]):
    """A collection that is read once: its length, and its elements in order."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[V_co]: ...


class CannotStart(Exception):
    """A run cannot be started; says why, in one line."""


class RunOptions(TypedDict, total=False):
    """Options of a run: its reason, its one-time number, and what is sent along with an ingest."""

    reason: str
    token: str | None
    english: bool | None
    baser: bool | None


def start_run(
    workspace: Workspace,
    kind: RunKind,
    items: Callable[[Run], Iterable[Item]] | None = None,
    *,
    by: By,
    token: str | None = None,
    none_left: str = "None of these can be sent any more",
    **fields: object,
) -> Run:
    """Start a run, or find the one that was started with the same one-time number (P4).

    `items` makes what the run is to send, in sending order, under the budget's lock; without it the run is one call.
    Raises CannotStart with `none_left` if every item is skipped.
    """
    with transaction.atomic():
        budget = lock_budget(workspace)
        if again := run_of_token(workspace, token):
            return again
        run = new_run(workspace, kind, by=by, token=token, **fields)
        if items is None:
            add_step(run, kind, run.provider, [])
            return run
        ItemWriter(run, batch_size(budget)).write(items(run))
        if run.skipped == run.total:
            raise CannotStart(none_left)
    return run


def run_of_token(workspace: Workspace, token: str | None) -> Run | None:
    """The run that was started with this one-time number: a form sent twice leads to the same run (P4)."""
    return Run.objects.filter(workspace=workspace, token=token).first() if token else None


def new_run(workspace: Workspace, kind: RunKind, *, by: By, **fields: object) -> Run:
    """Store the next run of a workspace, record it in the audit trail and wake the workers."""
    last = Run.objects.filter(workspace=workspace).aggregate(Max("number"))["number__max"] or 0
    run = Run(
        workspace=workspace,
        number=last + 1,
        kind=kind,
        actor=by.actor,
        origin=by.origin,
        created_at=datetime.now(UTC),
    )
    for name, value in fields.items():
        setattr(run, name, value)
    run.save(force_insert=True)
    detail: dict[str, object] = {"kind": str(kind), "provider": run.provider, "total": run.total}
    detail |= {"reason": run.reason} if run.reason else {}
    detail |= {"then_ingest": True} if run.then_ingest else {}
    detail |= {"retry_of": run.retry_of.number} if run.retry_of else {}
    chain.record(
        chain=str(workspace.pk),
        kind=Activity.RUN_STARTED,
        by=by,
        run=run.number,
        detail=detail,
    )
    wake()
    return run


def new_token() -> str:
    """A one-time number for a form that starts a run."""
    return secrets.token_urlsafe(24)
