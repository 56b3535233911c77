"""Which chain of the audit trail a slug names."""

from fini_admin.audit.chain import INSTALLATION
from fini_admin.audit.models import Entry, Head
from fini_admin.workspaces.commands import workspace_or_error
from fini_admin.workspaces.models import Workspace


def chain_of(slug: str) -> str:
    """The chain of a workspace, or with `-` the installation's own; raises CommandError."""
    return INSTALLATION if slug == INSTALLATION else str(workspace_or_error(slug, archived=True).pk)


def every_trail() -> dict[str, str]:
    """Every chain by its workspace's slug: also one whose workspace, or whose head, is gone."""
    trails = {INSTALLATION: INSTALLATION} | {
        space.slug: str(space.pk) for space in Workspace.objects.order_by("slug")
    }
    known = set(trails.values())
    chains = {
        *Head.objects.values_list("chain", flat=True),
        *Entry.objects.values_list("chain", flat=True).distinct(),
    }
    return trails | {f"chain {name}": name for name in sorted(chains - known)}
