"""What a call showed: each observed change of a source's state, with the source."""

from fini_admin.sources.models import StateChange
from fini_admin.workspaces.models import Workspace


def shown_by(workspace: Workspace, call: str, *, most: int) -> list[StateChange]:
    """The changes that a call showed, in the order in which they were written."""
    changes = StateChange.objects.filter(call=call, source__workspace=workspace).select_related("source")
    return list(changes.order_by("pk")[:most])
