"""Saving a workspace's settings and schedules, also when somebody else saved while the page was open."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from fini_admin.audit.names import By
from fini_admin.ingestion import schedules
from fini_admin.ingestion.budget import lock_budget, reopen
from fini_admin.ingestion.models import Schedule
from fini_admin.ingestion.wakeup import wake
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
    """Somebody else changed the same fields after the page was opened; messages by field."""


def stored_values(workspace: Workspace) -> dict[str, Value]:
    """Every setting and every schedule's hours by field name; None where the default applies."""
    hours = Schedule.objects.filter(workspace=workspace).values_list("provider", "every_hours")
    return queries.own_settings(workspace) | {
        schedules.setting_name(provider): every for provider, every in hours
    }


@transaction.atomic
def save(
    *,
    by: By,
    workspace: Workspace,
    values: Values,
    hours: schedules.Hours,
    before: Values | None = None,
) -> bool:
    """Save settings and schedules, both or neither; returns whether anything changed.

    `before` is what the page showed: a field that was left as it was is not saved, so a colleague's change to it stays.
    Raises SavedMeanwhile for a field that both changed, ValidationError for invalid values.
    """
    # Lock order everywhere: budget, workspace, chain head. Another order could deadlock.
    lock_budget(workspace)
    typed = dict(values) | {schedules.setting_name(provider): every for provider, every in hours.items()}
    mine = {name for name in typed if before is None or typed[name] != before.get(name)}
    if before is not None:
        _check_meanwhile({name: typed[name] for name in mine}, before, stored_values(workspace))
    who: dict[str, Any] = {"by": by, "workspace": workspace}
    kept = {name: value for name, value in values.items() if name in mine}
    planned = {
        provider: every for provider, every in hours.items() if schedules.setting_name(provider) in mine
    }
    changed = change_settings(**who, values=kept)
    changed = schedules.change(**who, hours=planned) or changed
    if changed:  # calls that waited for the old budget may go out now
        reopen(workspace)
        wake()
    return changed


def _check_meanwhile(typed: Values, before: Values, now: Values) -> None:
    """Raise SavedMeanwhile for fields whose stored value is neither the one shown nor the one typed."""
    wrong = {
        name: _in_words(now.get(name))
        for name, value in typed.items()
        if now.get(name) not in (before.get(name), value)
    }
    if wrong:
        raise SavedMeanwhile(wrong)


def _in_words(value: Value) -> str:
    if value is None:
        return EMPTIED
    return SAVED.format(("No", "Yes")[value] if isinstance(value, bool) else value)
