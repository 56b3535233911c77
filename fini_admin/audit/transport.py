"""Sending a request to Fini. `exchange` is the only way, and it records (P1).

asked      one short transaction: what the caller claims (lease, step, budget), and the *asked* row
network    no transaction; nothing is sent when more than 5 s have passed since that commit, nor, once connected, after
           the lease of the call has run out (P4)
outcome    one transaction: what the caller stores of the answer, and the *outcome* row (P3)
"""

import io
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from socket import socket
from typing import Any, Generic
from uuid import uuid4

import requests
import urllib3
from django.conf import settings
from django.db import transaction
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from fini_admin import __version__
from fini_admin.audit import bodies
from fini_admin.audit.names import CallKind
from fini_admin.audit.recording import Context, write_asked, write_outcome
from fini_admin.fini.client import Answer, Request, T
from fini_admin.fini.errors import Dropped, FiniError, NotUnderstood, TimedOut, Unreachable
from fini_admin.lib import lease

LONGEST_DELAY = 5.0
CHUNK = 64 * 1024
CONNECT_TIMEOUT = 10
LONGEST_ADVICE = 86_400.0  # once a day we ask whether it still holds
_NO_CONNECTION = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
_NO_TUNNEL = "Tunnel connection failed"  # http.client's words when a proxy refuses to connect
_HANDSHAKE = (
    "CERTIFICATE",
    "HANDSHAKE",
    "VERSION",
    "PROTOCOL",
    "UNKNOWN_CA",
    "WRONG_SIGNATURE",
    "HTTP_REQUEST",
)

_threads = threading.local()


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """One call with its result: `value` on success, `error` otherwise; `size` is the answer's, in bytes.

    `run` is the number of the run that it was made for.
    """

    call: str
    value: T | None
    error: FiniError | None
    asked_at: datetime
    sent_at: datetime
    key_id: str
    run: int | None
    size: int = 0


class NotSent(Unreachable):
    """More than LONGEST_DELAY passed between the claim and the send: another process may have taken over."""

    cause = "Not sent: this process was held up after it had recorded the call"


def exchange(
    request: Request[T],
    context: Context,
    *,
    claim: Callable[[str], None] = lambda _call: None,
    settle: Callable[[Exchange[T]], object] = lambda _exchange: None,
) -> Exchange[T]:
    """Send one request and record it; returns the result.

    `claim(call)` runs in the *asked* transaction and may raise to cancel: then nothing is recorded or sent.
    `settle(exchange)` runs in the *outcome* transaction: what it writes is committed with the outcome row, or not at
    all. Raises recording.Superseded when the call was closed as lost before its answer came.
    """
    call, asked_at = str(uuid4()), datetime.now(UTC)
    with transaction.atomic(durable=True):
        claim(call)
        _threads.leaves_by = time.monotonic() + lease.LENGTH.total_seconds()
        write_asked(call, request, context)
        claimed = time.monotonic()
    sent_at, started = datetime.now(UTC), time.monotonic()
    answer, error = _attempt(request, call, context, started - claimed)
    seconds = time.monotonic() - started
    exchanged: Exchange[T] = Exchange(call, None, error, asked_at, sent_at, context.key_id, context.run)
    done = _with_answer_read(request, answer, exchanged)
    kept = bodies.kept_answer(answer) if answer else ""
    with transaction.atomic(durable=True):
        settle(done)
        write_outcome(
            call,
            request,
            context,
            error=done.error,
            kind=_outcome_kind(answer, done.error),
            status=answer.status if answer else None,
            kept=kept,
            seconds=seconds,
        )
    return done


def _outcome_kind(answer: Answer | None, error: FiniError | None) -> CallKind:
    """ANSWERED for any whole answer, UNSENT when the request certainly did not leave, else LOST."""
    if answer:
        return CallKind.ANSWERED
    return CallKind.UNSENT if isinstance(error, Unreachable) else CallKind.LOST


def _with_answer_read(request: Request[T], answer: Answer | None, sent: Exchange[T]) -> Exchange[T]:
    """The exchange with the answer's value, or with the error of an answer that cannot be used."""
    if answer is None:
        return sent
    try:
        return replace(sent, value=request.read(answer), size=answer.size)
    except FiniError as failed:
        return replace(sent, error=failed, size=answer.size)


def _attempt(
    request: Request[Any], call: str, context: Context, waited: float
) -> tuple[Answer | None, FiniError | None]:
    """Send, and read the whole answer, with keys replaced; every failure is returned as a FiniError."""
    if waited > LONGEST_DELAY:
        return None, NotSent()
    try:
        answer = _send(request, call, context.secret.reveal())
    except FiniError as error:
        return None, error
    except requests.RequestException as error:
        return None, _error_of(error)
    return answer, None


def _send(request: Request[Any], call: str, secret: str) -> Answer:
    """Make one HTTP request, and read its answer within the limits of size and time.

    A request that may not be repeated gets a connection of its own: on a kept one that the server has just closed,
    nobody could tell whether the request arrived (T3).
    """
    session = _thread_session() if request.repeatable else _new_session()
    try:
        response = session.request(
            request.method,
            settings.FINI_API_BASE_URL + request.target,
            data=request.payload or None,
            headers=_headers(request, call, secret),
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, total=settings.FINI_TIMEOUT),  # type: ignore[arg-type]  # requests takes it, its stubs do not know
            allow_redirects=False,
            stream=True,
        )
        with response:
            body = _read_bounded(response, request.most)
            advice = retry_after_seconds(response.headers.get("Retry-After", ""))
            return Answer.of(response.status_code, body, secret, retry_after=advice)
    finally:
        if not request.repeatable:
            session.close()


def _headers(request: Request[Any], call: str, secret: str) -> dict[str, str | bytes]:
    own: dict[str, str | bytes] = {
        "Accept": "application/json",
        "Authorization": b"Bearer " + secret.encode(),
        "User-Agent": f"fini-admin/{__version__}",
        "X-Request-ID": call,
    }
    return own | ({"Content-Type": "application/json"} if request.payload else {})


def _read_bounded(response: requests.Response, most: int) -> bytes:
    """The body. Raises NotUnderstood past `most` bytes, TimedOut past the time-out, Dropped when cut short."""
    parts, size = [], 0
    try:
        while part := response.raw.read1(CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > most:
                raise NotUnderstood(f"more than {most // (1024 * 1024)} MB", status=response.status_code)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise TimedOut(f"no whole answer within {settings.FINI_TIMEOUT} s") from error
    except urllib3.exceptions.DecodeError as error:
        raise NotUnderstood("it cannot be decompressed", status=response.status_code) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Dropped("the answer was cut short") from error
    return b"".join(parts)


def _error_of(error: requests.RequestException) -> FiniError:
    """The FiniError for a request without an answer; only what is certain counts as not sent (T3)."""
    if any(_never_connected(link) for link in _causes(error)):
        return Unreachable(_innermost_cause(error))
    if isinstance(error, requests.Timeout):
        return TimedOut(f"no answer within {settings.FINI_TIMEOUT} s")
    return Dropped(_innermost_cause(error))


def _never_connected(error: BaseException) -> bool:
    """Whether the request cannot have left: no connection came about, or the TLS handshake failed."""
    if isinstance(error, ssl.SSLError):
        return any(word in (error.reason or "").upper() for word in _HANDSHAKE)
    return isinstance(error, _NO_CONNECTION) or _is_refused_tunnel(error)


def _is_refused_tunnel(error: BaseException) -> bool:
    """Whether the proxy refused to connect. Requests to Fini go through its tunnel only."""
    return isinstance(error, OSError) and str(error).startswith(_NO_TUNNEL)


def _causes(error: BaseException) -> list[BaseException]:
    """An error and everything it was raised from, with urllib3's `reason` and wrapped arguments."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and link not in found:
            found.append(link)
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return found


def _innermost_cause(error: BaseException) -> str:
    """The innermost cause in its own words, without addresses of objects."""
    found = _causes(error)
    last = [str(link.strerror) for link in found if isinstance(link, OSError) and link.strerror]
    last += [str(link) for link in found if _is_refused_tunnel(link)]
    return last[-1] if last else type(error).__name__


def retry_after_seconds(value: str) -> float | None:
    """The seconds that a `Retry-After` header asks for, at most a day; None for a malformed one (T7)."""
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_ADVICE)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    left = until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)
    return min(max(left.total_seconds(), 0.0), LONGEST_ADVICE)


def _thread_session() -> requests.Session:
    """The thread's session, which keeps connections open between reads."""
    if not hasattr(_threads, "session"):
        _threads.session = _new_session()
    session: requests.Session = _threads.session
    return session


class _DeadlineReader(io.RawIOBase):
    """A socket's bytes, read under one deadline for all reads together."""

    def __init__(self, plain: io.RawIOBase, connection: socket) -> None:
        self.plain = plain
        self.connection = connection
        self.deadline = time.monotonic() + (connection.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has arrived; raises TimeoutError after the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self.connection.settimeout(left)
        return self.plain.readinto(buffer)

    def close(self) -> None:
        self.plain.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    """A response whose headers and body share one deadline: a byte now and then would hold a thread for ever."""

    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


class _InTime(HTTPConnection):
    """A connection that sends no request once others may have taken its call for lost (P4).

    Finding the host, connecting and TLS may take long, and a process may be frozen meanwhile.
    """

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        if time.monotonic() > _threads.leaves_by:
            raise NotSent
        super().endheaders(*args, **kwargs)


class _PlainConnection(_InTime):
    """An HTTP connection with that response."""

    response_class = _DeadlineResponse


class _TlsConnection(_InTime, HTTPSConnection):
    """An HTTPS connection with that response."""

    response_class = _DeadlineResponse


class _Adapter(HTTPAdapter):
    """Gives requests these connections."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _TlsConnection if pool.scheme == "https" else _PlainConnection
        return pool


class _Session(requests.Session):
    """A session that follows no redirect and reads no redirect's body, which requests would do without a limit."""

    def get_redirect_target(self, resp: requests.Response) -> None: ...


def _new_session() -> requests.Session:
    """A session without .netrc, proxy variables, cookies and retries."""
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.proxies = (
        {"https": settings.FINI_PROXY, "http": settings.FINI_PROXY} if settings.FINI_PROXY else {}
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(max_retries=0))
    return session
