"""Verifying a key: whether Fini accepts it, what it may do, whose it is. Cheap reads, and a write that stores nothing.

One call at a time, and `Progress` holds what the calls so far found. A worker keeps it in the verification's row, so
that each call is a piece of work of its own and a killed worker's verification goes on; `add_key --verify` makes all
calls in its own process.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from fini_admin.audit.names import By, Origin
from fini_admin.audit.recording import Context, Superseded
from fini_admin.audit.transport import Exchange, exchange
from fini_admin.fini.client import Request
from fini_admin.fini.errors import (
    BadRequest,
    FiniError,
    KeyRefused,
    NotFound,
    ScopeMissing,
    Throttled,
    TimedOut,
    Unreachable,
)
from fini_admin.fini.routes import get_source, list_sources, write_probe
from fini_admin.ingestion import budget, verifications
from fini_admin.ingestion.engine import credentials
from fini_admin.ingestion.models import Budget, Verification
from fini_admin.ingestion.wakeup import wake
from fini_admin.lib import lease
from fini_admin.lib.keyring import UnknownKey
from fini_admin.sources.models import Source
from fini_admin.sources.states import State
from fini_admin.workspaces import keys
from fini_admin.workspaces.models import ApiKey, KeyState
from fini_admin.workspaces.queries import live_key
from fini_admin.workspaces.vault import SealBroken, open_key

SHOWN = 300
HEAD = 20
PROOFS = 3
FAILED_HERE = (
    "Verifying failed here, and the log says why. Nothing was found out about the key: it is safe to repeat."
)
# Why no call goes out.
NOT_ASKED = (budget.Spent, SealBroken, UnknownKey)


@dataclass(slots=True)
class Progress:
    """What the calls so far found, as JSON can keep it; None where nothing was asked yet.

    `ids` are the sources that the key lists first, `proofs` those of ours that are still to be asked for with it.
    `same`: whether the key opens this workspace, None when nothing tells; it counts once `compared` is set.
    """

    read: bool | None = None
    write: bool | None = None
    ids: list[str] = field(default_factory=list)
    proofs: list[str] | None = None
    same: bool | None = None
    compared: bool = False

    @property
    def scopes(self) -> set[str]:
        """The scopes that were found."""
        return {name for name, may in (("read", self.read), ("write", self.write)) if may}


@dataclass(frozen=True, slots=True)
class Question:
    """A call, the key it goes out with, and what its answer adds to the progress; `read` raises FiniError."""

    request: Request[Any]
    asking: ApiKey
    read: Callable[[Progress, Exchange[Any]], None]


class LeaseLost(Exception):
    """Another process has the verification by now, or it has its end: nothing is sent."""


def question(key: ApiKey, progress: Progress) -> Question | None:
    """The next call of a verification; None when there is nothing left to ask, and the progress says what was found.

    The live key is the measure. Where our mirror knows sources and none of those that the key lists, Fini is asked for
    some of ours; without a mirror the live key's list is compared.
    """
    if progress.read is None:
        return Question(list_sources(limit=HEAD), key, _read_list)
    if progress.write is None:
        return Question(write_probe(), key, _read_probe)
    if progress.compared:
        return None
    asked = _comparison(key, progress)
    progress.compared = asked is None
    return asked


def _comparison(key: ApiKey, progress: Progress) -> Question | None:
    """The next call that tells whose key it is; None when `same` is told without one, or nothing tells."""
    if key.state == KeyState.LIVE:
        progress.same = key.same_workspace
        return None
    if not progress.read:
        return None
    ours = Source.objects.filter(workspace=key.workspace)
    if ours.filter(fini_id__in=progress.ids).exists():
        progress.same = True
        return None
    if progress.proofs is None:
        some = ours.exclude(state=State.GONE).order_by("-pk").values_list("fini_id", flat=True)
        progress.proofs = list(some[:PROOFS])
    if progress.proofs:
        return Question(get_source(progress.proofs[0]), key, _read_proof)
    live = live_key(key.workspace) if progress.ids else None
    if live is None or live.refused_at:
        return None
    return Question(list_sources(limit=HEAD), live, _read_live)


def _read_list(progress: Progress, done: Exchange[Any]) -> None:
    progress.read, progress.ids = _allowed_of_route(done), sorted(_ids_of(done))


def _read_probe(progress: Progress, done: Exchange[Any]) -> None:
    progress.write = _allowed_of_route(done)


def _allowed_of_route(done: Exchange[Any]) -> bool:
    """The same as `_allowed` where no record is asked for: a 404 is of something that says nothing of the key."""
    if isinstance(done.error, NotFound):
        raise done.error
    return _allowed(done)


def _read_proof(progress: Progress, done: Exchange[Any]) -> None:
    """One of our sources: there, or not and the next one is asked for."""
    there = _allowed(done) and done.error is None
    progress.proofs = (progress.proofs or [])[1:]
    if there or not progress.proofs:
        progress.same, progress.compared = there, True


def _read_live(progress: Progress, done: Exchange[Any]) -> None:
    """Nothing tells when the live key is refused, or lists nothing."""
    progress.compared = True
    if not isinstance(done.error, KeyRefused):
        _allowed(done)
        listed = _ids_of(done)
        progress.same = bool(listed & set(progress.ids)) if listed else None


def _allowed(done: Exchange[Any]) -> bool:
    """Whether the key may do what was asked; raises the FiniError that leaves it open."""
    if isinstance(done.error, ScopeMissing):
        return False
    if done.error is None or (isinstance(done.error, BadRequest) and not isinstance(done.error, KeyRefused)):
        return True
    raise done.error


def _ids_of(head: Exchange[Any]) -> set[str]:
    """The IDs on a page of the list; none when it was refused."""
    return {document.id for document in head.value.documents} if head.value else set()


def verify(*, by: By, key: ApiKey) -> Progress:
    """Verify a key in this process, without a worker; what was found is noted on the key and recorded.

    Raises FiniError, Withdrawn or one of NOT_ASKED when Fini refuses the key or nothing was found out.
    """
    progress = Progress()
    while asked := question(key, progress):
        # Nobody sends a heartbeat for a call outside the worker: the lease must outlast the longest one.
        context = _context(asked.asking, by=by, lease=longest_lease())
        try:
            done = exchange(
                asked.request,
                context,
                claim=lambda call: budget.take(budget.lock_budget(key.workspace), call, urgent=True),
                settle=partial(credentials.settle, key.workspace),
            )
        except Superseded:
            raise TimedOut("the answer came when the call was closed already") from None
        asked.read(progress, done)
    _note(key, progress, by=by)
    return progress


def longest_lease() -> timedelta:
    """How long a call outside the worker stays open without a heartbeat."""
    return lease.LENGTH + timedelta(seconds=2 * settings.FINI_TIMEOUT)


def _context(key: ApiKey, **who: Any) -> Context:
    """A call with this very key, whichever is live. Raises SealBroken and UnknownKey."""
    return Context(
        chain=str(key.workspace_id),
        key=key.label,
        key_id=str(key.pk),
        secret=open_key(key),
        check=partial(credentials.check_usable, key),
        **who,
    )


def _note(key: ApiKey, progress: Progress, *, by: By) -> None:
    """Note what was found; work that waited for Fini to take the live key goes on."""
    if keys.note_verified(by=by, key=key, scopes=progress.scopes, same=progress.same):
        wake()


def advance(key_id: UUID, owner: str) -> None:
    """Make the next call of a leased verification and settle what comes of it (P3, P4).

    What keeps a call from going out ends the verification, which says so: somebody waits for it.
    """
    row = Verification.objects.select_related("key__workspace").get(pk=key_id)
    try:
        _advance(row, owner)
    except (LeaseLost, Superseded, credentials.Withdrawn):
        return


def _advance(row: Verification, owner: str) -> None:
    if row.key.state == KeyState.OFF:
        _end_unasked(row, owner, f"The key {row.key.label} is off for good. Nothing was asked.")
        return
    progress = Progress(**row.progress)
    asked = question(row.key, progress)
    if asked is None:
        with transaction.atomic():
            _lock_held(row, owner)
            _complete(row, progress)
        return
    try:
        exchange(
            asked.request,
            _context(asked.asking, by=By(row.actor, Origin(row.origin)), owner=owner),
            claim=partial(_claim, row, owner),
            settle=partial(_settle, row, asked, progress),
        )
    except NOT_ASKED as error:
        _end_unasked(row, owner, explained(error))


def _end_unasked(row: Verification, owner: str, error: str) -> None:
    with transaction.atomic():
        _lock_held(row, owner)
        verifications.end(row, error)


def _lock_held(row: Verification, owner: str) -> Budget:
    """The budget, locked; raises LeaseLost where another process has the verification by now."""
    held = budget.lock_budget(row.key.workspace)
    if not _held(row, owner).exists():
        raise LeaseLost
    return held


def _held(row: Verification, owner: str) -> QuerySet[Verification]:
    return lease.held(Verification.objects.filter(pk=row.pk, ended_at=None, call=""), owner)


def _claim(row: Verification, owner: str, call: str) -> None:
    """In the *asked* transaction: the lease is ours, the budget gives a slot."""
    held = _lock_held(row, owner)
    _held(row, owner).update(call=call)
    budget.take(held, call, urgent=True)


def _settle(row: Verification, asked: Question, progress: Progress, done: Exchange[Any]) -> None:
    """In the *outcome* transaction: what the answer says of the key, or why it says nothing."""
    credentials.settle(row.key.workspace, done)
    if not Verification.objects.filter(pk=row.pk, call=done.call).update(call=""):
        raise Superseded(done.call)
    try:
        asked.read(progress, done)
    except FiniError as error:
        verifications.end(row, explained(error))
        return
    if question(row.key, progress):
        Verification.objects.filter(pk=row.pk).update(progress=asdict(progress))
    else:
        _complete(row, progress)


def _complete(row: Verification, progress: Progress) -> None:
    """Note what was found; the verification has its end."""
    Verification.objects.filter(pk=row.pk).update(sources_found=bool(progress.ids))
    _note(row.key, progress, by=By(row.actor, Origin(row.origin)))
    verifications.end(row)


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
            f"{said}. Nothing was found out about the key. Verify again later; if this continues, an operator looks at "
            "the network, FINI_API_BASE_URL and FINI_PROXY."
        )
    if isinstance(error, FiniError):
        return f"{said}. Nothing was found out about the key. Verifying stores nothing in Fini: it is safe to repeat."
    return (
        f"Nothing was asked: {said}. An operator puts the missing encryption key back into ENCRYPTION_KEYS, or you "
        "add the key again under another label."
    )
