"""What can be done with a source, each with why it cannot be done now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fini_admin.fini import routes
from fini_admin.ingestion.plans import Action, ItemPlan, plan_delete, plan_for_source, plan_refresh
from fini_admin.sources.models import Source
from fini_admin.workspaces.permissions import Permission

EDITORS = "Your role does not allow this; an editor or an admin does it"
ADMINS = "Your role does not allow this; an admin does it"


@dataclass(frozen=True, slots=True)
class SourceAction:
    """A button with its name, or a link (`href`). `what` says what it does, `why_not` why it cannot be done now."""

    text: str
    what: str
    why_not: str = ""
    do: str = ""
    href: str = ""
    look: str = ""


def actions(
    source: Source, holders: Mapping[int, int], permissions: Collection[Permission]
) -> list[SourceAction]:
    """What can be done with a source; `holders` are the runs that have sources, by the source's key."""
    refreshes = Permission.SOURCES_REFRESH in permissions
    retries = refreshes and Permission.SOURCES_INGEST in permissions
    deletes = Permission.SOURCES_DELETE in permissions
    retry, refresh, delete = (plan(source, holders) for plan in (plan_for_source, plan_refresh, plan_delete))
    return [
        SourceAction("Retry", tried(retry), unless(retries, retry, EDITORS), do="retry"),
        SourceAction(
            "Refresh", "Fini processes it again.", unless(refreshes, refresh, EDITORS), do="refresh"
        ),
        SourceAction(
            "Delete",
            "Fini forgets it; its history stays here.",
            unless(deletes, delete, ADMINS),
            do="delete",
            look="button-danger",
        ),
        original(source),
        SourceAction(
            "Open in Fini", "", "Fini’s API gives no address of a source: look for its title in Fini"
        ),
    ]


def tried(plan: ItemPlan) -> str:
    """What a retry does."""
    if plan.way == Action.READ:
        return "Its record is read first; what is sent follows from it."
    return (
        "It is sent to ingestion for the first time."
        if plan.way == Action.ADD
        else "Fini processes it again."
    )


def unless(may: bool, plan: ItemPlan, role: str) -> str:  # noqa: FBT001 - it reads as a sentence
    """Why not: the role, or what the plan says."""
    return plan.why if may else role


def original(source: Source) -> SourceAction:
    """The way to the page at the provider."""
    if not routes.is_url(source.original_url):
        return SourceAction("Open the original", "", "Its address is not one that a browser opens")
    return SourceAction(
        "Open the original", "At the provider, in a tab of its own.", href=source.original_url
    )
