"""What an answer, or the lack of one, means for a step and its items. Runs inside the outcome's transaction (P3)."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Q

from fini_admin.audit.transport import Exchange
from fini_admin.fini.errors import FiniError, KeyRefused, NotFound, ScopeMissing
from fini_admin.fini.errors import Outcome as CallOutcome
from fini_admin.fini.external_ids import comparison_key
from fini_admin.fini.retry import may_be_repeated, pause_before_retry
from fini_admin.fini.routes import WEB
from fini_admin.fini.wire import Deleted, IdLists
from fini_admin.ingestion import reasons
from fini_admin.ingestion.eligibility import NO_ROUTE
from fini_admin.ingestion.engine import split, web
from fini_admin.ingestion.engine.follow import follow_jobs, sources_gone
from fini_admin.ingestion.entries import enqueue, settle_states
from fini_admin.ingestion.kinds import discovery_remarks
from fini_admin.ingestion.models import (
    NOT_CONNECTED,
    Item,
    ItemOutcome,
    Run,
    RunKind,
    Stage,
    Step,
    StepState,
)
from fini_admin.ingestion.reads import request_read, watch_from
from fini_admin.ingestion.runs.items import finish_and_release, is_under_way, move_items
from fini_admin.ingestion.runs.steps import add_due_steps, close_step, send_again
from fini_admin.lib import lease
from fini_admin.lib.paging import CHUNK
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.sources.states import MOVED, State

GRACE = timedelta(seconds=5)
# What is about the provider, the body or the key concerns every batch alike (T4). Whole phrases, for a refusal may
# name a title, and a title may hold any word. What is missed here costs calls; what is caught wrongly ends a run.
ABOUT_ALL = re.compile(
    r"\b(provider|integration|notion|zendesk|confluence|google ?drive)\b.{0,40}"
    r"\b(not (yet |currently )?(connected|supported)|must (already |first )?be connected|disconnected|unsupported)\b"
    r"|\bunsupported provider\b|\brequired scopes?\b|\bproperty \S+ should not exist\b",
    re.IGNORECASE,
)

# A discovery's refusal can only be about the provider, so that a word is enough.
UNCONNECTED = re.compile(r"connected|unsupported provider", re.IGNORECASE)


def settle_accepted(step: Step, items: list[Item], done: Exchange[Any]) -> None:
    """Settle a step that Fini accepted, by its kind."""
    origin = Observation.of(done)
    if step.kind == RunKind.DISCOVER:
        _discover_accepted(step, done.value)
    elif step.kind == RunKind.CRAWL:
        web.crawl_accepted(step, done.value or [])
    elif step.kind == RunKind.WEB:
        web.web_accepted(step, items, _ids_of(done), origin)
    elif step.kind == RunKind.REGISTER:
        _register_accepted(step, items, _ids_of(done), origin)
    elif step.kind == RunKind.DELETE:
        _delete_accepted(step, items, done.value or Deleted([], []), origin)
    else:
        _jobs_accepted(step, items, _ids_of(done), origin)


def _ids_of(done: Exchange[IdLists | list[str]]) -> list[str]:
    """Every ID of the answer, once."""
    return list(dict.fromkeys(done.value.all if isinstance(done.value, IdLists) else done.value or []))


def _discover_accepted(step: Step, listing: Any) -> None:
    """Store a provider's listing: each leaf becomes a done item; what could not be listed is kept with the run."""
    run = step.run
    mirror.store_listing(run.workspace, step.provider, listing.nodes, run.number)
    leaves = {leaf.external_id: leaf.title for leaf in listing.leaves()}
    ended = {"stage": Stage.ENDED, "outcome": ItemOutcome.DONE, "provider": step.provider}
    Item.objects.bulk_create(
        (
            Item(run=run, position=n, external_id=external_id, resource={"title": title}, **ended)
            for n, (external_id, title) in enumerate(sorted(leaves.items()))
        ),
        batch_size=CHUNK,
    )
    Run.objects.filter(pk=run.pk).update(
        total=len(leaves), done=len(leaves), left_out=discovery_remarks.remarks_to_store(listing.remarks)
    )
    close_step(step)


def _register_accepted(step: Step, items: list[Item], ids: list[str], origin: Observation) -> None:
    """Make a queued source of every ID that came back (P3), and request its record, which tells what it is (T1)."""
    run = step.run
    sources = mirror.ensure_sources(run.workspace, step.provider, ids, origin, state=State.QUEUED)
    enqueue(sources, run)
    _forget_times(sources)
    held = [source for source in sources if (source.run, source.state) != (run.number, State.QUEUED)]
    Source.objects.filter(pk__in=[source.pk for source in held]).update(run=run.number)
    settle_states(held, origin)
    move_items(run.pk, Item.objects.filter(pk__in=[item.pk for item in items]), Stage.PAIR, step=step)
    request_read(run.workspace, sources, datetime.now(UTC))
    close_step(step)


def note_registration(step: Step, items: list[Item]) -> None:
    """In the *asked* transaction of a registration: it moves the time of these records, also if its answer is lost.

    Until they are read, that time is no trace of a send (mirror.note_before_send).
    """
    known = _known_of(step, items)
    _forget_times(known)
    if unread := [source for source in known if source.wanted_since is None]:
        request_read(step.run.workspace, unread, datetime.now(UTC))


def note_lost_registration(step: Step, items: list[Item]) -> None:
    """No answer came to a registration: what was read of these records by now may be older than what Fini does yet."""
    known = _known_of(step, items)
    _forget_times(known)
    request_read(step.run.workspace, known, _work_over_at())


def _known_of(step: Step, items: list[Item]) -> list[Source]:
    """The sources that Fini has of a registration's resources."""
    keys = {comparison_key(step.provider, item.external_id) for item in items}
    mine = Source.objects.filter(workspace=step.run.workspace, provider=step.provider, id_key__in=keys)
    return list(mine.exclude(state=State.GONE).only("pk", "wanted_since"))


def _forget_times(sources: list[Source]) -> None:
    """The time of these records, moved by a registration of ours, is no trace of a send whose job was not seen yet."""
    mine = Source.objects.filter(pk__in=[source.pk for source in sources])
    no_end_seen = Q(state__in=(State.UNKNOWN, State.SENT)) | is_under_way(OuterRef("pk"))
    mine.filter(no_end_seen).update(before_updated=MOVED)


def _jobs_accepted(step: Step, items: list[Item], ids: list[str], origin: Observation) -> None:
    """What Fini says it took, to ingest or to refresh, is followed; what it left out is read back first (T4).

    What it names besides is read. Where that may be of an address that it left out, the address is not sent again.
    """
    named = set(ids)
    sources = mirror.ensure_sources(step.run.workspace, step.provider, ids, origin)
    mine = {item.source_id for item in items}
    others = [source for source in sources if source.read_at is None and source.pk not in mine]
    if others:
        request_read(step.run.workspace, others, datetime.now(UTC))
    urls = {source.original_url for source in sources if source.provider == WEB}
    took = [
        item
        for item in items
        if item.source and (item.source.fini_id in named or item.source.original_url in urls)
    ]
    follow_jobs(step.run, took, origin)
    left = [item for item in items if item not in took]
    if left and others and step.provider == WEB:
        finish_and_release(step.run, left, ItemOutcome.UNKNOWN, reasons.ANOTHER_ID)
        close_step(step)
    else:
        _check_left_out(step, items, took, origin)


def _delete_accepted(step: Step, items: list[Item], deleted: Deleted, origin: Observation) -> None:
    """What Fini says it deleted is gone, and kept with the step; what it left out is read back first (T3)."""
    named = {document.id for document in deleted.documents}
    told = {"sources": deleted.documents, "articles": deleted.articles}
    Step.objects.filter(pk=step.pk).update(
        deleted={name: [asdict(one) for one in ones] for name, ones in told.items()}
    )
    going = [item for item in items if item.source and item.source.fini_id in named]
    gone = Source.objects.filter(workspace=step.run.workspace, fini_id__in=named)
    sources_gone(list(gone), origin, f"Deleted in run {step.run.number}")
    _check_left_out(step, items, going, origin)


def _check_left_out(step: Step, items: list[Item], named: list[Item], origin: Observation) -> None:
    """What the answer does not name is read back; where it names all, the step is done with."""
    done = {item.pk for item in named}
    if left := [item for item in items if item.pk not in done]:
        note_doubt(step)
        note = "Fini's answer left it out"
        _check_by_reading(step, left, settle_after=_work_over_at(), note=note, call=origin.call)
    else:
        close_step(step)


def longest_work() -> timedelta:
    """How long Fini may go on working after we gave up on a call (T3)."""
    return timedelta(seconds=settings.FINI_TIMEOUT) + GRACE


def _work_over_at() -> datetime:
    """From when on a read without a trace says that a call ending now was not done."""
    return datetime.now(UTC) + longest_work()


def settle_failed(step: Step, items: list[Item], error: FiniError, *, call: str) -> None:
    """Retry, read back, split or give up after a failed call, as its outcome allows."""
    if step.kind == RunKind.REGISTER and error.outcome is CallOutcome.UNKNOWN:
        note_lost_registration(step, items)
    pause = pause_before_retry(
        error, tries=step.tries, doubts=step.doubts, aways=step.aways, route=step.route
    )
    if isinstance(error, KeyRefused):
        send_again(step, 0)
    elif pause is not None:
        doubt = {"in_doubt": True} if error.outcome is CallOutcome.UNKNOWN else {}
        send_again(step, pause, **doubt)
    elif error.outcome is CallOutcome.REFUSED:
        _settle_refused(step, items, error, call=call)
    elif error.outcome is CallOutcome.UNKNOWN and not may_be_repeated(step.route):
        # What is sent again after the reading waits as long as Fini asked for (T7).
        asked_for = timedelta(seconds=error.retry_after or 0.0)
        Step.objects.filter(pk=step.pk).update(due_at=datetime.now(UTC) + asked_for)
        _check_by_reading(step, items, settle_after=_work_over_at(), note=str(error), call=call)
    else:
        _give_up(step, items, error)


def note_doubt(step: Step) -> None:
    """Count a call after which nobody knows whether Fini did it, or did all of it."""
    step.doubts += 1
    Step.objects.filter(pk=step.pk).update(doubts=step.doubts)


def note_away(step: Step) -> None:
    """Count a call to which a gateway said that Fini is away."""
    step.aways += 1
    Step.objects.filter(pk=step.pk).update(aways=step.aways)


def _give_up(step: Step, items: list[Item], error: FiniError) -> None:
    """End the items of a step that was tried often enough, and keep the error with the run."""
    _keep_error(step, error)
    outcome = ItemOutcome.UNKNOWN if error.outcome is CallOutcome.UNKNOWN else ItemOutcome.FAILED
    finish_and_release(step.run, items, outcome, str(error))
    close_step(step)


def _settle_refused(step: Step, items: list[Item], error: FiniError, *, call: str) -> None:
    """Settle a refusal: of the route, of everything alike, of the batch's size, or of one of its items (T4)."""
    if step.kind in NO_ROUTE and isinstance(error, NotFound):
        # Fini answers 400 for an ID that it does not know: a 404 is about the route itself.
        _refuse_all(step, items, error, NO_ROUTE[step.kind])
    elif step.kind in (RunKind.DISCOVER, RunKind.CRAWL) or concerns_all(error):
        _refuse_all(step, items, error)
    elif not may_be_repeated(step.route):
        now = datetime.now(UTC)
        Step.objects.filter(pk=step.pk).update(refusal=str(error))
        _check_by_reading(step, items, settle_after=now, note=str(error), call=call)
    else:
        split.split_step(step, items, str(error))


def concerns_all(error: FiniError) -> bool:
    """Whether a refusal is about the provider, the body or the key rather than about one item."""
    return isinstance(error, ScopeMissing) or bool(ABOUT_ALL.search(split.own_words(error.message)))


def _refuse_all(step: Step, items: list[Item], error: FiniError, no_route: str = "") -> None:
    """What Fini refuses for the whole kind is not tried batch after batch.

    `no_route`: it has no such route, and that is what is said of every ID, of whichever provider.
    """
    run, reason = step.run, no_route or str(error)
    _keep_error(step, error, reason)
    alike = Step.objects.filter(run=run, kind=step.kind, state=StepState.READY)
    alike = alike if no_route else alike.filter(provider=step.provider)
    waiting = Item.objects.filter(step__in=alike).exclude(stage=Stage.ENDED).only("source")
    unsure = reasons.IN_DOUBT_AND_REFUSED.format(reason)
    for in_doubt, outcome, said in (
        (True, ItemOutcome.UNKNOWN, unsure),
        (False, ItemOutcome.REFUSED, reason),
    ):
        mine = items if step.in_doubt == in_doubt else []
        finish_and_release(run, [*mine, *waiting.filter(step__in_doubt=in_doubt)], outcome, said)
    alike.update(state=StepState.DONE, refusal=reason)
    close_step(step, refusal=reason)
    add_due_steps(run)


def _keep_error(step: Step, error: FiniError, words: str = "") -> None:
    """Why the run failed: in words, and by the error's kind, for what is said and done about it."""
    kind = NOT_CONNECTED if _not_connected(step, error) else type(error).__name__
    Run.objects.filter(pk=step.run_id).update(error=words or str(error), error_kind=kind)


def _not_connected(step: Step, error: FiniError) -> bool:
    """Whether Fini refused to list a provider because it is not connected. A 400 may mean something else as well."""
    refusal = error.outcome is CallOutcome.REFUSED and not isinstance(error, ScopeMissing)
    return step.kind == RunKind.DISCOVER and refusal and bool(UNCONNECTED.search(error.message))


def _check_by_reading(step: Step, items: list[Item], *, settle_after: datetime, note: str, call: str) -> None:
    """Only a read-back can say what became of these (T3). A trace settles at once, its lack only later.

    A delete's trace is that the record is not there: what is there early is read once more. Addresses have no record
    yet (engine/web.py).
    """
    if step.kind == RunKind.WEB:
        web.web_in_doubt(step, settle_after=settle_after)
        return
    sources = [item.source for item in items if item.source]
    now = datetime.now(UTC)
    origin = Observation(call, now, step.run.number)
    if step.kind == RunKind.DELETE:
        mirror.add_notes(sources, origin, f"Asked to delete it, and it is not known whether Fini did: {note}")
        request_read(step.run.workspace, sources, now)
    else:
        Source.objects.filter(pk__in=[source.pk for source in sources]).update(sent_at=now)
        mirror.move_all(sources, State.UNKNOWN, origin, note)
        request_read(step.run.workspace, sources, settle_after)
    lease.give_back(Step.objects.filter(pk=step.pk), state=StepState.CHECK, settle_after=settle_after)
    watch_from(step.run.workspace, now)
