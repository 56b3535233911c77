"""What a run's page offers to retry is what the retry takes."""

from datetime import UTC, datetime
from itertools import product

import pytest

from fini_admin.ingestion.kinds.retries import reasons
from fini_admin.ingestion.models import Item, QueueEntry, Run, RunKind, RunState, Stage
from fini_admin.ingestion.planning.plans import RETRIED, Action, plan_for_item
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.planning.test_plans import RESOURCE
from tests.support.sources import bare

NEVER_INGESTED = (State.REGISTERED, State.QUEUED)
PROVIDERS = ("notion", "files")


def sources(workspace: Workspace, kind: RunKind) -> list[Source | None]:
    """One of each state and provider, read and unread, and none. What is usable was read; a refresh's were ingested."""
    made: list[Source | None] = [None]
    for state, provider, read in product(State, PROVIDERS, (True, False)):
        never = state in NEVER_INGESTED
        if (never and kind == RunKind.REFRESH) or (state == State.USABLE and not read):
            continue
        made.append(
            bare(
                workspace,
                fini_id=f"{state} {provider} {read}",
                state=state,
                provider=provider,
                job_status="" if never else "FAILED",
                read_at=datetime.now(UTC) if read else None,
            )
        )
    return made


@pytest.mark.parametrize(
    ("kind", "then_ingest"),
    [
        (RunKind.REGISTER, False),
        (RunKind.REGISTER, True),
        (RunKind.INGEST, False),
        (RunKind.REFRESH, False),
        (RunKind.DELETE, False),
        (RunKind.WEB, False),
        (RunKind.CRAWL, True),
    ],
)
def test_a_reason_counts_for_a_retry_what_its_plan_does(
    acme: Workspace, *, kind: RunKind, then_ingest: bool
) -> None:
    run = Run.objects.create(
        workspace=acme,
        number=1,
        kind=kind,
        then_ingest=then_ingest,
        state=RunState.ENDED,
        created_at=datetime.now(UTC),
    )
    resource = RESOURCE if kind == RunKind.REGISTER else None
    planned = {}
    for number, (source, outcome) in enumerate(product(sources(acme, kind), RETRIED)):
        text = f"{number}: {source and source.fini_id} {outcome}"
        Item.objects.create(
            run=run,
            position=number,
            stage=Stage.ENDED,
            outcome=outcome,
            reason=text,
            provider="web" if kind in (RunKind.WEB, RunKind.CRAWL) else "notion",
            source=source,
            resource=resource,
        )
        way = plan_for_item(run, outcome, source, resource, {}).way
        in_vain = source and source.state == State.USABLE and way == Action.READ
        planned[text] = way != Action.NOTHING and not in_vain  # a read would tell that it is usable
    assert {reason.text: bool(reason.retryable) for reason in reasons(run)} == planned


@pytest.mark.parametrize("how", ["followed", "queued"])
def test_what_another_run_has_is_not_offered_meanwhile(acme: Workspace, how: str) -> None:
    now = datetime.now(UTC)
    failed, again = (
        Run.objects.create(workspace=acme, number=number, kind=RunKind.INGEST, state=state, created_at=now)
        for number, state in ((1, RunState.ENDED), (2, RunState.RUNNING))
    )
    source = bare(acme, state=State.FAILED, job_status="FAILED", read_at=now)
    one = {"position": 0, "provider": "notion", "source": source}
    Item.objects.create(run=failed, stage=Stage.ENDED, outcome="failed", reason="why", **one)
    assert [reason.retryable for reason in reasons(failed)] == [1]
    if how == "followed":
        Item.objects.create(run=again, stage=Stage.FOLLOW, **one)
    else:
        QueueEntry.objects.create(workspace=acme, source=source, run=again, opened_at=now, opened_by="ada")
    assert [reason.retryable for reason in reasons(failed)] == [0]
