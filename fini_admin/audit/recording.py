"""Where a call is recorded (P1): its *asked* row before the first byte leaves, then exactly one *outcome* row.

A call that was asked and has no outcome is open; the row that says so carries a lease, and whoever finds the
lease run out closes the call as lost. Closing takes the open row away, so it happens once.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef

from fini_admin.audit import bodies, chain
from fini_admin.audit.expressions import IsOutcome
from fini_admin.audit.models import Entry, Head, OpenCall
from fini_admin.audit.names import By, CallKind
from fini_admin.fini.client import Request
from fini_admin.fini.errors import FiniError, Outcome
from fini_admin.lib import lease
from fini_admin.lib.key_text import without_keys

NOBODY = "nobody"  # the owner of an open call whose row was removed and put back
SENDER_ENDED = "The process that sent this ended: outcome unknown, may not have been sent"
ROW_REMOVED = (
    "The row that said this call was open was removed by hand: outcome unknown, may not have been sent"
)
ERROR_LIMIT = 300


class Revealable(Protocol):
    """A key that shows itself only when asked to."""

    def reveal(self) -> str:
        """The key's text."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Who calls, why and with which key: plain values, as the rows keep them.

    `owner` is the process that sends; `lease` how long it may be silent before the call counts as lost.
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


class Superseded(Exception):
    """The call was closed as lost meanwhile: its answer comes too late and is not used."""


def write_asked(call: str, request: Request[Any], context: Context) -> None:
    """The *asked* row and the open call, inside the caller's transaction."""
    Head.objects.select_for_update().get(chain=context.chain)
    payload = request.payload
    values = described(call, request, context) | {
        "kind": str(CallKind.ASKED),
        "request_body": bodies.store(context.chain, bodies.kept_request(payload, context.secret.reveal())),
    }
    held = {"owner": context.owner, "lease_until": lease.until(context.lease)}
    OpenCall.objects.create(call=call, chain=context.chain, **held)
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
    """The *outcome* row, inside the transaction that also writes what the answer says (P3).

    Raises Superseded when the call has its outcome already.
    """
    close(call)
    Head.objects.select_for_update().get(chain=context.chain)
    values = described(call, request, context) | {
        "kind": str(kind),
        "status": status,
        "outcome": str(error.outcome if error else Outcome.DONE),
        "error": without_keys(str(error), context.secret.reveal())[:ERROR_LIMIT] if error else None,
        "duration_ms": round(seconds * 1000),
        "answer_body": bodies.store(context.chain, kept),
    }
    chain.append(context.chain, values)


def described(call: str, request: Request[Any], context: Context) -> dict[str, Any]:
    """What both rows of a call say."""
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


def close(call: str) -> None:
    """Take the open call away; raises Superseded when it is gone already."""
    closed, _ = OpenCall.objects.filter(call=call).delete()
    if not closed:
        raise Superseded(call)


def write_lost(call: str) -> None:
    """Close a call whose sender is gone: outcome unknown, may not have been sent. Inside a transaction.

    Raises Superseded when the call has its outcome already.
    """
    opened = OpenCall.objects.filter(call=call).first()
    close(call)
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


class Pending(NamedTuple):
    """A call that was asked in row `seq` and has no outcome; `open` unless its open row was removed by hand."""

    seq: int
    call: str
    open: bool


def pending(name: str, after: int = 0) -> list[Pending]:
    """The calls of a chain without an outcome that were asked above row `after`, in order; as of one moment."""
    rows = Entry.objects.filter(chain=name)
    outcome = rows.filter(IsOutcome("kind"), call=OuterRef("call"))
    asked = rows.filter(~Exists(outcome), kind=CallKind.ASKED, seq__gt=after).order_by("seq")
    is_open = Exists(OpenCall.objects.filter(chain=name, call=OuterRef("call")))
    return [Pending(*row) for row in asked.values_list("seq", "call", is_open)]


def reopen(name: str, after: int = 0) -> int:
    """Put back the open rows that were removed by hand, their lease run out, so that the calls are closed as lost.

    Looks at what was asked above row `after`; returns from where to look the next time: every call up to that row has
    its outcome.
    """
    newest = Head.objects.values_list("seq", flat=True).get(chain=name)
    found = pending(name, after)
    if not all(one.open for one in found):
        with transaction.atomic():
            # An outcome is written under this lock, in the transaction that takes its open row away.
            Head.objects.select_for_update().get(chain=name)
            for one in pending(name, after):
                if not one.open:
                    put_back(name, one.call)
    return found[0].seq - 1 if found else newest


def put_back(name: str, call: str) -> None:
    """The open row of a call, which nobody holds."""
    values = {"chain": name, "owner": NOBODY, "lease_until": datetime.now(UTC)}
    OpenCall.objects.update_or_create(call=call, defaults=values)


def orphans(owner: str | None = None) -> list[tuple[str, str]]:
    """Open calls and their chains: those whose lease ran out, or those of a process that is about to end."""
    calls = OpenCall.objects.filter(owner=owner) if owner else lease.run_out(OpenCall.objects.all())
    return list(calls.values_list("call", "chain")[:500])


def extend(calls: Collection[str]) -> None:
    """The heartbeat of a process that is still there: it waits for the answers of these calls."""
    lease.extend(OpenCall.objects.filter(call__in=calls))
