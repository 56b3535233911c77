"""A key's state, and everything that changes it: add, describe, switch to, refuse, fall back, verify, switch off.

Each write is one transaction with its audit entry inside. What a person typed raises ValidationError when it will not
do. Locks are taken in one order, so that nobody waits crosswise: the workspace, the key's row, the chain's head.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By, Origin
from fini_admin.lib.outage import contained
from fini_admin.lib.prepared import prepared_update
from fini_admin.workspaces import preferences, queries, validators, vault
from fini_admin.workspaces.models import LABEL_TAKEN, ApiKey, KeyState, Workspace
from fini_admin.workspaces.workspaces import lock_installation, lock_workspace, record_activity

log = logging.getLogger(__name__)
# Four characters of a shorter key would be a good part of it.
SHOWN_FROM = 20
# A switch relies on what was found: older than this, the key may have changed in Fini.
VERIFIED_FOR = timedelta(hours=1)
SCOPES = ("read", "write")
NEW_KEY = "Make a key with the scopes read and write in Fini, add it here and switch to it."
OWN_KEY = "Add a key that was made in this workspace."
OTHER_WORKSPACE = "belongs to another Fini workspace: none of the sources here is in it."
PUBLIC_KEY = "Set ENCRYPTION_KEYS first: without it a key would be sealed with one that everybody knows."
KEY_IN_TEXT = "The {} holds the key itself. It belongs only in the key's own field."
KEY_ELSEWHERE = "Another workspace here holds this key. A key belongs to one: two would share its budget."
KEY_TWICE = (
    "The workspace holds this key already, as {}. Twice, it would stay in use after it was switched off."
)
# Who changes a key after a refusal, or when a fallback's time is over, and reads what nobody asked for.
BY = By("Fini Admin", Origin.WORKER)


@sensitive_variables("plain", "text", "words", "typed")
def add_key(
    *,
    by: By,
    workspace: Workspace,
    label: str,
    plain: str,
    purpose: str = "",
    owner: str = "",
    expires_on: date | None = None,
) -> ApiKey:
    """Seal a key of a workspace. The workspace's first is live at once, a later one waits to be switched to.

    Its owner is whoever adds it, unless `owner` names somebody else.
    """
    text = _key_to_seal(plain)
    words = {"label": label, "purpose": purpose, "owner": owner.strip() or by.actor}
    for name, typed in words.items():
        if text in typed:
            raise ValidationError({name: KEY_IN_TEXT.format(name)})
    # No decorator: in an error report its frame would show this function's arguments.
    with transaction.atomic():
        lock_installation()
        lock_workspace(workspace)
        holder = queries.holder(text)
        if holder:
            here = holder.workspace_id == workspace.pk
            raise ValidationError({"key": KEY_TWICE.format(holder.label) if here else KEY_ELSEWHERE})
        first = not ApiKey.objects.filter(workspace=workspace).exists()
        key = ApiKey(workspace=workspace, created_by=by.actor, expires_on=expires_on, **_words(**words))
        _check_label(workspace, key.label)
        key.state = KeyState.LIVE if first else KeyState.WAITING
        key.last_four = text[-4:] if len(text) >= SHOWN_FROM else ""
        key.sealed = vault.seal(text, workspace=workspace.pk, row=key.pk)
        key.fingerprint = vault.fingerprints(text)[0]
        key.full_clean()
        key.save(force_insert=True)
        _record(key, Activity.KEY_ADDED, by, **_facts(key))
    return key


@sensitive_variables("plain")
def _key_to_seal(plain: str) -> str:
    """A typed key without what it was copied with. Refused while the encryption key is one that everybody knows."""
    if settings.ENCRYPTION_KEY_IS_PUBLIC:
        raise ValidationError({"key": PUBLIC_KEY})
    return validators.key_text(plain)


@transaction.atomic
def describe_key(
    *,
    by: By,
    key: ApiKey,
    label: str,
    purpose: str = "",
    owner: str = "",
    expires_on: date | None = None,
) -> ApiKey:
    """Change a key's label, purpose, owner and day of expiry; the trail has what changed, before and after.

    Older rows of the trail keep the old label.
    """
    workspace = lock_workspace(key.workspace)
    key = ApiKey.objects.get(pk=key.pk)
    words = _words(label=label, purpose=purpose, owner=owner.strip() or key.created_by)
    after = {
        name: value
        for name, value in (words | {"expires_on": expires_on}).items()
        if value != getattr(key, name)
    }
    if not after:
        return key
    before = {name: getattr(key, name) for name in after}
    for name in words.keys() & after.keys():
        if vault.holds(words[name], key):
            raise ValidationError({name: KEY_IN_TEXT.format(name)})
    if "label" in after:
        _check_label(workspace, words["label"])
    for name, value in after.items():
        setattr(key, name, value)
    key.full_clean()
    key.save(update_fields=list(after))
    _record(key, Activity.KEY_CHANGED, by, before=_as_json(before), after=_as_json(after))
    return key


@transaction.atomic
def switch_key(*, by: By, key: ApiKey) -> ApiKey:
    """Make this key live. The one that was live becomes the fallback for a while, then it is switched off.

    A switch to the fallback undoes a switch: what was live in between waits, without an end.
    """
    workspace = lock_workspace(key.workspace)
    key = ApiKey.objects.get(pk=key.pk)
    if key.state == KeyState.LIVE:
        return key
    refusal = why_not_switch(key)
    if refusal:
        raise ValidationError(refusal)
    before = queries.live_key(workspace)
    detail = {"before": before.label if before else None, "before_key": str(before.pk) if before else None}
    if before:
        ready = timedelta(hours=preferences.preferences(workspace).fallback_hours)
        ends = None if key.fallback_until or before.refused_at else timezone.now() + ready
        before.state, before.fallback_until = KeyState.WAITING, ends
        before.save(update_fields=["state", "fallback_until"])
        detail["fallback_until"] = ends.isoformat(timespec="seconds") if ends else None
    key.state, key.fallback_until = KeyState.LIVE, None
    key.save(update_fields=["state", "fallback_until"])
    _record(key, Activity.KEY_SWITCHED, by, state=key.state, was=KeyState.WAITING, **detail)
    return key


def why_not_switch(key: ApiKey) -> str:
    """Why calls may not go out with a key; empty when they may. A fallback key needs no new verification."""
    if key.state == KeyState.OFF:
        return f"The key {key.label} is off for good. Add a key instead."
    if key.refused_at:
        return (
            f"Fini refused the key {key.label}. Verify it: when Fini accepts it again, it can be switched to."
        )
    if key.same_workspace is False:
        return f"The key {key.label} {OTHER_WORKSPACE} {OWN_KEY}"
    return "" if key.fallback_until and key.fallback_until > timezone.now() else _not_verified(key)


def _not_verified(key: ApiKey) -> str:
    """What the last verification leaves open for a switch: its age, a scope; empty when nothing."""
    if key.verified_at is None or key.verified_at < timezone.now() - VERIFIED_FOR:
        return f"Verify the key {key.label} first: a switch needs a verification of the last hour."
    missing = [scope for scope in SCOPES if scope not in key.scopes.split()]
    if missing:
        return f"The key {key.label} may not {' or '.join(missing)}. {NEW_KEY}"
    return ""


@transaction.atomic
def switch_off_key(*, by: By, key: ApiKey) -> ApiKey:
    """Switch a key off for good: its text is erased here, its row stays. Safe to repeat."""
    lock_workspace(key.workspace)
    key = ApiKey.objects.get(pk=key.pk)
    was = key.state
    if was == KeyState.OFF:
        return key
    key.state, key.sealed, key.fingerprint = KeyState.OFF, b"", None
    key.fallback_until = key.fallen_back_at = None
    key.save(update_fields=["state", "sealed", "fingerprint", "fallback_until", "fallen_back_at"])
    _record(key, Activity.KEY_SWITCHED_OFF, by, state=key.state, was=was)
    return key


def mark_refused(workspace: Workspace, key_id: str, reason: str) -> None:
    """Note a key's first refusal by Fini, so that the work waits for another key instead of spending calls.

    Where a fallback is ready the work goes back to it at once. In the transaction of the answer.
    """
    lock_workspace(workspace)
    for key in ApiKey.objects.filter(workspace=workspace, pk=key_id, refused_at=None):
        now = datetime.now(UTC)
        ApiKey.objects.filter(pk=key.pk).update(refused_at=now, last_refused_at=now)
        detail: dict[str, object] = {"label": key.label, "reason": reason}
        chain.record(
            chain=str(workspace.pk), kind=Activity.KEY_REFUSED, by=By("Fini", Origin.WORKER), detail=detail
        )
        _fall_back(key)


def note_use(key_id: str, at: datetime) -> None:
    """Note when a key was last used, at most once a minute."""
    _NOTE_USE(UUID(key_id), at - timedelta(minutes=1), at)


def _use(_: datetime, key: UUID, before: datetime, at: datetime) -> tuple[QuerySet[ApiKey], dict[str, Any]]:
    return ApiKey.objects.filter(pk=key).exclude(last_used_at__gt=before), {"last_used_at": at}


_NOTE_USE = prepared_update(_use)


@transaction.atomic
def note_verified(*, by: By, key: ApiKey, scopes: set[str], same: bool | None) -> bool:
    """Note what a verification found: the key's scopes, and whether it opens this workspace (None: nothing told).

    Fini accepts the key, so an earlier refusal is over. True when the work waited for that.
    """
    before = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    found = sorted(scopes)
    ApiKey.objects.filter(pk=key.pk).update(
        scopes=" ".join(found),
        same_workspace=same,
        verified_at=datetime.now(UTC),
        refused_at=None,
        fallen_back_at=None,
    )
    detail = {
        "scopes": found,
        "was": before.scopes.split() if before.verified_at else None,
        "was_refused": before.refused_at is not None,
        "same_workspace": same,
    }
    _record(before, Activity.KEY_VERIFIED, by, **detail)
    return before.refused_at is not None and before.state == KeyState.LIVE


def fallback(workspace: Workspace) -> ApiKey | None:
    """The key to go back to when Fini refuses the live one; of several the one that was live last."""
    waiting = ApiKey.objects.filter(workspace=workspace, fallback_until__gt=timezone.now(), refused_at=None)
    return waiting.order_by("-fallback_until").first()


@transaction.atomic
def _fall_back(refused: ApiKey) -> ApiKey | None:
    """Make the fallback live again in place of the live key, which Fini refused; None when nothing changed.

    The refused key waits, and stays marked until Fini accepts it again.
    """
    workspace = lock_workspace(refused.workspace)
    live, key = queries.live_key(workspace), fallback(workspace)
    if key is None or live is None or live.pk != refused.pk:
        return None
    now = timezone.now()
    ApiKey.objects.filter(pk=live.pk).update(state=KeyState.WAITING, fallen_back_at=now)
    ApiKey.objects.filter(pk=key.pk).update(state=KeyState.LIVE, fallback_until=None)
    detail = {"state": str(KeyState.LIVE), "before": live.label, "before_key": str(live.pk)}
    _record(key, Activity.KEY_FALLEN_BACK, BY, **detail)
    return key


def end_fallbacks() -> int:
    """Switch off each fallback whose time is over, where a live key works; returns how many.

    Each in a transaction of its own: an error in one is logged, and it is tried again the next time.
    """
    ended = 0
    for key in ApiKey.objects.filter(fallback_until__lte=timezone.now()).select_related("workspace"):
        with contained(log, "fallback of %s", key.workspace):
            ended += _end_fallback(key)
    return ended


@transaction.atomic
def _end_fallback(key: ApiKey) -> bool:
    """Switch off one of them; never the last key that the work could go out with."""
    workspace = lock_workspace(key.workspace)
    live = queries.live_key(workspace)
    over = ApiKey.objects.filter(pk=key.pk, fallback_until__lte=timezone.now()).exists()
    if not over or live is None or live.refused_at:
        return False
    switch_off_key(by=BY, key=key)
    return True


def _record(key: ApiKey, kind: Activity, by: By, /, **detail: object) -> None:
    """One activity about a key, which it names by ID and label."""
    record_activity(key.workspace, kind, by, key=str(key.pk), label=key.label, **detail)


def _facts(key: ApiKey) -> dict[str, str | None]:
    """What the trail keeps of a key when it is added."""
    return {
        "last_four": key.last_four,
        "state": key.state,
        "purpose": key.purpose,
        "owner": key.owner,
        "expires_on": key.expires_on.isoformat() if key.expires_on else None,
    }


def _words(*, label: str, purpose: str, owner: str) -> dict[str, str]:
    """A key's label, purpose and owner as they are stored. Raises ValidationError."""
    return {
        "label": validators.plain_text("label", label),
        "purpose": validators.plain_text("purpose", purpose) if purpose.strip() else "",
        "owner": validators.plain_text("owner", owner),
    }


def _check_label(workspace: Workspace, label: str) -> None:
    """Raise when the workspace has a key with this label. Labels of keys that are off stay taken."""
    if ApiKey.objects.filter(workspace=workspace, label=label).exists():
        raise ValidationError({"label": LABEL_TAKEN})


def _as_json(values: Mapping[str, object]) -> dict[str, object]:
    """Values for the trail's JSON: a day as ISO text."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
