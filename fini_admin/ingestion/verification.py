"""Whether Fini takes a key, and what it may do: a cheap read, and a write that stores nothing (contract 1)."""

from functools import partial
from typing import Any

from django.db import transaction

from fini_admin.audit import chain
from fini_admin.audit.names import Activity
from fini_admin.audit.recording import Context
from fini_admin.audit.transport import exchange
from fini_admin.fini.client import Request
from fini_admin.fini.errors import BadRequest, KeyRefused, ScopeMissing
from fini_admin.fini.routes import list_sources, write_probe
from fini_admin.ingestion import budget, calling
from fini_admin.workspaces.models import ApiKey, Workspace
from fini_admin.workspaces.vault import open_key


def verify(*, actor: str, origin: str, key: ApiKey) -> set[str]:
    """The scopes that a key was found to have, recorded. Raises FiniError when Fini refuses it or cannot tell."""
    context = Context(
        chain=str(key.workspace_id),
        actor=actor,
        origin=origin,
        key=key.label,
        key_id=str(key.pk),
        secret=open_key(key),
    )
    found = {scope for scope, request in probes().items() if allowed(key.workspace, request, context)}
    detail: dict[str, object] = {"label": key.label, "scopes": sorted(found)}
    with transaction.atomic():
        chain.record(
            chain=context.chain, kind=Activity.KEY_VERIFIED, actor=actor, origin=origin, detail=detail
        )
    return found


def probes() -> dict[str, Request[Any]]:
    """One request a scope."""
    return {"read": list_sources(limit=1), "write": write_probe()}


def allowed(workspace: Workspace, request: Request[Any], context: Context) -> bool:
    """Whether the key may do this; raises the FiniError that leaves it open."""
    done = exchange(
        request,
        context,
        claim=lambda call: budget.take(budget.lock(workspace), call, urgent=True),
        settle=partial(calling.settle, workspace),
    )
    if isinstance(done.error, ScopeMissing):
        return False
    if done.error is None or (isinstance(done.error, BadRequest) and not isinstance(done.error, KeyRefused)):
        return True
    raise done.error
