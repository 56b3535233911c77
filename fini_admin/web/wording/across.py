"""Home across workspaces: of each its sources as one bar, what needs attention, what goes on. Three queries for all."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count as Number
from django.urls import reverse

from fini_admin.ingestion.models import NOT_ENDED, Run
from fini_admin.sources.counts import Counted
from fini_admin.sources.models import Count
from fini_admin.sources.states import State
from fini_admin.web.charts import LEAST_IN_COLUMN, Part, PartsBar, parts_bar
from fini_admin.web.wording.home import IN_BAR, NEEDS
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace


@dataclass(frozen=True, slots=True)
class WorkspaceLine:
    """A workspace in the list: `needs` are texts with their addresses; `pressing` lets the line stand first."""

    workspace: Workspace
    total: int
    bar: PartsBar
    usable: int
    waiting: int
    running: int
    needs: list[tuple[str, str]]
    pressing: bool


def workspace_lines(workspaces: Sequence[Workspace]) -> list[WorkspaceLine]:
    """A line for each, those that need attention first, then by name as given."""
    sources: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
    waiting: Counter[UUID] = Counter()
    counted = Count.objects.filter(workspace__in=workspaces)
    for owner, kind, value, number in counted.values_list("workspace_id", "kind", "value", "number"):
        if kind == Counted.SOURCES:
            sources[owner][value] = number
        else:
            waiting[owner] += number
    going = Run.objects.filter(workspace__in=workspaces, state__in=NOT_ENDED)
    running = dict(going.values_list("workspace_id").annotate(Number("pk")))
    live = ApiKey.objects.filter(workspace__in=workspaces, state=KeyState.LIVE)
    keys = dict(live.values_list("workspace_id", "refused_at"))
    lines = []
    for workspace in workspaces:
        by_state, key = sources[workspace.pk], _key_need(workspace, keys)
        lines.append(
            WorkspaceLine(
                workspace,
                by_state.total(),
                parts_bar(
                    (Part(str(state), by_state[state], f"{by_state[state]:,}") for state in IN_BAR),
                    least=LEAST_IN_COLUMN,
                ),
                by_state[State.USABLE],
                waiting[workspace.pk],
                running.get(workspace.pk, 0),
                key + _source_needs(workspace, by_state),
                bool(key or by_state[State.FAILED]),
            )
        )
    return sorted(lines, key=lambda line: not line.pressing)


def _key_need(workspace: Workspace, keys: Mapping[UUID, object]) -> list[tuple[str, str]]:
    """That no call can go out, for want of a key that Fini accepts."""
    page = reverse("workspace", args=[workspace.slug])
    if workspace.pk not in keys:
        return [("no live key", page)]
    return [("Fini refused its key", page)] if keys[workspace.pk] else []


def _source_needs(workspace: Workspace, by_state: Counter[str]) -> list[tuple[str, str]]:
    page = reverse("sources", args=[workspace.slug])
    return [
        (f"{by_state[state]:,} {text}", f"{page}?state={state}")
        for state, text in NEEDS.items()
        if by_state[state]
    ]
