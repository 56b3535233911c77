"""Whether Fini takes a key, and what it may do: a cheap read, and a write that stores nothing (contract 1)."""

from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

from django.conf import settings
from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity
from fini_admin.audit.recording import LEASE, Context, Superseded
from fini_admin.audit.transport import exchange
from fini_admin.fini.client import Request
from fini_admin.fini.errors import (
    BadRequest,
    FiniError,
    KeyRefused,
    ScopeMissing,
    Throttled,
    TimedOut,
    Unreachable,
)
from fini_admin.fini.routes import list_sources, write_probe
from fini_admin.ingestion import budget, calling
from fini_admin.ingestion.wakeup import wake
from fini_admin.keyring import UnknownKey
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace
from fini_admin.workspaces.vault import SealBroken, open_key

SHOWN = 300
# Why a verification may end without an answer.
FAILURES = (FiniError, budget.Spent, SealBroken, UnknownKey)


def verify(*, actor: str, origin: str, key: ApiKey) -> set[str]:
    """The scopes that a key was found to have, noted on the key and recorded.

    Raises one of FAILURES when Fini refuses it or cannot tell; `explained` says it in words.
    """
    context = Context(
        chain=str(key.workspace_id),
        actor=actor,
        origin=origin,
        key=key.label,
        key_id=str(key.pk),
        secret=open_key(key),
        # Nobody sends a heartbeat for a call outside the worker: the lease must outlast the longest one.
        lease=LEASE + timedelta(seconds=2 * settings.FINI_TIMEOUT),
    )
    found = {scope for scope, request in probes().items() if allowed(key.workspace, request, context)}
    note(key, found, actor=actor, origin=origin)
    return found


def probes() -> dict[str, Request[Any]]:
    """One request a scope."""
    return {"read": list_sources(limit=1), "write": write_probe()}


def allowed(workspace: Workspace, request: Request[Any], context: Context) -> bool:
    """Whether the key may do this; raises the FiniError that leaves it open."""
    try:
        done = exchange(
            request,
            context,
            claim=lambda call: budget.take(budget.lock(workspace), call, urgent=True),
            settle=partial(calling.settle, workspace),
        )
    except Superseded:
        raise TimedOut("the answer came when the call was closed already") from None
    if isinstance(done.error, ScopeMissing):
        return False
    if done.error is None or (isinstance(done.error, BadRequest) and not isinstance(done.error, KeyRefused)):
        return True
    raise done.error


@transaction.atomic
def note(key: ApiKey, found: set[str], *, actor: str, origin: str) -> None:
    """What was found, on the key and in the trail. Fini takes it, so an earlier refusal is over: work goes on."""
    before = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    scopes = sorted(found)
    ApiKey.objects.filter(pk=key.pk).update(
        scopes=" ".join(scopes), verified_at=datetime.now(UTC), refused_at=None
    )
    if before.refused_at and before.state == KeyState.LIVE:
        wake(key.workspace_id)
    detail: dict[str, object] = {
        "key": str(key.pk),
        "label": before.label,
        "scopes": scopes,
        "was": before.scopes.split() if before.verified_at else None,
        "was_refused": before.refused_at is not None,
    }
    chain.record(
        chain=str(key.workspace_id), kind=Activity.KEY_VERIFIED, actor=actor, origin=origin, detail=detail
    )


def explained(error: Exception) -> str:
    """A failure in plain words: what happened, whether to try again, what to do (P8)."""
    said = str(error)[:SHOWN]
    if isinstance(error, KeyRefused):
        return (
            f"{said}. It is mistyped, or it was revoked there; asking again will not help. "
            "Make a key in Fini (Deploy → API Keys), add it here and switch to it."
        )
    if isinstance(error, budget.Spent):
        seconds = max(1, ceil((error.until - datetime.now(UTC)).total_seconds()))
        return f"Nothing was asked: the budget of calls is spent. Verify again in {seconds} s."
    if isinstance(error, Throttled):
        return f"{said}. Nothing was found out about the key. Verify again in a minute."
    if isinstance(error, Unreachable):
        return (
            f"{said}. Nothing was found out about the key. Verify again later; if it stays so, an operator looks at "
            "the network, FINI_API_BASE_URL and FINI_PROXY."
        )
    if isinstance(error, FiniError):
        return f"{said}. Nothing was found out about the key. Verifying stores nothing in Fini: it is safe to repeat."
    return (
        f"Nothing was asked: {said}. An operator puts the missing encryption key back into ENCRYPTION_KEYS, or you "
        "add the key again under another label."
    )
