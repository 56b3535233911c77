"""Recording a call (P1): the *asked* row before its first byte leaves, then exactly one *outcome* row.

Between the two the call has a row in OpenCall, held by a lease (lib/lease.py). Writing the outcome deletes that row, so
only one of several processes can do it. When the lease runs out, any worker closes the call as *lost*.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef

from fini_admin.audit import bodies, call_names, chain
from fini_admin.audit.expressions import IsOutcome
from fini_admin.audit.models import Entry, Head, OpenCall
from fini_admin.audit.names import By, CallKind
from fini_admin.fini.client import Request
from fini_admin.fini.errors import FiniError, Outcome
from fini_admin.lib import lease
from fini_admin.lib.key_text import without_keys

NOBODY = "nobody"  # owner of an open call that was deleted by hand and put back
SENDER_ENDED = "The process that sent this ended: outcome unknown, may not have been sent"
ROW_REMOVED = (
    "The row that said this call was open was removed by hand: outcome unknown, may not have been sent"
)
ERROR_LIMIT = 300


class Revealable(Protocol):
    """A key that is text only after `reveal()`, so that no log or report shows it by accident."""

    def reveal(self) -> str:
        """The key's text."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What the rows of a call say besides the request: who, why, and with which key.

    `owner` names the process that sends, `lease` says how long it may be silent before the call counts as lost. `check`
    raises when the call may not go out any more; the chain is locked, so that what forbids it is recorded before or
    after the call.
    """

    chain: str
    by: By
    key: str
    key_id: str
    secret: Revealable
    run: int | None = None
    attempt: int = 1
    owner: str = field(default_factory=lambda: str(uuid4()))
    lease: timedelta = lease.LENGTH
    check: Callable[[], None] = lambda: None


class Superseded(Exception):
    """The call was closed as lost before its answer came; the answer is not used."""


def write_asked(call: str, request: Request[Any], context: Context) -> None:
    """Write the *asked* row and the open call, inside the caller's transaction."""
    chain.lock_head(context.chain)
    context.check()
    payload = request.payload
    values = _shared_columns(call, request, context) | {
        "kind": str(CallKind.ASKED),
        "request_body": bodies.store_text(
            context.chain, bodies.kept_request(payload, context.secret.reveal())
        ),
    }
    held = {"owner": context.owner, "lease_until": lease.until(context.lease)}
    OpenCall.objects.create(call=call, chain=context.chain, **held)
    call_names.write(context.chain, call, call_names.of_request(request.route, request.target, request.body))
    chain.append(context.chain, values)


def write_outcome(
    call: str,
    request: Request[Any],
    context: Context,
    *,
    error: FiniError | None,
    kind: CallKind,
    status: int | None,
    kept: str,
    seconds: float,
) -> None:
    """Write the *outcome* row, inside the transaction that stores what the answer says (P3).

    Raises Superseded when the call has an outcome already.
    """
    _close_open_call(call)
    chain.lock_head(context.chain)
    values = _shared_columns(call, request, context) | {
        "kind": str(kind),
        "status": status,
        "outcome": str(error.outcome if error else Outcome.DONE),
        "error": without_keys(str(error), context.secret.reveal())[:ERROR_LIMIT] if error else None,
        "duration_ms": round(seconds * 1000),
        "answer_body": bodies.store_text(context.chain, kept),
    }
    chain.append(context.chain, values)


def _shared_columns(call: str, request: Request[Any], context: Context) -> dict[str, Any]:
    """The columns that are the same in both rows of a call."""
    return {
        "call": call,
        "method": request.method,
        "route": request.route,
        "path": request.target,
        "request_sha256": hashlib.sha256(request.payload).hexdigest(),
        "actor": context.by.actor,
        "origin": str(context.by.origin),
        "run": context.run,
        "key": context.key,
        "key_id": context.key_id,
        "attempt": context.attempt,
    }


def _close_open_call(call: str) -> None:
    """Delete the open call; raises Superseded when it is gone."""
    closed, _ = OpenCall.objects.filter(call=call).delete()
    if not closed:
        raise Superseded(call)


def write_lost(call: str) -> None:
    """Write the outcome *lost* for a call whose process is gone, inside the caller's transaction.

    The request may have been sent or not. Raises Superseded when the call has an outcome already.
    """
    opened = OpenCall.objects.filter(call=call).first()
    _close_open_call(call)
    asked = (
        Entry.objects.filter(chain=opened.chain if opened else "", call=call, kind=CallKind.ASKED)
        .values()
        .get()
    )
    dropped = ("seq", "at", "prev", "hash", "request_body", "pk")
    values = {name: value for name, value in asked.items() if name not in dropped}
    error = ROW_REMOVED if opened and opened.owner == NOBODY else SENDER_ENDED
    values |= {"kind": str(CallKind.LOST), "outcome": str(Outcome.UNKNOWN), "error": error}
    chain.append(asked["chain"], values)


class CallWithoutOutcome(NamedTuple):
    """A call that was asked in row `seq`; `open` is False when its open call was deleted by hand."""

    seq: int
    call: str
    open: bool


def calls_without_outcome(name: str, after: int = 0) -> list[CallWithoutOutcome]:
    """The calls of a chain without an outcome, asked after row `after`, in order, in one query."""
    rows = Entry.objects.filter(chain=name)
    outcome = rows.filter(IsOutcome("kind"), call=OuterRef("call"))
    asked = rows.filter(~Exists(outcome), kind=CallKind.ASKED, seq__gt=after).order_by("seq")
    is_open = Exists(OpenCall.objects.filter(chain=name, call=OuterRef("call")))
    return [CallWithoutOutcome(*row) for row in asked.values_list("seq", "call", is_open)]


def restore_open_calls(name: str, after: int = 0) -> int:
    """Put back open calls that were deleted by hand, their lease run out, so that workers close them as lost.

    Looks at rows after number `after`. Returns the number to start from the next time: every call up to it has an
    outcome.
    """
    newest = Head.objects.values_list("seq", flat=True).get(chain=name)
    found = calls_without_outcome(name, after)
    if not all(one.open for one in found):
        with transaction.atomic():
            # Outcomes are written under this lock: a call that just got its outcome is not put back.
            chain.lock_head(name)
            for one in calls_without_outcome(name, after):
                if not one.open:
                    _restore_open_call(name, one.call)
    return found[0].seq - 1 if found else newest


def _restore_open_call(name: str, call: str) -> None:
    values = {"chain": name, "owner": NOBODY, "lease_until": datetime.now(UTC)}
    OpenCall.objects.update_or_create(call=call, defaults=values)


def calls_to_close(owner: str | None = None) -> list[tuple[str, str]]:
    """Up to 500 open calls, each with its chain: those whose lease ran out.

    With `owner`, those of a process that is about to end.
    """
    calls = OpenCall.objects.filter(owner=owner) if owner else lease.run_out(OpenCall.objects.all())
    return list(calls.values_list("call", "chain")[:500])


def extend_leases(calls: Collection[str]) -> None:
    """Extend the leases of calls whose process is alive and waits for their answers."""
    lease.extend(OpenCall.objects.filter(call__in=calls))
