"""Discoveries: starting one, a provider's latest run, the run whose list is shown, why the latest failed (P8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Unpack

from django.db import transaction
from django.db.models import Q, Subquery

from fini_admin.audit.names import By
from fini_admin.fini import errors
from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.kinds.discovery_remarks import RemarkGroup, remarks_of_run
from fini_admin.ingestion.models import NOT_CONNECTED, Run, RunKind, RunState, Step, StepState
from fini_admin.ingestion.runs import standstill
from fini_admin.ingestion.runs.starting import RunOptions, start_run
from fini_admin.sources import tree
from fini_admin.sources.tree import Scope
from fini_admin.workspaces import preferences
from fini_admin.workspaces.keys import NEW_KEY
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.queries import facts

SAFE = "Discover only reads, so trying again is safe."
UNANSWERED = ("", f"{SAFE} If this continues, the call tells what Fini answered.")
# What to say and to do, by the kind of the error that ended the run.
ADVICE: dict[str, tuple[str, str]] = {
    NOT_CONNECTED: (
        "{label} is not connected in Fini.",
        f"Connect it in Fini's dashboard, then discover again. {SAFE}",
    ),
    errors.ScopeMissing.__name__: (
        "The API key may not read.",
        f"{NEW_KEY} Then discover again.",
    ),
    errors.NotUnderstood.__name__: (
        "Fini's answer could not be read.",
        f"{SAFE} If this continues, the call holds the answer as it came.",
    ),
    **{kind.__name__: UNANSWERED for kind in (errors.FiniFailed, errors.TimedOut, errors.Dropped)},
}


@dataclass(frozen=True)
class Discovery:
    """A provider's latest run and its last step; `listed` is the latest run that brought a list."""

    provider: str
    run: Run | None
    listed: Run | None
    step: Step | None

    @property
    def label(self) -> str:
        """The provider's name as people write it."""
        return PROVIDERS[self.provider].label

    @property
    def running(self) -> bool:
        """Whether Fini is being asked."""
        return self.run is not None and self.run.state != RunState.ENDED

    @property
    def again(self) -> int:
        """How many calls have failed so far, while it goes on."""
        if not self.running or self.step is None:
            return 0
        return self.step.tries - (self.step.state == StepState.SENT)

    @property
    def number(self) -> int:
        """The number of the run that listed what is shown, 0 before the first."""
        return self.listed.number if self.listed else 0

    def left_out(self) -> list[RemarkGroup]:
        """What the shown list leaves out, or lists with a doubt."""
        return remarks_of_run(self.listed) if self.listed else []

    def trouble(self) -> tuple[str, str]:
        """Why the latest run failed and what to do; both empty if it did not fail."""
        run = self.run
        return _advice(run.error_kind, self.label) if run and run.error and not self.running else ("", "")


def discovery_of(workspace: Workspace, provider: str) -> Discovery:
    return discoveries_of(workspace, [provider])[0]


def discoveries_of(workspace: Workspace, providers: Iterable[str]) -> list[Discovery]:
    """The discovery of each of these providers, by one query."""
    wanted, names = Q(), list(providers)
    for provider in names:
        mine = Run.objects.filter(workspace=workspace, kind=RunKind.DISCOVER, provider=provider)
        newest = mine.order_by("-number").values("pk")
        wanted |= Q(run=Subquery(newest[:1]))
        wanted |= Q(run=Subquery(newest.filter(state=RunState.ENDED, error="")[:1]))
    last_steps: dict[str, dict[int, Step]] = {provider: {} for provider in names}
    for step in Step.objects.filter(wanted).select_related("run").order_by("-run__number", "-number"):
        last_steps[step.run.provider].setdefault(step.run.number, step)
    return [_discovery(provider, list(found.values())) for provider, found in last_steps.items()]


def _discovery(provider: str, found: list[Step]) -> Discovery:
    """`found`: the last step of the latest run, and of the one before it that brought a list if that brought none."""
    step = found[0] if found else None
    listed = (one.run for one in found if one.run.state == RunState.ENDED and not one.run.error)
    return Discovery(provider, step.run if step else None, next(listed, None), step)


@dataclass(frozen=True, slots=True)
class DiscoveryNow:
    """What the page of a tree shows besides it: what keeps the latest run waiting, and MIME types by provider.

    `version` changes whenever the tree may look different.
    """

    waits: str
    mime_types: Mapping[str, str]
    version: str


def discovery_now(found: Discovery, scope: Scope) -> DiscoveryNow:
    """What keeps the latest run waiting, and what the tree shows beside the list, by one query."""
    run = found.run if found.running else None
    asked = tree.questions(scope) | (standstill.questions(run, datetime.now(UTC)) if run else {})
    now = facts(scope.workspace.pk, *standstill.FIELDS, "settings__mime_types", **asked)
    return DiscoveryNow(
        standstill.reason_by(run, now) if run else "",
        preferences.mime_types_by(now["settings__mime_types"]),
        tree.version(scope, now),
    )


def last_provider(workspace: Workspace) -> str:
    """The provider that was discovered last; the first of all if none was."""
    mine = Run.objects.filter(workspace=workspace, kind=RunKind.DISCOVER, provider__in=PROVIDERS)
    return mine.order_by("-number").values_list("provider", flat=True).first() or next(iter(PROVIDERS))


def start_discover(*, by: By, workspace: Workspace, provider: str, **extra: Unpack[RunOptions]) -> Run:
    """Start a discovery of a provider, or find the run of the same token."""
    return start_run(workspace, RunKind.DISCOVER, by=by, provider=provider, **extra)


@transaction.atomic
def start_or_join(*, by: By, workspace: Workspace, provider: str, token: str) -> Run:
    """Discover a provider, unless that is going on: whoever comes second gets the same run."""
    lock_budget(workspace)
    found = discovery_of(workspace, provider)
    if found.run and found.running:
        return found.run
    return start_discover(by=by, workspace=workspace, provider=provider, token=token)


def _advice(kind: str, label: str) -> tuple[str, str]:
    """What an error of this kind means for a discovery, and what to do; runs before kinds were kept have none."""
    what, todo = ADVICE.get(kind, ("", f"{SAFE} What was said stands below."))
    return what.format(label=label) or f"Fini did not list what {label} holds.", todo
