"""Which chains of the audit trail a command's arguments name, and how long their rows are kept."""

from collections.abc import Callable
from uuid import UUID

from django.core.management.base import CommandError
from django.db import DatabaseError

from fini_admin.audit import heads
from fini_admin.audit.chain import INSTALLATION
from fini_admin.audit.models import Entry, Head
from fini_admin.cli.base import workspace_or_error
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import RETENTION_DAYS, preferences


def chain_of(slug: str) -> str:
    """A workspace's chain, or the installation's for `-`; raises CommandError."""
    return INSTALLATION if slug == INSTALLATION else str(workspace_or_error(slug, archived=True).pk)


def _every_chain() -> dict[str, str]:
    """Every chain by its workspace's slug, including chains of deleted workspaces and chains that lost rows or head."""
    trails = {INSTALLATION: INSTALLATION} | {
        space.slug: str(space.pk) for space in Workspace.objects.order_by("slug")
    }
    known = set(trails.values())
    chains = (
        _readable_names(lambda: set(Head.objects.values_list("chain", flat=True)))
        | _readable_names(lambda: set(Entry.objects.values_list("chain", flat=True).distinct()))
        | _readable_names(heads.recorded_chains)
    )
    return trails | {f"chain {name}": name for name in sorted(chains - known, key=str)}


def _readable_names(names: Callable[[], set[str]]) -> set[str]:
    """The names; if one was changed so that SQLite cannot decode it, a name that no chain has.

    Verifying that chain fails, and so does the one in which a row or the head is missing.
    """
    try:
        return names()
    except DatabaseError:
        return {"(its name cannot be read)"}


def days_kept(chain: str) -> int:
    """For how many days a chain's rows are kept: the workspace's setting, or the default."""
    try:
        return preferences(UUID(chain)).retention_days
    except ValueError:
        return RETENTION_DAYS


def chains_of_arguments(slug: str | None, *, every: bool) -> dict[str, str]:
    """The chains named by SLUG or --all, by slug; raises CommandError for neither and for both."""
    if bool(slug) == every:
        raise CommandError("name one workspace, or give --all")
    return _every_chain() if every else {str(slug): chain_of(str(slug))}
