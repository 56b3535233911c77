"""Acts on records that were read: pairs items, gives followed jobs their end, settles unknown sends (T1, T2, T3)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Max, Q

from fini_admin.fini.external_ids import comparison_key, spellings
from fini_admin.ingestion import reasons
from fini_admin.ingestion.eligibility import GONE
from fini_admin.ingestion.engine import split
from fini_admin.ingestion.entries import close_entries, enqueue, open_entries_of, set_lanes, settle_states
from fini_admin.ingestion.models import (
    NOT_ENDED,
    Item,
    ItemOutcome,
    Lane,
    QueueEntry,
    Run,
    RunKind,
    RunState,
    Stage,
    Step,
    StepState,
    Watch,
)
from fini_admin.ingestion.planning.plans import STAGES, Action, ItemPlan, after_reading
from fini_admin.ingestion.reads import FIRST_GAP, request_read, watch_from
from fini_admin.ingestion.runs.items import (
    FOLLOWED,
    STARTS_JOBS,
    finish_and_release,
    finish_items,
    move_items,
)
from fini_admin.ingestion.runs.steering import end_finished_runs
from fini_admin.ingestion.runs.steps import CARRIED, add_due_steps, add_step, close_step
from fini_admin.lib.paging import chunks
from fini_admin.lib.rows import update_rows
from fini_admin.sources import mirror
from fini_admin.sources.mirror import Observation
from fini_admin.sources.models import Source
from fini_admin.sources.states import ENDED, State, has_trace
from fini_admin.workspaces.models import Workspace

LONGEST_REST = timedelta(seconds=4)
# How often a step goes out when each read-back says that Fini never took it.
SENDS: dict[str, int] = {RunKind.INGEST: 5, RunKind.REFRESH: 5, RunKind.DELETE: 2, RunKind.WEB: 5}
IS_GONE = "No longer in Fini"
ASKED = (StepState.SENT, StepState.CHECK)
AT_ONCE = 250  # so many names or sources a statement
OUTCOMES = {State.USABLE: ItemOutcome.DONE, State.EMPTY: ItemOutcome.FAILED, State.FAILED: ItemOutcome.FAILED}


def follow_jobs(run: Run, items: list[Item], origin: Observation) -> None:
    """Follow the jobs of items that Fini accepted: close their queue entries and poll until each has its end."""
    now = datetime.now(UTC)
    mine = Source.objects.filter(pk__in=[item.source_id for item in items])
    sources = mirror.mark_sent(mine, now, origin)
    close_entries(open_entries_of(sources), "sent")
    # One whose source went while the call was out has its end.
    move_items(run.pk, Item.objects.filter(pk__in=[item.pk for item in items]), Stage.FOLLOW)
    _keep_up(sources)
    _rest_before_poll(run.workspace, now)


def _rest_before_poll(workspace: Workspace, now: datetime) -> None:
    """Jobs take a moment: the next poll comes after the last send, unless somebody has waited for it already."""
    watch_from(workspace, now + timedelta(seconds=FIRST_GAP))
    mine = Source.objects.filter(workspace=workspace)
    waiting = mine.filter(Q(wanted_since__lte=now) | Q(sent_at__lt=now - LONGEST_REST)).exists()
    if not waiting:
        resting = Watch.objects.filter(workspace=workspace, walk_started=None, tries=0)
        resting.update(next_at=now + timedelta(seconds=FIRST_GAP))


def act_on_records(workspace: Workspace, sources: list[Source]) -> None:
    """All that follows from these records having been read."""
    read = [source for source in sources if source.wanted_since is None]
    pair_items(workspace, read)
    _go_on_after_reading(read)
    _keep_up(sources)
    resolve_checks(workspace)
    end_finished_runs(workspace)


def _paired_items(workspace: Workspace, sources: Sequence[Source]) -> list[Item]:
    """Items that wait for one of these records, by source or by external ID.

    Each is one lookup in an index, and the rest is compared here: told of the runs as well, SQLite begins with them and
    walks through all of their items (P7).
    """
    pairing = Item.objects.filter(stage=Stage.PAIR).select_related("run")
    keys = [source.pk for source in sources]
    names = {name for source in sources for name in spellings(source.provider, source.external_id) if name}
    by_external_id = (item for item in pairing.filter(external_id__in=names) if item.source_id is None)
    found = [*pairing.filter(source__in=keys), *by_external_id]
    mine = [item for item in found if item.run.workspace_id == workspace.pk and item.run.state in NOT_ENDED]
    return sorted(mine, key=lambda item: (item.run_id, item.position))


def pair_items(workspace: Workspace, sources: Sequence[Source]) -> None:
    """Match items with records on (provider, externalId), and set each item's lane (T1, T2)."""
    if not sources:
        return
    by_place: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        by_place.setdefault((source.provider, source.id_key), []).append(source)
    by_pk = {source.pk: source for source in sources}
    matched: list[Item] = []
    for item in _paired_items(workspace, sources):
        place = item.provider, comparison_key(item.provider, item.external_id)
        found = by_pk.get(item.source_id or 0) or _of_answer(item, by_place.get(place, []))
        if found:
            item.source, item.external_id, item.provider = found, found.external_id, found.provider
            matched.append(item)
    update_rows(matched, ["source", "external_id", "provider"])
    _enqueue_left_out(matched)
    set_lanes(sources)
    for run in {item.run_id: item.run for item in matched}.values():
        _go_on_after_pairing(run, [item for item in matched if item.run_id == run.pk])


def _enqueue_left_out(matched: Sequence[Item]) -> None:
    """What a registration made and its answer left out waits like the others, once its record is found (P3)."""
    by_run: dict[Run, list[Source]] = {}
    for item in matched:
        if item.run.kind == RunKind.REGISTER and item.source and (item.source.run or 0) < item.run.number:
            by_run.setdefault(item.run, []).append(item.source)
    for run, sources in by_run.items():
        # Opened for this run, or sent or taken out since: an older run may have had it, and sent it before it was read.
        since = Q(opened_at__gte=run.created_at) | Q(closed_at__gte=run.created_at)
        mine = QueueEntry.objects.filter(since, source__in=[one.pk for one in sources])
        waited = set(mine.values_list("source_id", flat=True))
        left_out = [one for one in sources if one.pk not in waited]
        enqueue(left_out, run)
        settle_states(left_out, Observation("", datetime.now(UTC), run.number))


def _of_answer(item: Item, alike: Sequence[Source]) -> Source | None:
    """Of the records with an item's external ID, in whichever spelling, the one that its run's answer named."""
    return min(
        alike,
        key=lambda source: (source.run != item.run.number, source.external_id != item.external_id),
        default=None,
    )


def _go_on_after_pairing(run: Run, items: list[Item]) -> None:
    """Move paired items to *ingest*; in a run that only registers, end them as done.

    Steps are cut when the walk ends, for a send reorders the list (T6).
    """
    if run.then_ingest or run.kind == RunKind.INGEST:
        mine = Item.objects.filter(pk__in=[item.pk for item in items])
        move_items(run.pk, mine, Stage.INGEST, step=None)
    else:
        finish_and_release(run, items, ItemOutcome.DONE)


def _go_on_after_reading(sources: Sequence[Source]) -> None:
    """What a retry reads first goes on as its record says: it is followed, sent, or there is nothing to do."""
    reading = Item.objects.filter(run__state__in=NOT_ENDED, stage=Stage.READ)
    alike: dict[tuple[Run, ItemPlan], list[Item]] = {}
    by_key = {source.pk: source for source in sources}
    for item in reading.filter(source__in=by_key).select_related("run"):
        plan = after_reading(by_key[item.source_id or 0])
        alike.setdefault((item.run, plan), []).append(item)
    for (run, plan), items in alike.items():
        if plan.way == Action.FOLLOW:
            follow_jobs(run, items, Observation("", datetime.now(UTC), run.number))
        elif plan.way == Action.NOTHING:
            finish_and_release(run, items, ItemOutcome.SKIPPED, plan.why)
        else:
            lane = Lane.ADD if plan.way == Action.ADD else Lane.REFRESH
            mine = Item.objects.filter(pk__in=[item.pk for item in items])
            move_items(run.pk, mine, STAGES[plan.way], lane=lane)


def end_unpaired(workspace: Workspace) -> None:
    """End the items as unknown for which no record was found once every record of their run was read (T1).

    A source keeps the number of the latest run that registered it: what an earlier run alone waits for is not theirs.
    """
    wanted = Source.objects.filter(workspace=workspace, wanted_since__isnull=False)
    latest = wanted.aggregate(Max("run"))["run__max"] or 0
    runs = Run.objects.filter(workspace=workspace, state__in=NOT_ENDED, number__gt=latest)
    waiting = Item.objects.filter(run__in=runs, stage=Stage.PAIR).exclude(source__in=wanted)
    keys = {comparison_key(*names) for names in waiting.values_list("provider", "external_id")}
    for some in chunks(sorted(keys), AT_ONCE):
        read = Source.objects.filter(workspace=workspace, id_key__in=some, read_at__isnull=False)
        found = read.exclude(state=State.GONE)
        for sources in chunks(list(found), AT_ONCE):
            pair_items(workspace, sources)
    for run in runs:
        finish_and_release(
            run,
            list(waiting.filter(run=run).only("source")),
            ItemOutcome.UNKNOWN,
            reasons.NO_RECORD,
        )


def plan_runs(workspace: Workspace) -> None:
    """Cut what may be sent by now into steps. What a stopping run had not sent ends instead (runs/steering.py)."""
    going_on = Run.objects.filter(workspace=workspace, state__in=(RunState.RUNNING, RunState.PAUSED))
    for run in going_on:
        add_due_steps(run)


def _keep_up(sources: list[Source]) -> None:
    """Bring the items that follow these sources to where the sources are."""
    _end_followed(sources)
    runs = [source.pk for source in sources if source.state == State.RUNNING]
    rests = [source.pk for source in sources if source.state not in (State.RUNNING, *ENDED)]
    for pks, old, new in ((runs, Stage.FOLLOW, Stage.RUNNING), (rests, Stage.RUNNING, Stage.FOLLOW)):
        moving = Item.objects.filter(source__in=pks, stage=old)
        for run in set(moving.values_list("run", flat=True)) if pks else ():
            move_items(run, moving.filter(run=run), new)


def _end_followed(sources: list[Source]) -> None:
    """Give the items that follow these sources the outcome of each source that has its end."""
    ended = {source.pk: source for source in sources if source.state in ENDED}
    ends: dict[tuple[ItemOutcome, str], list[int]] = {}
    for source in ended.values():
        ends.setdefault((OUTCOMES[State(source.state)], _outcome_reason(source)), []).append(source.pk)
    for (outcome, reason), pks in ends.items():
        following = Item.objects.filter(source__in=pks, stage__in=FOLLOWED)
        for run in set(following.values_list("run", flat=True)):
            finish_items(run, following.filter(run=run), outcome, reason)


def _outcome_reason(source: Source) -> str:
    """Reason shown for a failed item; empty on success."""
    if source.state == State.USABLE:
        return ""
    if source.state == State.EMPTY:
        return reasons.NOTHING_USABLE
    return f"Fini failed on it: {source.error}" if source.error else reasons.NOT_SAID_WHY


def source_gone(source: Source, origin: Observation) -> None:
    """Fini does not know the ID any more: the items that need it fail, a delete of it is done, its entry closes."""
    asked = Item.objects.filter(source=source, stage=Stage.DELETE, step__state__in=ASKED).select_related(
        "run"
    )
    deleting = asked.first()
    note = f"Deleted in run {deleting.run.number}: Fini answered 404" if deleting else "Fini answered 404"
    sources_gone([source], origin, note)
    resolve_checks(source.workspace)


def sources_gone(sources: Sequence[Source], origin: Observation, note: str) -> None:
    """Fini has these no longer. A list that was read before, and still shows them, is left aside."""
    now, keys = datetime.now(UTC), [source.pk for source in sources]
    mirror.move_all(sources, State.GONE, origin, note)
    gone = Source.objects.filter(pk__in=keys)
    gone.update(sent_at=None, wanted_since=None, missed_walks=0, read_at=now)
    close_entries(open_entries_of(sources), "gone")
    open_items = Item.objects.filter(source__in=keys).exclude(stage=Stage.ENDED).select_related("run", "step")
    by_end: dict[tuple[ItemOutcome, str], dict[Run, list[Item]]] = {}
    for item in open_items:
        by_end.setdefault(_end_when_gone(item), {}).setdefault(item.run, []).append(item)
    for (outcome, reason), by_run in by_end.items():
        for run, items in by_run.items():
            finish_and_release(run, items, outcome, reason)
            add_due_steps(run)


def give_up_on(workspace: Workspace, sources: Sequence[Source], reason: str) -> None:
    """Nothing more will be known of these records: what follows, reads back or waits for them ends unknown."""
    read_back = Q(stage__in=CARRIED, step__state=StepState.CHECK)
    waiting = read_back | Q(stage__in=(*FOLLOWED, Stage.READ, Stage.PAIR))
    by_run: dict[Run, list[Item]] = {}
    for item in Item.objects.filter(waiting, source__in=[one.pk for one in sources]).select_related("run"):
        by_run.setdefault(item.run, []).append(item)
    # What may have been sent waits in no queue: it would be sent again unread.
    keys = {item.source_id for items in by_run.values() for item in items if item.stage in STARTS_JOBS}
    may_be_sent = [one for one in sources if one.pk in keys]
    close_entries(open_entries_of(may_be_sent), "sent")
    for run, items in by_run.items():
        finish_and_release(run, items, ItemOutcome.UNKNOWN, reason)
    resolve_checks(workspace)
    end_finished_runs(workspace)


def _end_when_gone(item: Item) -> tuple[ItemOutcome, str]:
    """The outcome, with its reason, of an item whose source is not in Fini: for a delete that is success."""
    if item.stage == Stage.ASK:  # a sync asks just this
        return ItemOutcome.DONE, IS_GONE
    if item.stage != Stage.DELETE:
        return ItemOutcome.FAILED, GONE
    asked = item.step is not None and item.step.state in ASKED
    return (ItemOutcome.DONE, "") if asked else (ItemOutcome.SKIPPED, GONE)


def resolve_checks(workspace: Workspace) -> None:
    """Settle the steps in *check*, whose outcome only a read-back can tell (T3)."""
    steps = Step.objects.filter(run__workspace=workspace, state=StepState.CHECK, run__state__in=NOT_ENDED)
    steps = steps.exclude(kind=RunKind.WEB)  # found by their addresses (engine/web.py)
    for step in steps.select_related("run__workspace", "root").order_by("pk"):
        _resolve_check(step)


def _resolve_check(step: Step) -> None:
    """A trace settles an item at once; all others together, when each was read late enough."""
    items = list(step.items.filter(stage__in=CARRIED).select_related("source").order_by("position"))
    if step.kind == RunKind.DELETE:
        _resolve_deletion(step, items)
        return
    traced = [item for item in items if item.source and has_trace(item.source, item.source.before)]
    if traced:
        follow_jobs(step.run, traced, Observation(step.call, datetime.now(UTC), step.run.number))
    silent = [item for item in items if item not in traced]
    if all(_read_late_enough(item.source, step) for item in silent):
        _settle_not_done(step, silent)


def _resolve_deletion(step: Step, items: list[Item]) -> None:
    """Settle a deletion: what is gone has its end already (source_gone), what is there late enough was not deleted."""
    if all(_read_late_enough(item.source, step) for item in items):
        _settle_not_done(step, items)
        return
    early = [item.source for item in items if item.source and not _read_late_enough(item.source, step)]
    unwanted = [source for source in early if source.wanted_since is None]
    if unwanted and step.settle_after:
        request_read(step.run.workspace, unwanted, step.settle_after)


def set_apart(source: Source) -> None:
    """What its ID does not tell of either keeps nothing in doubt that was sent with it, and was read since (T3).

    What is left of a refused batch is another one: neither part is refused for what Fini said of the whole.
    """
    carried = Item.objects.filter(stage__in=CARRIED, step__state=StepState.CHECK).exclude(stage=Stage.WEB)
    mine = Step.objects.filter(pk__in=carried.filter(source=source).values("step"))
    for step in mine.select_related("run__workspace", "root"):
        items = list(carried.filter(step=step).select_related("source"))
        if any(_read_late_enough(item.source, step) for item in items if item.source_id != source.pk):
            unread = [item for item in items if item.source_id == source.pk]
            apart = add_step(step.run, RunKind(step.kind), step.provider, unread, root=step.root, after=step)
            same = {"state": StepState.CHECK, "call": step.call, "settle_after": step.settle_after}
            Step.objects.filter(pk=apart.pk).update(**same)
            Step.objects.filter(pk=step.pk).update(refusal="")
    resolve_checks(source.workspace)


def _read_late_enough(source: Source | None, step: Step) -> bool:
    """Whether the record was read after Fini can have stopped working on the call.

    A read time in the future comes from a clock that was ahead. It does not count: a repeat might send twice.
    """
    if not source or not source.read_at or not step.settle_after:
        return False
    return step.settle_after <= source.read_at <= datetime.now(UTC)


def _lost_what_was_gone(step: Step) -> bool:
    """Whether a refused call named what Fini does not have any more: the others may not be to blame for it."""
    return step.items.filter(stage=Stage.ENDED, source__state=State.GONE).exists()


def _settle_not_done(step: Step, items: list[Item]) -> None:
    """Handle items without a trace: halve a refused batch, send any other again, at most SENDS times.

    So is what is left of a refused batch that named what is gone by now.
    """
    sources = [item.source for item in items if item.source]
    origin = Observation(step.call, datetime.now(UTC), step.run.number)
    if step.kind == RunKind.DELETE:
        mirror.add_notes(sources, origin, "Fini still has it: it was not deleted")
    else:
        Source.objects.filter(pk__in=[source.pk for source in sources]).update(sent_at=None)
        for source in sources:
            source.sent_at = None
        settle_states(sources, origin, "No trace of the call: it was not done")
    if items and step.refusal and not _lost_what_was_gone(step):
        split.split_step(step, items, step.refusal)
        return
    close_step(step)
    if items and sent_often_enough(step):
        give_up_sending(step, items)
    elif items:
        root = step.root if step.refusal else None
        add_step(step.run, RunKind(step.kind), step.provider, items, root=root, after=step)


def sent_often_enough(step: Step) -> bool:
    """Whether a step that each read-back says Fini never took is not sent once more."""
    return step.doubts >= SENDS[step.kind]


def give_up_sending(step: Step, items: list[Item]) -> None:
    """End the items of a step that was sent often enough."""
    reason = f"Sent {step.doubts} times, and Fini never took it"
    finish_and_release(step.run, items, ItemOutcome.FAILED, reason)
