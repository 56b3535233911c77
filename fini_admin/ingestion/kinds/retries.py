"""Retries: a run's IDs that did not end well, or sources, are tried again by a new run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet

from fini_admin.fini.routes import WEB
from fini_admin.ingestion.causes import Cause, cause_of
from fini_admin.ingestion.kinds.web import is_same, pages_in_fini
from fini_admin.ingestion.models import Item, ItemOutcome, Preview, Run, RunKind, RunState
from fini_admin.ingestion.planning import chosen
from fini_admin.ingestion.planning.chosen import Chosen
from fini_admin.ingestion.planning.plans import RETRIED, Action, ItemPlan, plan_for_item, plan_for_source
from fini_admin.ingestion.runs.items import holders, is_held
from fini_admin.ingestion.runs.starting import CannotStart
from fini_admin.lib.paging import CHUNK, chunks
from fini_admin.sources.models import Source
from fini_admin.sources.queries import by_resource
from fini_admin.sources.states import BUSY, State
from fini_admin.workspaces.models import Workspace

TWIN = "Another ID of the run came to the same source, which is tried again once"


def freeze_run(*, run: Run, reason: str | None = None) -> Preview:
    """The preview of a retry of a run's IDs that failed, were refused or are unknown; with a `reason` of its cause's.

    Raises CannotStart, in one line, for a run that has not ended or has nothing to retry.
    """
    if run.state != RunState.ENDED:
        raise CannotStart(f"Run {run.number} has not ended: what fails in it can be retried then")
    items = _retried(run).order_by("position").values_list("pk", "reason")
    same_cause = cache(lambda text: reason is None or _cause(text) == _cause(reason))
    keys = [key for key, text in items.iterator() if same_cause(text)]
    if not keys:
        what = "nothing to retry" if reason is None else "nothing to retry for this reason"
        raise CannotStart(f"Run {run.number} has {what}")
    return chosen.freeze(
        RunKind.WEB if run.kind == RunKind.CRAWL else RunKind(run.kind),  # what it found is not crawled anew
        _choose_items(run, keys),
        workspace=run.workspace,
        retry=True,
        retry_of=run.number,
        then_ingest=run.then_ingest,
        with_articles=run.with_articles,
    )


def freeze_sources(*, workspace: Workspace, sources: Sequence[int]) -> Preview:
    """The preview of a retry of these sources (keys): a refresh, or an ingest where some were never ingested.

    What is usable, gone, busy or another run's is left out and counted by reason. Raises CannotStart.
    """
    going = chosen.choose(workspace, sources, plan_for_source)
    return chosen.freeze(None, going, workspace=workspace, retry=True)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why IDs of a run did not end well: how many, and of how many a retry would try again.

    `texts` tell one cause, the most frequent first; `cause` is None for words that nothing here knows.
    """

    texts: list[str]
    total: int
    retryable: int
    cause: Cause | None

    @property
    def text(self) -> str:
        """The words that stand for the others."""
        return self.texts[0]


def reasons(run: Run) -> list[Reason]:
    """The reasons of the IDs that failed, were refused or are unknown, one a cause, the most frequent first."""
    retryable = Count("pk", filter=_worth_a_retry(run))
    found = _retried(run).order_by().values("reason").annotate(total=Count("pk"), retryable=retryable)
    by_cause: dict[Cause | str, list[Mapping[str, Any]]] = {}
    for row in sorted(found, key=lambda row: (-row["total"], row["reason"])):
        by_cause.setdefault(_cause(row["reason"]), []).append(row)
    rows = [_reason_of(cause, same) for cause, same in by_cause.items()]
    return sorted(rows, key=lambda row: (-row.total, row.text))


def _cause(text: str) -> Cause | str:
    """What makes two reasons one: their cause, else their words; browsers change the line ends between them."""
    words = " ".join(text.split())
    return cause_of(words) or words


def _reason_of(cause: Cause | str, rows: Sequence[Mapping[str, Any]]) -> Reason:
    """The rows of one cause as one."""
    total, retryable = (sum(row[name] for row in rows) for name in ("total", "retryable"))
    return Reason(
        [row["reason"] for row in rows], total, retryable, None if isinstance(cause, str) else cause
    )


def _worth_a_retry(run: Run) -> Q:
    """Condition: a retry finds something to do about the ID, as plans.plan_for_item decides it for each."""
    there = Q(source__isnull=False) & ~Q(source__state=State.GONE) & ~is_held(OuterRef("source"))
    idle = ~Q(source__state__in=BUSY)
    if run.kind == RunKind.DELETE:
        return there & idle
    if run.kind == RunKind.REGISTER and not run.then_ingest:
        return Q(resource__isnull=False)
    sendable = idle & ~Q(source__provider="files")
    # Of one that is usable a read would tell no more.
    unknown = Q(outcome=ItemOutcome.UNKNOWN) & ~Q(source__state=State.USABLE)
    if run.kind == RunKind.REFRESH:  # a usable source was to be refreshed
        refused = Q(outcome__in=(ItemOutcome.FAILED, ItemOutcome.REFUSED))
        return there & (unknown | refused & sendable & Q(source__read_at__isnull=False))
    unread = Q(source__state__in=(State.UNKNOWN, State.STUCK)) | Q(source__read_at=None)
    again = unknown | unread | sendable & ~Q(source__state=State.USABLE)
    return there & again | Q(source=None) & (Q(resource__isnull=False) | Q(provider=WEB))


def _retried(run: Run) -> QuerySet[Item]:
    if run.kind in (RunKind.DISCOVER, RunKind.SYNC):  # it is started anew
        return Item.objects.none()
    return Item.objects.filter(run=run, outcome__in=RETRIED)


def _under_their_address(
    workspace: Workspace, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Source]:
    """The sources that Fini has by now under the very addresses of a web run."""
    known = pages_in_fini(workspace, [address for provider, address in names if provider == WEB])
    return {(WEB, address): source for address, source in known.items() if is_same(source, address)}


def _choose_items(run: Run, keys: Sequence[int]) -> Iterator[Chosen]:
    """What a retry does about each of these items; one without a source may have one by now.

    Two IDs may have come to one source (two spellings of a page): it is tried again once.
    """
    met: set[int] = set()
    for part in chunks(keys, CHUNK):
        items = list(Item.objects.filter(pk__in=part).select_related("source").order_by("position"))
        nameless = [(item.provider, item.external_id) for item in items if item.source is None]
        present = by_resource(run.workspace, nameless) | _under_their_address(run.workspace, nameless)
        held = holders([item.source_id for item in items if item.source_id])
        held |= holders([source.pk for source in present.values()])
        for item in items:
            source = item.source or present.get((item.provider, item.external_id))
            plan = plan_for_item(run, item.outcome, source, item.resource, held)
            key = source.pk if source else None
            if key in met and plan.way != Action.NOTHING:
                plan = ItemPlan(Action.NOTHING, TWIN)
            met |= {key} if key and plan.way != Action.NOTHING else set()
            sent = item.resource
            if plan.way == Action.WEB:
                sent = {"originalUrl": item.external_id, "title": item.external_id}
            yield Chosen(plan, source.provider if source else item.provider, key, sent)
