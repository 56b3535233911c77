"""What the settings page shows, and what a copy of it changes: also one that stood open while a colleague saved."""

from collections.abc import Mapping
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction

from fini_admin.audit.names import By
from fini_admin.ingestion import schedules
from fini_admin.ingestion.budget import lock_budget
from fini_admin.ingestion.models import Schedule
from fini_admin.workspaces import queries
from fini_admin.workspaces.models import Workspace
from fini_admin.workspaces.preferences import Value
from fini_admin.workspaces.workspaces import change_settings

Values = Mapping[str, Value]
SAVED = (
    "Somebody saved {} here after you opened this page. Save again to replace it with what stands here now."
)
EMPTIED = "Somebody emptied this after you opened this page. Save again to set it to what stands here now."


class SavedMeanwhile(ValidationError):
    """What this page would change, somebody else changed after it was opened; by field."""


def held(workspace: Workspace) -> dict[str, Value]:
    """Every setting and every schedule's hours, by field, as they are stored; None where the default holds."""
    hours = Schedule.objects.filter(workspace=workspace).values_list("provider", "every_hours")
    return queries.own_settings(workspace) | {schedules.setting(provider): every for provider, every in hours}


def sealed(workspace: Workspace, values: Values) -> str:
    """What a page shows, signed: the page sends it back with what was typed."""
    return signing.dumps(dict(values), salt=salt(workspace))


def shown(workspace: Workspace, text: str) -> Values | None:
    """What the page showed, from the text that it sent back; None for a text that is none of this workspace's."""
    try:
        values: Values = signing.loads(text, salt=salt(workspace))
    except signing.BadSignature:
        return None
    return values


def salt(workspace: Workspace) -> str:
    """Pages of one workspace are no other's."""
    return f"settings {workspace.pk}"


@transaction.atomic
def save(
    *,
    by: By,
    workspace: Workspace,
    values: Values,
    hours: schedules.Hours,
    before: Values | None = None,
) -> bool:
    """Save settings and schedules, both or neither; whether any changed.

    `before` is what the page showed: what was left as it was is not saved, so a colleague's change to it stays. Raises
    SavedMeanwhile for a field that both changed, ValidationError for what will not do.
    """
    # The budget, the workspace, the chain's head: in this order, as everywhere, so that nobody waits crosswise.
    lock_budget(workspace)
    typed = dict(values) | {schedules.setting(provider): every for provider, every in hours.items()}
    mine = {name for name in typed if before is None or typed[name] != before.get(name)}
    if before is not None:
        check_meanwhile({name: typed[name] for name in mine}, before, held(workspace))
    who: dict[str, Any] = {"by": by, "workspace": workspace}
    kept = {name: value for name, value in values.items() if name in mine}
    planned = {provider: every for provider, every in hours.items() if schedules.setting(provider) in mine}
    changed = change_settings(**who, values=kept)
    return schedules.change(**who, hours=planned) or changed


def check_meanwhile(typed: Values, before: Values, now: Values) -> None:
    """Raise SavedMeanwhile for what is neither as the page showed it nor as it was typed."""
    wrong = {
        name: in_words(now.get(name))
        for name, value in typed.items()
        if now.get(name) not in (before.get(name), value)
    }
    if wrong:
        raise SavedMeanwhile(wrong)


def in_words(value: Value) -> str:
    """What is said beside a field that holds this value by now."""
    if value is None:
        return EMPTIED
    return SAVED.format(("No", "Yes")[value] if isinstance(value, bool) else value)
