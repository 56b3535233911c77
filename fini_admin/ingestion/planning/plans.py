"""What a retry, a refresh or a deletion does about an ID. Pure: it follows from what the ID's source is by now."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fini_admin.ingestion.eligibility import (
    GONE,
    unaddressed,
    why_not,
    why_not_read,
    why_not_refreshed,
    why_not_sent,
)
from fini_admin.ingestion.models import ItemOutcome, Run, RunKind, Stage
from fini_admin.sources.models import Source
from fini_admin.sources.states import BUSY, State, ever_ingested, has_trace

USABLE = "It is usable by now"
NOTHING_KNOWN = "Nothing is known of it that could be registered"
# What ended so may be tried again; what is done or was skipped never is.
RETRIED = (ItemOutcome.FAILED, ItemOutcome.REFUSED, ItemOutcome.UNKNOWN)
NOT_RETRIED = {ItemOutcome.DONE: "It is done", ItemOutcome.SKIPPED: "It was skipped"}


class Action(StrEnum):
    """What is done about an ID.

    *web*: its address is sent; *read*: its record first, which then decides; *follow*: a job of it runs.
    """

    REGISTER = "register"
    WEB = "web"
    ADD = "add"
    REFRESH = "refresh"
    READ = "read"
    FOLLOW = "follow"
    DELETE = "delete"
    NOTHING = "nothing"


STAGES = {
    Action.REGISTER: Stage.REGISTER,
    Action.WEB: Stage.WEB,
    Action.ADD: Stage.INGEST,
    Action.REFRESH: Stage.REFRESH,
    Action.READ: Stage.READ,
    Action.DELETE: Stage.DELETE,
}


# The call that each needs; of what is read first only the record will tell.
CALLS: dict[str, RunKind] = {
    Action.REGISTER: RunKind.REGISTER,
    Action.WEB: RunKind.WEB,
    Action.ADD: RunKind.INGEST,
    Action.REFRESH: RunKind.REFRESH,
    Action.DELETE: RunKind.DELETE,
}


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """What is done about an ID; `why` says why nothing is."""

    way: Action
    why: str = ""


def plan_for_item(
    run: Run,
    outcome: str | None,
    source: Source | None,
    resource: Mapping[str, str] | None,
    holders: Mapping[int, int],
) -> ItemPlan:
    """What a retry of `run` does about one of its IDs.

    `source` is the ID's by now, `resource` what register sends of it, `holders` the numbers of the runs that have
    sources, by the source's key (runs.items.holders).
    """
    if outcome not in RETRIED:
        return ItemPlan(Action.NOTHING, NOT_RETRIED[ItemOutcome(outcome)] if outcome else "It has no end yet")
    if run.kind == RunKind.DELETE:
        return plan_delete(source, holders) if source else ItemPlan(Action.NOTHING, GONE)
    if source is None and run.kind in (RunKind.WEB, RunKind.CRAWL):
        return ItemPlan(Action.WEB)
    registers = run.kind == RunKind.REGISTER and not run.then_ingest
    if source is None or registers:
        return ItemPlan(Action.REGISTER) if resource else ItemPlan(Action.NOTHING, NOTHING_KNOWN)
    if run.kind == RunKind.REFRESH and outcome != ItemOutcome.UNKNOWN:
        return plan_refresh(source, holders)  # usable as it may be: that is what was to be refreshed
    return plan_for_source(source, holders, read_first=outcome == ItemOutcome.UNKNOWN)


def plan_for_source(source: Source, holders: Mapping[int, int], *, read_first: bool = False) -> ItemPlan:
    """What a retry does about a source: the first ingestion, a refresh, or a read of what is not known (T2, T3)."""
    if why := why_not_read(source, holders):
        return ItemPlan(Action.NOTHING, why)
    if source.state in (State.UNKNOWN, State.STUCK) or source.read_at is None or read_first:
        return ItemPlan(Action.READ)
    return _by_record(source)


def plan_refresh(source: Source, holders: Mapping[int, int]) -> ItemPlan:
    """What a refresh that somebody chose does about a source."""
    why = why_not_refreshed(source, holders)
    return ItemPlan(Action.NOTHING, why) if why else ItemPlan(Action.REFRESH)


def plan_delete(source: Source, holders: Mapping[int, int]) -> ItemPlan:
    """What a deletion does about a source."""
    why = why_not_sent(source, holders)
    return ItemPlan(Action.NOTHING, why) if why else ItemPlan(Action.DELETE)


def after_reading(source: Source) -> ItemPlan:
    """What is done about a source that a retry had read first."""
    if source.state in BUSY or (source.state == State.STUCK and has_trace(source, source.before)):
        return ItemPlan(Action.FOLLOW)
    return _by_record(source)


def _by_record(source: Source) -> ItemPlan:
    """What a record that was read says."""
    if source.state == State.USABLE:
        return ItemPlan(Action.NOTHING, USABLE)
    if ever_ingested(source):
        why, way = why_not_refreshed(source, {}), Action.REFRESH
    else:
        why, way = why_not(source, {source.pk}) or unaddressed(source, set()), Action.ADD
    return ItemPlan(Action.NOTHING, why) if why else ItemPlan(way)
