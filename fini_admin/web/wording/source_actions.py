"""The actions on a source's page, and why one is not available."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fini_admin.fini import routes
from fini_admin.ingestion.planning.plans import Action, ItemPlan, plan_delete, plan_for_source, plan_refresh
from fini_admin.sources.models import Source
from fini_admin.web.wording.refusals import ADMINS, EDITORS
from fini_admin.workspaces.permissions import Permission


@dataclass(frozen=True, slots=True)
class SourceAction:
    """A button named `do`, or a link to `href`. `what` describes it; `why_not` is empty when it is available."""

    text: str
    what: str
    why_not: str = ""
    do: str = ""
    href: str = ""
    look: str = ""


def actions(
    source: Source, holders: Mapping[int, int], permissions: Collection[Permission]
) -> list[SourceAction]:
    """All actions on a source. `holders` maps a source's primary key to the number of the run that has it."""
    refreshes = Permission.SOURCES_REFRESH in permissions
    retries = refreshes and Permission.SOURCES_INGEST in permissions
    deletes = Permission.SOURCES_DELETE in permissions
    retry, refresh, delete = (plan(source, holders) for plan in (plan_for_source, plan_refresh, plan_delete))
    return [
        SourceAction("Retry", _effect_of_retry(retry), _why_not(retries, retry, EDITORS), do="retry"),
        SourceAction(
            "Refresh", "Fini processes it again.", _why_not(refreshes, refresh, EDITORS), do="refresh"
        ),
        SourceAction(
            "Delete",
            "Fini forgets it; its history stays here.",
            _why_not(deletes, delete, ADMINS),
            do="delete",
            look="button-danger",
        ),
        _open_original(source),
        SourceAction(
            "Open in Fini", "", "Fini's API gives no address of a source: look for its title in Fini"
        ),
    ]


def _effect_of_retry(plan: ItemPlan) -> str:
    if plan.way == Action.READ:
        return "Its record is read first; what is sent follows from it."
    if plan.way == Action.ADD:
        return "It is sent to ingestion for the first time."
    return "What did not end well is tried again: here that is a refresh."


def _why_not(may: bool, plan: ItemPlan, role: str) -> str:  # noqa: FBT001 - it reads as a sentence
    return plan.why if may else role


def _open_original(source: Source) -> SourceAction:
    """The link to the page at the provider."""
    if not routes.is_url(source.original_url):
        return SourceAction("Open the original", "", "Its address is not one that a browser opens")
    return SourceAction(
        "Open the original", "At the provider, in a tab of its own.", href=source.original_url
    )
