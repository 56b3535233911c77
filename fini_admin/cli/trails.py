"""Which chain of the audit trail a slug names, and how long it is kept."""

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
    """The chain of a workspace, or with `-` the installation's own; raises CommandError."""
    return INSTALLATION if slug == INSTALLATION else str(workspace_or_error(slug, archived=True).pk)


def every_trail() -> dict[str, str]:
    """Every chain by its workspace's slug: also one whose workspace is gone, or all of it but its name."""
    trails = {INSTALLATION: INSTALLATION} | {
        space.slug: str(space.pk) for space in Workspace.objects.order_by("slug")
    }
    known = set(trails.values())
    chains = (
        readable(lambda: set(Head.objects.values_list("chain", flat=True)))
        | readable(lambda: set(Entry.objects.values_list("chain", flat=True).distinct()))
        | readable(heads.recorded_chains)
    )
    return trails | {f"chain {name}": name for name in sorted(chains - known, key=str)}


def readable(names: Callable[[], set[str]]) -> set[str]:
    """These names; where one was changed to what cannot be read (SQLite), a name that no chain has.

    To verify that one fails, behind the chain in which a row or a head is missed for it.
    """
    try:
        return names()
    except DatabaseError:
        return {"(its name cannot be read)"}


def days_kept(chain: str) -> int:
    """For how many days a chain's rows are kept: as its workspace says; the default where there is none."""
    try:
        return preferences(UUID(chain)).retention_days
    except ValueError:
        return RETENTION_DAYS


def chosen(slug: str | None, *, every: bool) -> dict[str, str]:
    """The chains that SLUG or --all names, by slug; raises CommandError where it is neither or both."""
    if bool(slug) == every:
        raise CommandError("name one workspace, or give --all")
    return every_trail() if every else {str(slug): chain_of(str(slug))}
