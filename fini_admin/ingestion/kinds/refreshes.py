"""Refreshes: sources that were ingested before are processed again, by their IDs."""

from collections.abc import Sequence

from fini_admin.ingestion.models import Preview, RunKind
from fini_admin.ingestion.planning import chosen
from fini_admin.ingestion.planning.plans import plan_refresh
from fini_admin.workspaces.models import Workspace


def freeze(*, workspace: Workspace, sources: Sequence[int]) -> Preview:
    """The preview of a refresh of these sources (keys), in the order given.

    What may not be refreshed is left out and counted by reason: raw files, what is gone, what was never ingested, what
    another run has. Raises CannotStart if nothing is left.
    """
    going = chosen.choose(workspace, sources, plan_refresh)
    return chosen.freeze(RunKind.REFRESH, going, workspace=workspace)
