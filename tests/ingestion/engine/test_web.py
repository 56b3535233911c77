"""Web addresses over a real socket: each ends with the truth, and nothing is ingested twice."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fini_admin.ingestion import previews
from fini_admin.ingestion.engine import loop, web
from fini_admin.ingestion.kinds import crawls, ingestions, retries
from fini_admin.ingestion.kinds.web_addresses import NOT_INCLUDED
from fini_admin.ingestion.models import Item, Lane, QueueEntry, Run, RunState, Step, StepState
from fini_admin.ingestion.reasons import ANOTHER_ID
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.support.effort import effort, measurable
from tests.support.sandbox import Sandbox
from tests.support.sources import count_again
from tests.support.trail import one_to_one
from tests.support.web_pages import INGEST, SITE, addresses, ingest, jobs, told
from tests.support.who import by
from tests.support.work import OWNER, bodies, drive, ends, hurry, requests

CRAWL = f"{INGEST}/deep-crawl/links"
DJANGO = "https://docs.djangoproject.com/"


def crawl(workspace: Workspace, *links: str, **options: Any) -> Run:
    run = crawls.start_crawl(by=by("ada@example.com"), workspace=workspace, links=links, **options)
    drive(workspace)
    run.refresh_from_db()
    return run


def test_addresses_are_sent_and_found_back_by_their_addresses(acme: Workspace, sandbox: Sandbox) -> None:
    given = addresses(12)
    run = ingest(acme, given)
    drive(acme)
    assert told(run) == {address: ("done", address) for address in given}
    assert jobs(sandbox) == dict.fromkeys(given, 1)
    (sent,) = bodies(acme, "ingest")
    assert (sent["source"], sent["documentIdsToAdd"]) == ("web", given)
    one_to_one(acme, sandbox)


@measurable
def test_what_is_noted_before_a_send_costs_the_same_however_many_sources_there_are(acme: Workspace) -> None:
    run = ingest(acme, addresses(1))
    step, items = run.steps.get(), list(run.items.all())
    few = effort(lambda: web.claim(step, items))
    now = datetime.now(UTC)
    times = {"state_since": now, "first_seen": now, "last_seen": now, "updated_at": now.isoformat()}
    Source.objects.bulk_create(
        Source(
            workspace=acme, fini_id=f"id-{n}", provider="web", original_url=f"https://a.example/{n}", **times
        )
        for n in range(5_000)
    )
    assert effort(lambda: web.claim(step, items)) < few * 1.2


def test_a_redirect_in_what_comes_back_is_followed_under_the_address_that_fini_keeps(
    acme: Workspace, sandbox: Sandbox
) -> None:
    given = addresses(3)
    moved = "https://new.acme.example/start"
    sandbox.settings(redirects={given[1]: moved})
    run = ingest(acme, given)
    drive(acme)
    assert told(run) == {
        given[0]: ("done", given[0]),
        given[1]: ("done", moved),
        given[2]: ("done", given[2]),
    }
    notes = Source.objects.get(original_url=moved).history.values_list("note", flat=True)
    assert f"Sent as {given[1]}; Fini keeps it under this address" in list(notes)


def test_two_addresses_that_become_one_record_are_told_apart_and_sent_once(
    acme: Workspace, sandbox: Sandbox
) -> None:
    given = addresses(4)
    sandbox.settings(redirects={given[1]: given[0]})
    run = ingest(acme, given)
    drive(acme)
    assert ends(run) == {"done": 3, "unknown": 1}
    item = run.items.get(external_id=given[1])
    assert "may have merged it with another address" in item.reason
    assert set(jobs(sandbox).values()) == {1}
    assert len(requests(sandbox, "POST", INGEST)) == 1


def test_two_spellings_of_one_page_end_on_the_same_record(acme: Workspace, sandbox: Sandbox) -> None:
    page, other = f"{SITE}/a", f"{SITE}/a/?utm_source=mail"
    sandbox.settings(redirects={other: page})
    run = ingest(acme, [page, other])
    drive(acme)
    assert told(run) == {page: ("done", page), other: ("done", page)}
    assert jobs(sandbox) == {page: 1}


def test_a_host_that_moved_to_www_is_found_for_every_page(acme: Workspace, sandbox: Sandbox) -> None:
    given = [f"https://acme.example/{n}" for n in range(5)]
    moved = {address: address.replace("//", "//www.") for address in given}
    sandbox.settings(redirects=moved)
    run = ingest(acme, given)
    drive(acme)
    assert told(run) == {address: ("done", moved[address]) for address in given}


def test_several_redirects_that_fit_nothing_end_unknown_and_name_where_they_may_be(
    acme: Workspace, sandbox: Sandbox
) -> None:
    given = addresses(4)
    sandbox.settings(redirects={given[0]: "https://x.example/1", given[1]: "https://y.example/2"})
    run = ingest(acme, given)
    drive(acme)
    assert ends(run) == {"done": 2, "unknown": 2}
    reasons = set(run.items.filter(outcome="unknown").values_list("reason", flat=True))
    (reason,) = reasons
    assert "https://x.example/1" in reason
    assert "https://y.example/2" in reason
    states = set(Source.objects.filter(provider="web").values_list("state", flat=True))
    assert states == {"usable"}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("partial", [False, True])
def test_one_bad_address_is_found_and_the_rest_is_sent_once(
    acme: Workspace, sandbox: Sandbox, *, partial: bool
) -> None:
    given = addresses(6)
    sandbox.settings(poisoned=[given[4]], partial_acceptance=partial)
    run = ingest(acme, given)
    drive(acme)
    assert ends(run) == {"done": 5, "refused": 1}
    assert told(run)[given[4]] == ("refused", "")
    assert {count for address, count in jobs(sandbox).items() if address != given[4]} == {1}


def test_what_is_in_fini_by_now_or_with_another_run_is_not_sent(acme: Workspace, sandbox: Sandbox) -> None:
    given = addresses(3)
    first, second = ingest(acme, given[:2]), ingest(acme, given)
    drive(acme)
    assert ends(first) == {"done": 2}
    assert ends(second) == {"done": 1, "skipped": 2}
    assert set(jobs(sandbox).values()) == {1}


def test_what_ends_badly_says_so(acme: Workspace, sandbox: Sandbox) -> None:
    given = addresses(3)
    sandbox.settings(outcomes={given[0]: "failed", given[1]: "empty"})
    run = ingest(acme, given)
    drive(acme)
    assert [told(run)[address][0] for address in given] == ["failed", "failed", "done"]


def test_a_crawl_lists_what_is_below_and_stores_nothing(acme: Workspace, sandbox: Sandbox) -> None:
    run = crawl(acme, SITE)
    assert (run.state, run.error) == (RunState.ENDED, "")
    assert set(ends(run)) == {"done"}
    assert run.total == len(told(run)) > 5
    assert not crawls.truncated(run)
    assert not Source.objects.filter(provider="web").exists()
    assert len(requests(sandbox, "POST", CRAWL)) == 1


def test_250_of_more_found_is_said(acme: Workspace, sandbox: Sandbox) -> None:
    run = crawl(acme, DJANGO)
    assert (run.total, crawls.truncated(run)) == (250, True)
    assert not crawls.truncated(crawl(acme, DJANGO, limit=5_000))


def test_patterns_keep_and_leave_out_with_the_reason(acme: Workspace, sandbox: Sandbox) -> None:
    run = crawl(acme, DJANGO, limit=1_000, include=["/topics/"], exclude=["*/auth/*"])
    reasons = Counter(run.items.values_list("outcome", "reason"))
    assert set(reasons) == {("done", ""), ("skipped", NOT_INCLUDED), ("skipped", "Excluded by “*/auth/*”")}
    kept = run.items.filter(outcome="done").values_list("external_id", flat=True)
    assert all("/topics/" in address and "/auth/" not in address for address in kept)


def test_a_crawl_that_ingests_sends_what_is_not_in_fini(acme: Workspace, sandbox: Sandbox) -> None:
    found = [address for address, _ in told(crawl(acme, SITE)).items()]
    ingest(acme, found[:2])
    drive(acme)
    run = crawl(acme, SITE, then_ingest=True)
    assert ends(run) == {"done": len(found) - 2, "skipped": 2}
    assert set(jobs(sandbox).values()) == {1}
    assert "In Fini already" in run.items.get(external_id=found[0]).reason


def test_a_crawl_whose_answer_is_lost_is_made_again(acme: Workspace, sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path=CRAWL, drop="after")
    run = crawl(acme, SITE)
    assert set(ends(run)) == {"done"}
    assert len(requests(sandbox, "POST", CRAWL)) == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 404}, "This Fini has no crawl"),
        ({"status": 400, "message": "no"}, "Fini refused the request: no"),
    ],
)
def test_a_crawl_that_fini_refuses_says_why(
    acme: Workspace, sandbox: Sandbox, fault: dict[str, object], words: str
) -> None:
    sandbox.fault(method="POST", path=CRAWL, **fault)
    run = crawl(acme, SITE)
    assert (run.state, run.total, run.error) == (RunState.ENDED, 0, words)


def test_a_retry_sends_the_addresses_that_have_no_source_again(acme: Workspace, sandbox: Sandbox) -> None:
    given = addresses(4)
    sandbox.settings(redirects={given[1]: given[0]}, outcomes={given[2]: "failed"})
    run = ingest(acme, given)
    drive(acme)
    assert ends(run) == {"done": 2, "failed": 1, "unknown": 1}
    sandbox.settings(redirects={}, outcomes={})
    preview = retries.freeze_run(run=Run.objects.get(pk=run.pk))
    again = previews.confirm(by=by("ada@example.com"), preview=preview)
    drive(acme)
    assert ends(again) == {"done": 2}
    assert told(again)[given[1]] == ("done", given[1])
    assert bodies(acme, "ingest")[-1]["documentIdsToAdd"] == [given[1]]
    assert len(requests(sandbox, "POST", f"{INGEST}/refresh")) == 1


@pytest.mark.usefixtures("impatient")
def test_a_queued_page_that_fini_answers_with_another_id_for_is_sent_once(
    acme: Workspace, sandbox: Sandbox
) -> None:
    old, new = addresses(2)
    (fini_id,) = sandbox.seed(documents=[{"source": "web", "originalUrl": old}])
    now = datetime.now(UTC)
    (source,) = mirror.ensure_sources(acme, "web", [fini_id], Observation("call", now))
    Source.objects.filter(pk=source.pk).update(original_url=old, read_at=now)
    QueueEntry.objects.create(workspace=acme, source=source, lane=Lane.ADD, opened_at=now, opened_by="ada")
    count_again(acme)
    sandbox.settings(redirects={old: new})
    run = ingestions.start_ingest(by=by("ada@example.com"), workspace=acme)
    drive(acme)
    assert ends(run) == {"unknown": 1}
    assert run.items.get().reason == ANOTHER_ID
    assert len(requests(sandbox, "POST", INGEST)) == 1
    hurry(acme)
    assert loop.work_once(acme.pk, OWNER)
    assert Source.objects.get(original_url=new).job_id
    assert QueueEntry.objects.get().closed_at is None


def test_a_page_whose_end_was_seen_before_the_answer_is_not_followed_any_more(acme: Workspace) -> None:
    first, second = addresses(2)
    ingest(acme, [first])
    drive(acme)
    source = Source.objects.get(original_url=first)
    assert source.read_at
    run = ingest(acme, [second])
    answer = Observation("call", source.read_at - timedelta(seconds=1), run.number)
    web.web_accepted(run.steps.get(), list(run.items.all()), [source.fini_id], answer)
    source.refresh_from_db()
    assert (source.state, source.sent_at, source.run) == ("usable", None, run.number)


def test_nothing_waits_when_all_is_over(acme: Workspace, sandbox: Sandbox) -> None:
    ingest(acme, addresses(5))
    drive(acme)
    assert not Step.objects.exclude(state=StepState.DONE).exists()
    assert not Item.objects.filter(outcome=None).exists()
