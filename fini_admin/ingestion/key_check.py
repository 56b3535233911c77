"""Whether Fini takes a key, what it may do, whose it is: cheap reads, a write that stores nothing (contract 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

from django.conf import settings
from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity, By
from fini_admin.audit.recording import Context, Superseded
from fini_admin.audit.transport import Exchange, exchange
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
from fini_admin.fini.routes import get_source, list_sources, write_probe
from fini_admin.ingestion import budget, credentials
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib.keyring import UnknownKey
from fini_admin.lib.lease import LENGTH
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace
from fini_admin.workspaces.queries import live_key
from fini_admin.workspaces.vault import SealBroken, open_key

SHOWN = 300
HEAD = 20
PROOFS = 3
# Why a verification may end without an answer.
FAILURES = (FiniError, budget.Spent, SealBroken, UnknownKey)
Ask = Callable[[Request[Any], ApiKey], Exchange[Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a verification found: `same` is None when nothing tells whose key it is."""

    scopes: set[str]
    same: bool | None


def verify(*, by: By, key: ApiKey) -> Found:
    """The scopes that a key was found to have, and whether it opens this workspace, noted on the key and recorded.

    Raises one of FAILURES when Fini refuses it or cannot tell; `explained` says it in words.
    """

    def ask(request: Request[Any], asking: ApiKey) -> Exchange[Any]:
        return answer(key.workspace, request, context(asking, by=by))

    head = ask(list_sources(limit=HEAD), key)
    may = {"read": allowed(head), "write": allowed(ask(write_probe(), key))}
    found = Found({scope for scope, allows in may.items() if allows}, same_workspace(key, ids_of(head), ask))
    note(key, found, by=by)
    return found


def context(key: ApiKey, *, by: By) -> Context:
    """A call with this very key, whichever is live."""
    return Context(
        chain=str(key.workspace_id),
        by=by,
        key=key.label,
        key_id=str(key.pk),
        secret=open_key(key),
        # Nobody sends a heartbeat for a call outside the worker: the lease must outlast the longest one.
        lease=lease(),
    )


def lease() -> timedelta:
    """How long a call outside the worker stays open without a heartbeat."""
    return LENGTH + timedelta(seconds=2 * settings.FINI_TIMEOUT)


def answer(workspace: Workspace, request: Request[Any], context: Context) -> Exchange[Any]:
    """One call and what came of it, out of the share of the budget that is kept for people."""
    try:
        return exchange(
            request,
            context,
            claim=lambda call: budget.take(budget.lock_budget(workspace), call, urgent=True),
            settle=partial(credentials.settle, workspace),
        )
    except Superseded:
        raise TimedOut("the answer came when the call was closed already") from None


def allowed(done: Exchange[Any]) -> bool:
    """Whether the key may do what was asked; raises the FiniError that leaves it open."""
    if isinstance(done.error, ScopeMissing):
        return False
    if done.error is None or (isinstance(done.error, BadRequest) and not isinstance(done.error, KeyRefused)):
        return True
    raise done.error


def ids_of(head: Exchange[Any]) -> set[str]:
    """The IDs on a page of the list; none when it was refused."""
    return {document.id for document in head.value.documents} if head.value else set()


def same_workspace(key: ApiKey, ids: set[str], ask: Ask) -> bool | None:
    """Whether a key that lists these sources opens the workspace that the live key opens; None when nothing tells.

    The live key is the measure. Where our mirror knows sources and none of these, Fini is asked for some of ours.
    """
    if key.state == KeyState.LIVE:
        return key.same_workspace
    if not ids:
        return None
    ours = Source.objects.filter(workspace=key.workspace)
    if ours.filter(fini_id__in=ids).exists():
        return True
    some = list(ours.exclude(state=State.GONE).order_by("-pk").values_list("fini_id", flat=True)[:PROOFS])
    if some:
        return any(there(ask(get_source(fini_id), key)) for fini_id in some)
    return same_as_live(key, ids, ask)


def there(done: Exchange[Any]) -> bool:
    """Whether a source was found; raises the FiniError that leaves it open."""
    return allowed(done) and done.error is None


def same_as_live(key: ApiKey, ids: set[str], ask: Ask) -> bool | None:
    """The same without a mirror: what the live key lists now; None without one that lists anything."""
    live = live_key(key.workspace)
    if live is None or live.refused_at:
        return None
    head = ask(list_sources(limit=HEAD), live)
    if isinstance(head.error, KeyRefused):
        return None
    allowed(head)
    return bool(ids & ids_of(head)) if ids_of(head) else None


@transaction.atomic
def note(key: ApiKey, found: Found, *, by: By) -> None:
    """What was found, on the key and in the trail. Fini takes it, so an earlier refusal is over: work goes on."""
    before = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    scopes = sorted(found.scopes)
    ApiKey.objects.filter(pk=key.pk).update(
        scopes=" ".join(scopes),
        same_workspace=found.same,
        verified_at=datetime.now(UTC),
        refused_at=None,
        fallen_back_at=None,
    )
    if before.refused_at and before.state == KeyState.LIVE:
        wake()
    detail: dict[str, object] = {
        "key": str(key.pk),
        "label": before.label,
        "scopes": scopes,
        "was": before.scopes.split() if before.verified_at else None,
        "was_refused": before.refused_at is not None,
        "same_workspace": found.same,
    }
    chain.record(chain=str(key.workspace_id), kind=Activity.KEY_VERIFIED, by=by, detail=detail)


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
