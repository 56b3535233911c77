"""Reads of sources and of their history."""

from datetime import datetime

from django.db.models import QuerySet

from fini_admin.fini.wire import SOURCE_ID
from fini_admin.lib.paging import count
from fini_admin.sources.models import Source, StateChange
from fini_admin.sources.search import SOURCE_FIELDS, search
from fini_admin.sources.states import State
from fini_admin.workspaces.models import Workspace


def sources(
    workspace: Workspace,
    *,
    q: str = "",
    state: str = "",
    provider: str = "",
    run: int | None = None,
    since: datetime | None = None,
) -> QuerySet[Source]:
    """The sources that match, to be ordered and paged by key; empty filters do not apply.

    `q`: search text. `run`: the latest run that touched them. `since`: their state changed then or later.
    """
    same = {"state": state, "provider": provider, "run": run, "state_since__gte": since}
    given = {name: value for name, value in same.items() if value}
    return Source.objects.filter(search(q, SOURCE_FIELDS), workspace=workspace, **given)


def by_state(found: QuerySet[Source]) -> dict[str, str]:
    """How many of them each state has, and all of them under the empty name; counted as paging.count does."""
    return {"": count(found)} | {state: count(found.filter(state=state)) for state in State.values}


def source_of(workspace: Workspace, fini_id: str) -> Source | None:
    if not SOURCE_ID.fullmatch(fini_id):
        return None
    return Source.objects.filter(workspace=workspace, fini_id=fini_id).first()


def history(source: Source) -> QuerySet[StateChange]:
    """A source's changes of state, to be ordered and paged by key."""
    return StateChange.objects.filter(source=source)


def changes_by_call(workspace: Workspace, call: str, *, most: int) -> list[StateChange]:
    """The changes that a call showed, in the order written."""
    changes = StateChange.objects.filter(call=call, source__workspace=workspace).select_related("source")
    return list(changes.order_by("pk")[:most])
