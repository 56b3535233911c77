"""Cutting a run into steps: what each call carries, and whether a step goes out again or is done with."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from django.db.models import Max

from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.routes import InvalidRequest
from fini_admin.ingestion.eligibility import NO_ROUTE
from fini_admin.ingestion.models import Budget, Item, ItemOutcome, Lane, Run, RunKind, Stage, Step, StepState
from fini_admin.ingestion.runs.items import finish_and_release
from fini_admin.lib import lease
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.workspaces.preferences import Preferences, preferences

# The stages in which a step carries an item, with the step's kind.
CARRIED: dict[str, RunKind] = {
    Stage.REGISTER: RunKind.REGISTER,
    Stage.INGEST: RunKind.INGEST,
    Stage.REFRESH: RunKind.REFRESH,
    Stage.DELETE: RunKind.DELETE,
    Stage.WEB: RunKind.WEB,
}
# The stages before these: while an item is in one of them, more may come to be sent.
BEFORE = (Stage.REGISTER, Stage.PAIR, Stage.READ)
UNTOLD = timedelta(minutes=10)


class ItemWriter:
    """Writes a new run's items, each with the step that carries it once it may be sent, and counts what is skipped.

    Items come in sending order, those of a stage and a provider together, and are held in pieces of CHUNK. Each row is
    written once and none is read again: on SQLite everyone else who writes waits meanwhile.
    """

    def __init__(self, run: Run, size: int) -> None:
        self.run, self.size = run, size
        self._steps, self._more = 0, False
        self._open: list[Item] = []
        self._batches: list[list[Item]] = []
        self._others: list[Item] = []
        self._tails: list[int] = []

    def write(self, items: Iterable[Item]) -> None:
        for number, item in enumerate(items, 1):
            item.run_id = self.run.pk
            self._take(item)
            if number % CHUNK == 0:
                self._store()
        if self._open:
            self._close()
        self._store()
        if self._more:  # more is to come: what fills no batch waits for it (`_due_batches`)
            Item.objects.filter(step__in=self._tails).update(step=None)
            Step.objects.filter(pk__in=self._tails).delete()
        if self.run.skipped:
            self.run.save(update_fields=["skipped"])

    def _take(self, item: Item) -> None:
        self._more = self._more or item.stage in BEFORE
        if item.stage not in CARRIED:
            self.run.skipped += item.outcome == ItemOutcome.SKIPPED
            self._others.append(item)
            return
        if self._open and (len(self._open) == self.size or _alike(self._open[0]) != _alike(item)):
            self._close()
        self._open.append(item)

    def _close(self) -> None:
        self._batches.append(self._open)
        self._open = []

    def _store(self) -> None:
        steps = Step.objects.bulk_create(
            Step(
                run=self.run,
                number=self._steps + number,
                kind=CARRIED[batch[0].stage],
                provider=batch[0].provider,
                due_at=self.run.created_at,
            )
            for number, batch in enumerate(self._batches, 1)
        )
        self._steps += len(steps)
        for step, batch in zip(steps, self._batches, strict=True):
            if len(batch) < self.size and step.kind != RunKind.REGISTER:
                self._tails.append(step.pk)
            for item in batch:
                item.step_id = step.pk
        Item.objects.bulk_create([*chain.from_iterable(self._batches), *self._others], batch_size=CHUNK)
        self._batches, self._others = [], []


def _alike(item: Item) -> tuple[str, str]:
    """What the items of a step have in common: one kind of call, and one provider (T8)."""
    return item.stage, item.provider


def request_of_items(step: Step, items: Sequence[Item]) -> Request[Any]:
    """The request by which a step carries these items. Raises InvalidRequest for what Fini would refuse (T4, T8)."""
    if step.kind == RunKind.REGISTER:
        return routes.register(step.provider, [item.resource for item in items if item.resource])
    names = [(name_in(step, item), item.lane) for item in items]
    if step.kind == RunKind.REFRESH:
        return routes.refresh([name for name, _ in names])
    if step.kind == RunKind.DELETE:
        return routes.delete([name for name, _ in names], with_articles=step.run.with_articles)
    return routes.ingest(
        step.provider,
        add=[name for name, lane in names if step.kind == RunKind.WEB or lane == Lane.ADD],
        refresh=[name for name, lane in names if lane == Lane.REFRESH],
        english=step.run.english,
        baser=step.run.baser,
    )


def name_in(step: Step, item: Item) -> str:
    """The ID or address by which a step's call names an item; raises InvalidRequest if it lacks its source (T8)."""
    if step.kind == RunKind.WEB:
        return item.external_id
    if item.source is None:
        raise InvalidRequest("the item has no source")
    return item.source.wire_id if step.kind == RunKind.INGEST else item.source.fini_id


def add_step(
    run: Run,
    kind: RunKind,
    provider: str,
    items: Sequence[Item],
    *,
    root: Step | None = None,
    after: Step | None = None,
    in_doubt: bool = False,
) -> Step:
    """Add a ready step that carries these items; `after`: that step's call was not done, and this one repeats it.

    That is not before it was due again, as `Retry-After` may have asked for (T7). `in_doubt`: a call that carried them
    had no known outcome.
    """
    number = (Step.objects.filter(run=run).aggregate(Max("number"))["number__max"] or 0) + 1
    step = Step.objects.create(
        run=run,
        number=number,
        kind=kind,
        provider=provider,
        due_at=max(datetime.now(UTC), after.due_at) if after else datetime.now(UTC),
        root=root,
        tries=after.tries if after else 0,
        doubts=after.doubts if after else 0,
        aways=after.aways if after else 0,
        in_doubt=in_doubt,
    )
    Item.objects.filter(pk__in=[item.pk for item in items]).update(step=step)
    return step


def _due_batches(run: Run) -> Iterator[tuple[RunKind, str, Sequence[Item]]]:
    """The kind, the provider and the items of each step that may be cut by now: full ones, and the rest at the end."""
    waiting = Item.objects.filter(run=run, stage__in=CARRIED, step=None).order_by("position")
    more = _more_is_to_come(run)
    size = batch_size(Budget.objects.get(workspace=run.workspace_id))
    alike: dict[tuple[str, str], list[Item]] = {}
    for item in waiting.only("provider", "stage", "source"):
        alike.setdefault(_alike(item), []).append(item)
    for (stage, provider), mine in alike.items():
        for batch in chunks(mine, size):
            if len(batch) == size or not more:
                yield CARRIED[stage], provider, batch


def _more_is_to_come(run: Run) -> bool:
    """Whether what fills no batch waits for more; not for a record that nothing has told of for a while."""
    before = Item.objects.filter(run=run, stage__in=BEFORE)
    lately = Source.objects.filter(workspace=run.workspace_id, wanted_since__gt=datetime.now(UTC) - UNTOLD)
    return before.filter(stage=Stage.REGISTER).exists() or (before.exists() and lately.exists())


def batch_size(budget: Budget) -> int:
    """The most IDs a call may carry: the workspace's setting, or less if Fini stated a limit."""
    return batch_size_by(budget, preferences(budget.workspace_id))


def batch_size_by(budget: Budget, held: Preferences) -> int:
    """`batch_size` by preferences that were read already: no query."""
    return min(held.batch_size, budget.batch_limit or held.batch_size)


def add_due_steps(run: Run) -> None:
    """Cut what may be sent by now into steps; refuse the items of a kind that this Fini has no route for."""
    for kind, provider, batch in _due_batches(run):
        if _has_no_route(run, kind):
            finish_and_release(run, batch, ItemOutcome.REFUSED, NO_ROUTE[kind])
        else:
            add_step(run, kind, provider, batch)


def _has_no_route(run: Run, kind: RunKind) -> bool:
    """Whether Fini answered a step of the run that it does not have the route."""
    return kind in NO_ROUTE and Step.objects.filter(run=run, kind=kind, refusal=NO_ROUTE[kind]).exists()


def close_step(step: Step, **fields: object) -> None:
    """The step is done with; `fields` are set with it."""
    lease.give_back(Step.objects.filter(pk=step.pk), state=StepState.DONE, **fields)


def send_again(step: Step, pause: float, **fields: object) -> None:
    """The step goes out again after `pause` seconds; `fields` are set with it."""
    due_at = datetime.now(UTC) + timedelta(seconds=pause)
    lease.give_back(Step.objects.filter(pk=step.pk), state=StepState.READY, due_at=due_at, **fields)
