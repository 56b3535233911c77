"""Addresses: what a crawl found, and what became of each that was sent, found back by its address (T1, T3, T8).

An ingest of addresses answers bare IDs. Each ID is a source at once (P3), and its record, once read, tells which
address it came of: the same address, the same page by its spelling, or the only one that is left where Fini followed a
redirect. What is not found so is looked for in the list; an address of a call that Fini took is never sent again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Max, OuterRef, Q, QuerySet

from fini_admin.fini.routes import WEB
from fini_admin.fini.same_address import address_key, loose_key
from fini_admin.fini.wire import ADDRESS, Document, shortened, time_text
from fini_admin.ingestion import reasons
from fini_admin.ingestion.eligibility import held_by
from fini_admin.ingestion.engine import follow, split
from fini_admin.ingestion.kinds.web import IN_FLIGHT, addresses_in_flight, is_same, named, pages_in_fini
from fini_admin.ingestion.kinds.web_addresses import address_fault, twins_among, why_left_out
from fini_admin.ingestion.models import NOT_ENDED, Item, ItemOutcome, Run, RunKind, Stage, Step, StepState
from fini_admin.ingestion.reads import request_read
from fini_admin.ingestion.runs.items import finish_and_release, is_under_way, move_items
from fini_admin.ingestion.runs.steering import end_finished_runs
from fini_admin.ingestion.runs.steps import add_due_steps, add_step, close_step
from fini_admin.lib import lease
from fini_admin.lib.paging import CHUNK
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.sources.states import State, has_trace
from fini_admin.workspaces.models import Workspace

# Fini's clock may be behind ours by so much, and a record of a call still counts as newer than the call.
CLOCKS_DIFFER = timedelta(hours=1)
NAMED = 3


def ineligible(step: Step, items: Sequence[Item]) -> dict[str, list[Item]]:
    """The addresses that may not be sent any more, by reason: in Fini by now, or with another run."""
    known = pages_in_fini(step.run.workspace, [item.external_id for item in items])
    flying = addresses_in_flight(step.run.workspace, but=step.run, sent=True)
    left_out: dict[str, list[Item]] = {}
    for item in items:
        there, holder = known.get(item.external_id), flying.get(address_key(item.external_id))
        if there and is_same(there, item.external_id):
            left_out.setdefault(f"In Fini already: {named(there)}", []).append(item)
        elif holder:
            left_out.setdefault(held_by(holder), []).append(item)
    return left_out


def claim(step: Step, items: Sequence[Item]) -> bool:
    """In the *asked* transaction: keep how the pages' records stand before the send (T3); False sends nothing (P4)."""
    if ineligible(step, items):
        return False
    alike = Source.objects.filter(
        workspace=step.run.workspace, provider=WEB, address_key__in=_keys(items), sent_at=None
    )
    mirror.note_before_send(alike.filter(~is_under_way(OuterRef("pk"))))
    times = Source.objects.filter(workspace=step.run.workspace).values_list("updated_at", flat=True)
    place = {"asked": datetime.now(UTC).isoformat(), "newest": times.order_by("-updated_at").first() or ""}
    Step.objects.filter(pk=step.pk).update(place=place)
    return True


def _keys(items: Sequence[Item]) -> list[str]:
    return [address_key(item.external_id) for item in items]


def crawl_accepted(step: Step, found: Sequence[str]) -> None:
    """Each address that a crawl found, once, is an ID of the run: done, left out with the reason, or to be sent."""
    run, options = step.run, step.run.crawl or {}
    addresses = list(dict.fromkeys(shortened(address, ADDRESS) for address in found))
    said = _why_not_kept(run, addresses)
    kept = Item(stage=Stage.WEB) if run.then_ingest else Item(stage=Stage.ENDED, outcome=ItemOutcome.DONE)
    Item.objects.bulk_create(
        (
            Item(
                run=run,
                position=number,
                provider=WEB,
                external_id=address,
                stage=Stage.ENDED if said.get(address) else kept.stage,
                outcome=ItemOutcome.SKIPPED if said.get(address) else kept.outcome,
                reason=said.get(address, ""),
            )
            for number, address in enumerate(addresses)
        ),
        batch_size=CHUNK,
    )
    left = sum(map(bool, said.values()))
    Run.objects.filter(pk=run.pk).update(
        total=len(addresses),
        skipped=left,
        done=0 if run.then_ingest else len(addresses) - left,
        crawl=options | {"returned": len(found)},
    )
    close_step(step)
    add_due_steps(run)


def _why_not_kept(run: Run, addresses: Sequence[str]) -> dict[str, str]:
    """By address, why a crawl leaves it out; where it is ingested at once, also what is in Fini, and twins."""
    options = run.crawl or {}
    said = {
        address: address_fault(address)
        or why_left_out(address, options.get("include", ()), options.get("exclude", ()))
        for address in addresses
    }
    if run.then_ingest:
        known = pages_in_fini(run.workspace, addresses)
        for address, source in known.items():
            said[address] = said[address] or f"In Fini already: {named(source)}"
        kept = [address for address in addresses if not said[address]]
        said |= {kept[at]: f"The same page as {kept[first]}" for at, first in twins_among(kept).items()}
    return said


def web_accepted(step: Step, items: Sequence[Item], ids: list[str], origin: Observation) -> None:
    """Fini took the call: every ID is a source and followed (P3), and its record, once read, tells whose it is."""
    run, now = step.run, datetime.now(UTC)
    sources = mirror.ensure_sources(run.workspace, WEB, ids, origin)
    mine = Source.objects.filter(pk__in=[source.pk for source in sources])
    mirror.note_before_send(mine.filter(sent_at=None, read_at__lt=origin.asked_at))
    mirror.mark_sent(mine, now, origin)
    move_items(run.pk, _rows(items), Stage.FIND)
    place = (Step.objects.values_list("place", flat=True).get(pk=step.pk) or {}) | {"ids": ids}
    _to_be_found(step, place, settle_after=now)
    request_read(run.workspace, sources, now)
    if not ids:
        read_back(step.run, now)


def _rows(items: Sequence[Item]) -> QuerySet[Item]:
    return Item.objects.filter(pk__in=[item.pk for item in items])


def _to_be_found(step: Step, place: dict[str, object], *, settle_after: datetime) -> None:
    mine = Step.objects.filter(pk=step.pk)
    lease.give_back(mine, state=StepState.CHECK, place=place, settle_after=settle_after)


def web_in_doubt(step: Step, *, settle_after: datetime) -> None:
    """What became of a call is not known: only the list, read late enough, can say it (T3)."""
    place = Step.objects.values_list("place", flat=True).get(pk=step.pk) or {}
    _to_be_found(step, place, settle_after=settle_after)
    read_back(step.run, settle_after)


def read_back(run: Run, at: datetime) -> None:
    """Have the list read for a run from that time on, unless it is read already."""
    reading = Step.objects.filter(run=run, kind=RunKind.SYNC, state__in=(StepState.READY, StepState.SENT))
    if not reading.exists():
        step = add_step(run, RunKind.SYNC, WEB, [])
        Step.objects.filter(pk=step.pk).update(due_at=at)


def find_records(workspace: Workspace, documents: Sequence[Document] | None = None) -> None:
    """Match what waits for its record with the records that were read by now; with `documents` with these alone."""
    waiting = list(_waiting_steps(Q(run__workspace=workspace)))
    for step in waiting:
        if documents is None or _is_about(step, documents):
            _find(step)
    if waiting:
        end_finished_runs(workspace)


def _is_about(step: Step, documents: Sequence[Document]) -> bool:
    """Whether any of these records may be of a step's call: Fini named it, or its page was sent."""
    ids: list[str] = (step.place or {}).get("ids", [])
    if not {document.id for document in documents}.isdisjoint(ids):
        return True
    keys = {address_key(document.original_url) for document in documents}
    return not keys.isdisjoint(_keys(_open_items(step)))


def _waiting_steps(which: Q) -> QuerySet[Step]:
    waiting = Step.objects.filter(which, kind=RunKind.WEB, state=StepState.CHECK, run__state__in=NOT_ENDED)
    return waiting.select_related("run__workspace", "root").order_by("pk")


def is_waited_for(run: Run) -> bool:
    """Whether an address of a run still waits for its record."""
    return _waiting_steps(Q(run=run)).exists()


def _sent_since(step: Step, began: datetime) -> bool:
    """Whether a page of a step's addresses was sent after this: what was read of it before is left aside (mirror)."""
    mine = Source.objects.filter(workspace=step.run.workspace, provider=WEB, sent_at__gt=began)
    return mine.filter(address_key__in=_keys(_open_items(step))).exists()


def after_reading(run: Run, began: datetime) -> None:
    """The list was read from `began` on: what it does not show has its end, if that is late enough (T3)."""
    for step in _waiting_steps(Q(run=run)):
        if step.settle_after and step.settle_after <= began and not _sent_since(step, began):
            step.place = (step.place or {}) | {"listed": True}
            Step.objects.filter(pk=step.pk).update(place=step.place)
        _find(step)
    late = _waiting_steps(Q(run=run)).aggregate(Max("settle_after"))["settle_after__max"]
    unlisted = [step for step in _waiting_steps(Q(run=run)) if not (step.place or {}).get("listed")]
    if unlisted and late:
        read_back(run, late)


def give_up(run: Run, words: str) -> None:
    """The list cannot be read: what became of the addresses stays unknown."""
    for step in _waiting_steps(Q(run=run)):
        finish_and_release(run, _open_items(step), ItemOutcome.UNKNOWN, words)
        close_step(step)


def _open_items(step: Step) -> list[Item]:
    return list(step.items.filter(stage__in=IN_FLIGHT).order_by("position"))


def _find(step: Step) -> None:
    """Give each address the record that came of it; what is left ends, once the list was read."""
    place, items = step.place or {}, _open_items(step)
    ids: list[str] | None = place.get("ids")
    _follow(step, _by_address(step, items, ids or []))
    left = _open_items(step)
    all_read = ids is None or not _unread(step, ids)
    if left and ids is not None and all_read:
        _follow(step, _by_elimination(left, _spare(step, ids)))
        left = _open_items(step)
    if not left:
        close_step(step)
    elif all_read and place.get("listed"):
        _settle_rest(step, left, ids)
    elif ids is not None and all_read:
        read_back(step.run, datetime.now(UTC))


def _unread(step: Step, ids: Sequence[str]) -> bool:
    """Whether any record of these IDs has not been read since the answer."""
    mine = Source.objects.filter(workspace=step.run.workspace, fini_id__in=ids)
    return mine.filter(wanted_since__isnull=False).exists()


def _by_address(step: Step, items: Sequence[Item], ids: Sequence[str]) -> list[tuple[Item, Source]]:
    """The addresses of which a record with the same page shows the call: the very address before another spelling."""
    asked = datetime.fromisoformat((step.place or {})["asked"])
    alike = Source.objects.filter(workspace=step.run.workspace, provider=WEB, address_key__in=_keys(items))
    by_key: dict[str, list[Source]] = {}
    for source in alike.exclude(state=State.GONE).order_by("pk"):
        if _shows_call(source, asked, ids):
            by_key.setdefault(source.address_key, []).append(source)
    found = []
    for item in items:
        fits = by_key.get(address_key(item.external_id), [])
        fits = sorted(fits, key=lambda source: not is_same(source, item.external_id))
        if fits:
            found.append((item, fits[0]))
    return found


def _shows_call(source: Source, asked: datetime, ids: Sequence[str]) -> bool:
    """Whether a record was read after the call and tells of it: Fini named it, or it changed since (T3)."""
    if not source.read_at or source.read_at < asked:
        return False
    return source.fini_id in ids or has_trace(source, source.before)


def _spare(step: Step, ids: Sequence[str]) -> list[Source]:
    """The records of an answer that no address of its call was found to belong to."""
    taken = step.items.filter(source__isnull=False).values("source")
    mine = Source.objects.filter(workspace=step.run.workspace, fini_id__in=ids).exclude(pk__in=taken)
    return list(mine.exclude(state=State.GONE).order_by("pk"))


def _by_elimination(items: Sequence[Item], spare: Sequence[Source]) -> list[tuple[Item, Source]]:
    """What can fit in one way only: the same page with or without `www.`, or the only one that is left of each."""
    pairs = []
    for item in items:
        key = loose_key(item.external_id)
        alike = [source for source in spare if loose_key(source.original_url) == key]
        rivals = [other for other in items if loose_key(other.external_id) == key]
        if len(alike) == len(rivals) == 1:
            pairs.append((item, alike[0]))
    matched = {item.pk for item, _ in pairs}, {source.pk for _, source in pairs}
    left = [item for item in items if item.pk not in matched[0]]
    rest = [source for source in spare if source.pk not in matched[1]]
    return [*pairs, (left[0], rest[0])] if len(left) == len(rest) == 1 else pairs


def _follow(step: Step, pairs: Sequence[tuple[Item, Source]]) -> None:
    """Fini has these: their records are followed to their ends, and a changed address is kept in the history."""
    if not pairs:
        return
    origin = Observation(step.call, datetime.now(UTC), step.run.number)
    for item, source in pairs:
        item.source = source
        if source.original_url != item.external_id:
            mirror.add_notes(
                [source], origin, f"Sent as {item.external_id}; Fini keeps it under this address"
            )
    Item.objects.bulk_update([item for item, _ in pairs], ["source"], batch_size=CHUNK)
    follow.follow_jobs(step.run, [item for item, _ in pairs], origin)


def _settle_rest(step: Step, left: list[Item], ids: Sequence[str] | None) -> None:
    """What neither the answer nor the list shows ends unknown if Fini may have taken it, and is sent again if not."""
    if ids is not None:
        spare = [source.original_url for source in _spare(step, ids)]
        _end_unknown(step, left, f"{reasons.OTHERS} {_list_of(spare)}" if spare else reasons.JOINED)
    elif strays := _strays(step):
        _end_unknown(step, left, f"{reasons.MAYBE_OTHERS} {_list_of(strays)}")
    elif step.refusal:
        split.split_step(step, left, step.refusal)
    elif step.items.filter(source__isnull=False).exists():
        _end_unknown(step, left, reasons.HALF_DONE)
    elif follow.sent_often_enough(step):
        follow.give_up_sending(step, left)
        close_step(step)
    else:
        close_step(step)
        add_step(step.run, RunKind.WEB, WEB, left, after=step)


def _end_unknown(step: Step, items: list[Item], reason: str) -> None:
    finish_and_release(step.run, items, ItemOutcome.UNKNOWN, reason)
    close_step(step)


def _list_of(addresses: Sequence[str]) -> str:
    more = f" and {len(addresses) - NAMED:,} more" if len(addresses) > NAMED else ""
    return ", ".join(addresses[:NAMED]) + more


def _strays(step: Step) -> list[str]:
    """The addresses of records that changed since the call and that nothing else explains: one may be a redirect's."""
    place, run = step.place or {}, step.run
    asked = datetime.fromisoformat(place["asked"])
    since = max(place["newest"], time_text(asked - CLOCKS_DIFFER))
    others = Run.objects.filter(workspace=run.workspace).filter(Q(ended_at=None) | Q(ended_at__gte=asked))
    changed = Source.objects.filter(
        workspace=run.workspace, provider=WEB, read_at__gte=asked, updated_at__gt=since
    )
    # A source keeps the number of the run that worked on it last.
    unexplained = changed.exclude(run__in=others.values("number")).exclude(state=State.GONE)
    return list(unexplained.order_by("pk").values_list("original_url", flat=True)[: NAMED + 50])
