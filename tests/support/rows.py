"""Calls written into the trail as the transport writes them, without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.db import connection, transaction

from fini_admin.audit import recording
from fini_admin.audit.names import CallKind
from fini_admin.audit.recording import Context
from fini_admin.fini import routes
from fini_admin.fini.client import Request
from fini_admin.fini.errors import FiniError, Unreachable, for_status
from fini_admin.fini.routes import Resource

LIST = routes.list_sources(limit=100)
PAGE = Resource("n-1", "Travel policy", "https://www.notion.so/n-1", "text/markdown").body()
REGISTER = routes.register("notion", [PAGE])
INGEST = routes.ingest("notion", add=["source-1"], refresh=[])


@transaction.atomic
def asked(context: Context, request: Request[Any] = LIST) -> str:
    """A call in flight; returns its ID."""
    call = str(uuid4())
    recording.write_asked(call, request, context)
    return call


@transaction.atomic
def answered(
    context: Context, request: Request[Any] = LIST, *, status: int = 200, kept: str = "[]", said: str = ""
) -> str:
    """A call with its answer."""
    call = asked(context, request)
    error = None if status < 300 else for_status(status, said, None)
    outcome(call, request, context, error=error, kind=CallKind.ANSWERED, status=status, kept=kept)
    return call


@transaction.atomic
def lost(context: Context, request: Request[Any] = LIST) -> str:
    """A call whose sender died."""
    call = asked(context, request)
    recording.write_lost(call)
    return call


@transaction.atomic
def unsent(context: Context, request: Request[Any] = LIST) -> str:
    """A call that did not leave."""
    call = asked(context, request)
    outcome(call, request, context, error=Unreachable("Connection refused"), kind=CallKind.UNSENT)
    return call


def outcome(
    call: str,
    request: Request[Any],
    context: Context,
    *,
    error: FiniError | None,
    kind: CallKind,
    status: int | None = None,
    kept: str = "",
) -> None:
    """The outcome's row."""
    recording.write_outcome(
        call, request, context, error=error, kind=kind, status=status, kept=kept, seconds=0.184
    )


@contextmanager
def plans() -> Iterator[list[str]]:
    """How SQLite goes about each query inside, as it is asked, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, params))
        return execute(sql, params, many, context)

    found: list[str] = []
    with connection.execute_wrapper(note):
        yield found
    for sql, params in seen:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            found.append(" | ".join(row[3] for row in cursor.fetchall()))
