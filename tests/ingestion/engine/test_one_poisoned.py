"""One ID that Fini refuses among many costs a few writes, and it alone is not ingested (T4)."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, log2

import pytest

from fini_admin.ingestion.engine.split import MOST_CALLS
from fini_admin.ingestion.models import Item, ItemOutcome, Lane, QueueEntry, Run, RunState
from fini_admin.ingestion.verify_counts import differences
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.work import Start, bodies, drive, ends, requests

IDS, BATCH = 2_000, 100
ALL = slice(None)
WORDS = "The request could not be processed"
INGEST = "/v2/documents/public"


def queued(workspace: Workspace, sandbox: Sandbox, count: int, waiting: slice = ALL) -> list[Source]:
    """So many registered sources that Fini has, the oldest first; those of the slice wait in the queue here."""
    sandbox.settings(seed_sources=False)
    sandbox.seed(count, source="notion", state="registered")
    now = datetime.now(UTC)
    made = [
        Source(
            workspace=workspace,
            fini_id=held["id"],
            provider="notion",
            external_id=held["externalId"],
            original_url=held["originalUrl"],
            updated_at=held["updatedAt"],
            state="queued",
            state_since=now,
            first_seen=now,
            last_seen=now,
            read_at=now,
        )
        for held in reversed(sandbox.documents())
    ]
    Source.objects.bulk_create(made, batch_size=1000)
    entries = (
        QueueEntry(workspace=workspace, source=source, lane=Lane.ADD, opened_at=now, opened_by="ada")
        for source in made[waiting]
    )
    QueueEntry.objects.bulk_create(entries, batch_size=1000)
    differences(workspace, mend=True)
    return made


@pytest.mark.parametrize("place", [0, IDS - 21])
def test_one_poisoned_id_among_many_is_found_for_few_writes(
    acme: Workspace, sandbox: Sandbox, ingest: Start, place: int
) -> None:
    poisoned = queued(acme, sandbox, IDS)[place]
    sandbox.settings(poisoned=[poisoned.original_url])
    run = ingest()
    drive(acme, seconds=120)
    assert Run.objects.get().state == RunState.ENDED
    assert ends(run) == {"done": IDS - 1, "refused": 1}
    statuses = Counter(entry["status"] for entry in requests(sandbox, "POST", INGEST))
    assert statuses[400] <= ceil(log2(BATCH)) + 1
    assert statuses.total() <= IDS // BATCH + min(2 * ceil(log2(BATCH)), MOST_CALLS)
    # Between a refusal and the next call with one of its IDs, each of them was read.
    refused = Item.objects.get(outcome=ItemOutcome.REFUSED)
    assert refused.source_id == poisoned.pk
    asked = [body for body in bodies(acme, "ingest") if poisoned.fini_id in body["documentIdsToAdd"]]
    sizes = [len(body["documentIdsToAdd"]) for body in asked]
    assert sizes[0] == BATCH
    assert sizes[-1] == 1
    assert all(after <= (before + 1) // 2 for before, after in pairwise(sizes))
    assert len(sizes) == statuses[400]
    read_back = StateChange.objects.filter(source=poisoned, note__startswith="No trace of the call")
    assert read_back.count() == statuses[400]
    assert WORDS in refused.reason
    assert {one["jobCount"] for one in sandbox.documents() if one["id"] != poisoned.fini_id} == {1}


@pytest.mark.parametrize("first", [0, IDS // 2, IDS - BATCH])
def test_a_refused_batch_is_read_back_for_few_calls_however_deep_it_stands(
    acme: Workspace, sandbox: Sandbox, ingest: Start, first: int
) -> None:
    poisoned = queued(acme, sandbox, IDS, waiting=slice(first, first + BATCH))[first + BATCH // 3]
    sandbox.settings(poisoned=[poisoned.original_url])
    run = ingest()
    drive(acme, seconds=60)
    assert ends(run) == {"done": BATCH - 1, "refused": 1}
    # Nothing else goes on: each call between the first refusal and the last one was spent on finding the offender.
    statuses = [entry["status"] for entry in sandbox.log()]
    refusals = [number for number, status in enumerate(statuses) if status == 400]
    assert len(refusals) > log2(BATCH)
    assert refusals[-1] - refusals[0] + 1 <= MOST_CALLS


def test_a_refused_batch_is_read_back_where_the_record_that_leads_to_it_is_gone(
    acme: Workspace, sandbox: Sandbox, ingest: Start
) -> None:
    *others, newest = queued(acme, sandbox, IDS, waiting=slice(0, BATCH))[:BATCH]
    sandbox.settings(poisoned=[others[BATCH // 3].original_url])
    run = ingest()

    def remove_once_refused() -> None:
        if any(entry["status"] == 400 for entry in sandbox.log()):
            sandbox.remove([newest.fini_id])

    drive(acme, seconds=60, between=remove_once_refused)
    assert ends(run) == {"done": BATCH - 2, "refused": 1, "failed": 1}
    assert Source.objects.get(pk=newest.pk).state == State.GONE
    asked = [entry["path"] for entry in sandbox.log() if f"cursor={newest.fini_id}" in entry["path"]]
    assert len(asked) == 1
