"""Retries over a real socket: what failed becomes usable, and nothing else is touched."""

import json
from collections import Counter
from typing import Any

import pytest
import requests as http

from fini_admin.audit.models import Entry
from fini_admin.ingestion import previews
from fini_admin.ingestion.kinds import deletions, retries
from fini_admin.ingestion.models import Preview, QueueEntry, Run
from fini_admin.ingestion.planning import planned_calls
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace
from tests.ingestion.engine.test_delete import delete
from tests.support.sandbox import Sandbox
from tests.support.trail import one_to_one
from tests.support.who import by
from tests.support.work import Start, bodies, drive, ends, requests, resources


def retry(run: Run, reason: str | None = None) -> Run:
    return confirm(frozen(run, reason))


def frozen(run: Run, reason: str | None = None) -> Preview:
    return retries.freeze_run(run=Run.objects.get(pk=run.pk), reason=reason)


def confirm(preview: Preview) -> Run:
    return previews.confirm(by=by("ada"), preview=preview)


def usable() -> int:
    return Source.objects.filter(provider="notion", state="usable").count()


def test_three_reasons_three_ways_and_all_are_usable(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"}, poisoned=["n-2"])
    run = register(resources(6), then_ingest=True)
    drive(acme)
    assert ends(run) == {"done": 3, "failed": 2, "refused": 1}
    told = retries.reasons(run)
    assert sum(reason.total for reason in told) == sum(reason.retryable for reason in told) == 3
    assert len(told) == 3
    sandbox.settings(outcomes={}, poisoned=[])
    preview = frozen(run)
    assert Counter(preview.summary["ways"]) == {"refresh": 1, "register": 1}
    plan = planned_calls.call_plan(preview)
    assert sorted(call.path for call in plan.calls(9)) == [
        "/v2/documents/public/refresh",
        "/v2/documents/public/resources/notion",
    ]
    again = confirm(preview)
    assert (again.retry_of, again.kind, again.then_ingest) == (run, "register", True)
    drive(acme)
    assert ends(again) == {"done": 3}
    assert usable() == 6
    assert len(bodies(acme, "refresh")[0]["documentIds"]) == 2
    one_to_one(acme, sandbox)


def started(run: Run) -> dict[str, Any]:
    """What the audit trail says of the start of a run."""
    said: dict[str, Any] = json.loads(Entry.objects.get(kind="run.started", run=run.number).detail or "")
    return said


def test_one_reason_alone(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty", "n-2": "empty"})
    run = register(resources(3), then_ingest=True)
    drive(acme)
    sandbox.settings(outcomes={})
    first = retries.reasons(run)[0]
    assert (first.text, first.total) == ("Fini completed it and found nothing usable", 2)
    again = retry(run, first.text)
    drive(acme)
    assert ends(again) == {"done": 2}
    assert usable() == 2
    assert started(run) == {"kind": "register", "provider": "notion", "total": 3, "then_ingest": True}
    assert started(again)["retry_of"] == run.number
    with pytest.raises(CannotStart, match="for this reason"):
        retry(run, "no such reason")
    with pytest.raises(CannotStart, match="It is usable by now"):
        retry(run, first.text)


def test_what_fini_refused_to_ingest_takes_its_place_in_the_queue(
    acme: Workspace, sandbox: Sandbox, register: Start, ingest: Start
) -> None:
    register(resources(3))
    drive(acme)
    sandbox.settings(poisoned=["n-1"])
    run = ingest()
    drive(acme)
    assert ends(run) == {"done": 2, "refused": 1}
    entry = QueueEntry.objects.get(closed_at=None)
    sandbox.settings(poisoned=[])
    again = retry(run)
    entry.refresh_from_db()
    assert entry.run == again
    drive(acme)
    assert ends(again) == {"done": 1}
    assert usable() == 3
    assert not QueueEntry.objects.filter(closed_at=None).exists()


def test_sources_are_retried_by_what_each_is(acme: Workspace, sandbox: Sandbox, register: Start) -> None:
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "empty"})
    register(resources(3), then_ingest=True)
    drive(acme)
    sandbox.settings(outcomes={})
    keys = list(Source.objects.filter(provider="notion").values_list("pk", flat=True))
    preview = retries.freeze_sources(workspace=acme, sources=keys)
    assert (preview.kind, preview.summary["skipped"]) == ("refresh", {"It is usable by now": 1})
    again = confirm(preview)
    assert (again.retry_of, again.total) == (None, 2)
    drive(acme)
    assert ends(again) == {"done": 2}
    assert usable() == 3


@pytest.mark.parametrize("came_to", ["usable", "failed", "running"])
def test_what_is_unknown_is_read_first_and_goes_on_as_its_record_says(
    acme: Workspace, sandbox: Sandbox, register: Start, came_to: str
) -> None:
    run = register(resources(1), then_ingest=True)
    drive(acme)
    source = Source.objects.get(provider="notion")
    run.items.update(outcome="unknown", reason="No end after 24 hours")
    Run.objects.filter(pk=run.pk).update(done=0, unknown=1)
    Source.objects.filter(pk=source.pk).update(state=State.STUCK, read_at=None)
    jobs = {"usable": 1, "failed": 2, "running": 2}[came_to]
    if came_to == "failed":
        sandbox.change(source.fini_id, linkedJobStatus="FAILED", success=False)
    if came_to == "running":
        sandbox.settings(pending_seconds=[60, 60])
        start_elsewhere(sandbox, source.fini_id)
    again = retry(run)
    assert again.items.get().stage == "read"

    def let_it_end() -> None:
        if again.items.filter(stage="follow").exists():
            sandbox.advance(120)

    drive(acme, between=let_it_end)
    expected = {"usable": {"skipped": 1}}.get(came_to, {"done": 1})
    assert ends(again) == expected
    assert next(held for held in sandbox.documents() if held["id"] == source.fini_id)["jobCount"] == jobs
    assert usable() == 1
    assert not QueueEntry.objects.filter(closed_at=None).exists()


def start_elsewhere(sandbox: Sandbox, fini_id: str) -> None:
    """Somebody refreshes it in Fini, without us."""
    answer = http.post(
        f"{sandbox.url}/v2/documents/public/refresh",
        json={"documentIds": [fini_id]},
        headers={"Authorization": f"Bearer {sandbox.key}"},
        timeout=5,
    )
    assert answer.status_code == 200


def test_a_run_that_goes_on_or_has_nothing_to_retry_says_so(acme: Workspace, register: Start) -> None:
    run = register(resources(1))
    with pytest.raises(CannotStart, match=f"Run {run.number} has not ended"):
        retry(run)
    drive(acme)
    run.refresh_from_db()
    with pytest.raises(CannotStart, match=f"Run {run.number} has nothing to retry"):
        retry(run)


def test_a_deletion_is_deleted_again_and_a_deleted_source_registered_again(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    register(resources(3), then_ingest=True)
    drive(acme)
    keys = list(Source.objects.filter(provider="notion").order_by("pk").values_list("pk", flat=True))
    sandbox.fault(method="DELETE", status=404, message="Cannot DELETE", count=1)
    run = delete(acme, keys)
    drive(acme)
    run.refresh_from_db()
    assert ends(run) == {"refused": 3}
    again = retry(run)
    assert again.kind == "delete"
    drive(acme)
    again.refresh_from_db()
    assert ends(again) == {"done": 3}
    assert len(requests(sandbox, "DELETE", "/v2/documents/public")) == 2
    with pytest.raises(CannotStart):
        retry(again)
    back = confirm(deletions.register_again(run=again))
    drive(acme)
    assert ends(back) == {"done": 3}
    assert Source.objects.filter(provider="notion", state="queued").count() == 3
    assert Source.objects.filter(pk__in=keys, state="gone").count() == 3
    with pytest.raises(CannotStart, match="It is in Fini again"):
        deletions.register_again(run=again)
    one_to_one(acme, sandbox)


def test_twice_confirmed_it_is_one_run_and_what_became_usable_is_skipped(
    acme: Workspace, sandbox: Sandbox, register: Start
) -> None:
    sandbox.settings(outcomes={"n-0": "failed", "n-1": "failed"})
    run = register(resources(2), then_ingest=True)
    drive(acme)
    sandbox.settings(outcomes={})
    preview = frozen(run)
    Source.objects.filter(external_id="n-0").update(state=State.USABLE)
    first = confirm(preview)
    assert confirm(preview) == first
    drive(acme)
    assert ends(first) == {"done": 1, "skipped": 1}
    assert first.items.get(outcome="skipped").reason == "It is usable by now"
