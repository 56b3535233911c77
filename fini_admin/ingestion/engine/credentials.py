"""Which key a call goes out with and in whose name, and what its answer says of the key and the budget."""

from contextlib import suppress
from functools import partial
from typing import Any

from fini_admin.audit.names import By, Origin
from fini_admin.audit.recording import Context
from fini_admin.audit.transport import Exchange
from fini_admin.fini.errors import KeyRefused, ScopeMissing
from fini_admin.ingestion import budget
from fini_admin.ingestion.models import Budget, Run
from fini_admin.lib.keyring import UnknownKey
from fini_admin.lib.prepared import prepared
from fini_admin.workspaces import keys
from fini_admin.workspaces.models import ApiKey, KeyState, Workspace
from fini_admin.workspaces.queries import live_key, read_key
from fini_admin.workspaces.vault import SealBroken, Secret, open_key


def settle(workspace: Workspace, done: Exchange[Any], *, reads: bool = False) -> Budget:
    """Lock and settle the budget after a call, note the key's use, and mark it as refused where Fini refused it.

    That is the key which the call went out with; by now another may be live. Returns the locked budget.
    """
    held = budget.lock_budget(workspace)
    budget.settle(held, done.call, done.sent_at, done.error)
    if isinstance(done.error, KeyRefused) or (reads and cannot_read(workspace, done)):
        keys.mark_refused(workspace, done.key_id, str(done.error))
    keys.note_use(done.key_id, done.sent_at)
    return held


def cannot_read(workspace: Workspace, done: Exchange[Any]) -> bool:
    """Whether a key that is there only for reads may not read any more: they go out with the live key again."""
    if not isinstance(done.error, ScopeMissing):
        return False
    return ApiKey.objects.filter(
        workspace=workspace, pk=done.key_id, state=KeyState.WAITING, scopes="read"
    ).exists()


class NoKey(Exception):
    """The workspace has no live key that Fini accepts: its work waits for one."""


class Withdrawn(Exception):
    """The key of a call was switched off while that was prepared, or its workspace archived: nothing is sent."""


def context_for(run: Run, *, owner: str, attempt: int, reads: bool) -> Context:
    """The context of a call for a run; raises NoKey."""
    return context(
        run.workspace,
        by=By(run.actor, Origin.WORKER),
        run=run.number,
        owner=owner,
        attempt=attempt,
        reads=reads,
    )


def context(
    workspace: Workspace,
    *,
    by: By,
    owner: str,
    run: int | None = None,
    attempt: int = 1,
    reads: bool = False,
) -> Context:
    """The context of any call of a workspace; raises NoKey."""
    key, secret = opened(workspace, reads=reads)
    return Context(
        chain=str(workspace.pk),
        by=by,
        key=key.label,
        key_id=str(key.pk),
        secret=secret,
        run=run,
        attempt=attempt,
        owner=owner,
        check=partial(check_usable, key),
    )


def check_usable(key: ApiKey) -> None:
    """In the *asked* transaction: raise Withdrawn for a key that may not be used any more (P4)."""
    if not _USABLE(key.pk):
        raise Withdrawn(f"the key {key.label} was switched off, or its workspace archived")


_USABLE = prepared(
    lambda _, key: (
        ApiKey.objects.filter(pk=key, workspace__archived_at=None)
        .exclude(state=KeyState.OFF)
        .values_list("pk")
    )
)


def opened(workspace: Workspace, *, reads: bool) -> tuple[ApiKey, Secret]:
    """The key of a call: for a read the one that may do no more than that, where there is one; raises NoKey."""
    reader = read_key(workspace) if reads else None
    if reader:
        # What does not open is said when it is verified; until then the live key reads.
        with suppress(SealBroken, UnknownKey):
            return reader, open_key(reader)
    key = live_key(workspace)
    if key is None or key.refused_at:
        raise NoKey(f"{workspace.slug} has no key that Fini accepts")
    try:
        return key, open_key(key)
    except (SealBroken, UnknownKey) as error:
        raise NoKey(f"{workspace.slug}: the key {key.label} cannot be opened: {error}") from error
