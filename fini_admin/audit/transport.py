"""Where a request is sent: the only way to Fini, and it records (P1).

asked      one short transaction: whatever the caller claims (lease, step, budget) and the *asked* row
network    no transaction; nothing is sent when more than 5 s passed since that commit (P4)
outcome    one transaction: whatever the caller settles from the answer, and the *outcome* row (P3)
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

STALE = 5.0
CHUNK = 64 * 1024
CONNECT_TIMEOUT = 10
LONGEST_ADVICE = 86_400.0  # once a day we ask whether it still holds
NO_CONNECTION = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
NO_TUNNEL = "Tunnel connection failed"  # http.client's words when a proxy refuses to connect
HANDSHAKE = (
    "CERTIFICATE",
    "HANDSHAKE",
    "VERSION",
    "PROTOCOL",
    "UNKNOWN_CA",
    "WRONG_SIGNATURE",
    "HTTP_REQUEST",
)

threads = threading.local()


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """One call and what came of it: `value` when it went well, else `error`; `size` of the answer in bytes."""

    call: str
    value: T | None
    error: FiniError | None
    asked_at: datetime
    sent_at: datetime
    key_id: str
    size: int = 0


class NotSent(Unreachable):
    """Too much time passed between the claim and the send: another process may have taken over."""

    cause = "Not sent: this process was held up after it had recorded the call"


def exchange(
    request: Request[T],
    context: Context,
    *,
    claim: Callable[[str], None] = lambda _call: None,
    settle: Callable[[Exchange[T]], object] = lambda _exchange: None,
) -> Exchange[T]:
    """Send one request, recorded; returns what came of it.

    `claim` runs in the *asked* transaction and may raise to call the whole thing off: then nothing was recorded
    or sent. `settle` runs in the *outcome* transaction: what it writes stands with the outcome, or not at all.
    Raises recording.Superseded when the call was closed as lost before its answer came.
    """
    call, asked_at = str(uuid4()), datetime.now(UTC)
    with transaction.atomic(durable=True):
        claim(call)
        write_asked(call, request, context)
        claimed = time.monotonic()
    sent_at, started = datetime.now(UTC), time.monotonic()
    answer, error = attempt(request, call, context, started - claimed)
    seconds = time.monotonic() - started
    done = understood(request, answer, Exchange(call, None, error, asked_at, sent_at, context.key_id))
    kept = bodies.kept_answer(answer) if answer else ""
    with transaction.atomic(durable=True):
        settle(done)
        write_outcome(
            call,
            request,
            context,
            error=done.error,
            kind=outcome_kind(answer, done.error),
            status=answer.status if answer else None,
            kept=kept,
            seconds=seconds,
        )
    return done


def outcome_kind(answer: Answer | None, error: FiniError | None) -> CallKind:
    """Answered: a whole answer came. Unsent: it certainly did not leave. Lost: anything between (design 5)."""
    if answer:
        return CallKind.ANSWERED
    return CallKind.UNSENT if isinstance(error, Unreachable) else CallKind.LOST


def understood(request: Request[T], answer: Answer | None, sent: Exchange[T]) -> Exchange[T]:
    """The exchange with what the answer says, or with the error that explains why it says nothing."""
    if answer is None:
        return sent
    try:
        return replace(sent, value=request.read(answer), size=answer.size)
    except FiniError as failed:
        return replace(sent, error=failed, size=answer.size)


def attempt(
    request: Request[Any], call: str, context: Context, waited: float
) -> tuple[Answer | None, FiniError | None]:
    """Send and read the whole answer, freed of the key; every way to fail is a FiniError."""
    if waited > STALE:
        return None, NotSent()
    try:
        answer = send(request, call, context.secret.reveal())
    except FiniError as error:
        return None, error
    except requests.RequestException as error:
        return None, failure(error)
    return answer, None


def send(request: Request[Any], call: str, secret: str) -> Answer:
    """One HTTP request, its answer read within the bounds of size and time.

    What may not be repeated gets a connection of its own: on a kept one that the server has just closed, nobody could
    tell whether the request arrived (T3).
    """
    session = own_session() if request.repeatable else fresh_session()
    try:
        response = session.request(
            request.method,
            settings.FINI_API_BASE_URL + request.target,
            data=request.payload or None,
            headers=headers(request, call, secret),
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, total=settings.FINI_TIMEOUT),  # type: ignore[arg-type]  # requests takes it, its stubs do not know
            allow_redirects=False,
            stream=True,
        )
        with response:
            body = read_bounded(response, request.most)
            advice = retry_after(response.headers.get("Retry-After", ""))
            return Answer.of(response.status_code, body, secret, retry_after=advice)
    finally:
        if not request.repeatable:
            session.close()


def headers(request: Request[Any], call: str, secret: str) -> dict[str, str | bytes]:
    """What every request carries; the call's ID lets Fini's people find it."""
    own: dict[str, str | bytes] = {
        "Accept": "application/json",
        "Authorization": b"Bearer " + secret.encode(),
        "User-Agent": f"fini-admin/{__version__}",
        "X-Request-ID": call,
    }
    return own | ({"Content-Type": "application/json"} if request.payload else {})


def read_bounded(response: requests.Response, most: int) -> bytes:
    """The body; raises NotUnderstood past `most` bytes, TimedOut past the time-out, Dropped when cut short."""
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


def failure(error: requests.RequestException) -> FiniError:
    """The cause of a request that got no answer; only what is certain counts as not sent (trap 3)."""
    if any(never_connected(link) for link in causes(error)):
        return Unreachable(plain(error))
    if isinstance(error, requests.Timeout):
        return TimedOut(f"no answer within {settings.FINI_TIMEOUT} s")
    return Dropped(plain(error))


def never_connected(error: BaseException) -> bool:
    """Whether no request can have left: no connection, or TLS failed before it stood."""
    if isinstance(error, ssl.SSLError):
        return any(word in (error.reason or "").upper() for word in HANDSHAKE)
    return isinstance(error, NO_CONNECTION) or is_no_tunnel(error)


def is_no_tunnel(error: BaseException) -> bool:
    """Whether the proxy refused to connect; what is for Fini goes only through the tunnel."""
    return isinstance(error, OSError) and str(error).startswith(NO_TUNNEL)


def causes(error: BaseException) -> list[BaseException]:
    """An error and all that it was raised from, urllib3's `reason` and wrapped arguments included."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and link not in found:
            found.append(link)
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return found


def plain(error: BaseException) -> str:
    """The innermost cause in its own words, without addresses of objects."""
    found = causes(error)
    last = [str(link.strerror) for link in found if isinstance(link, OSError) and link.strerror]
    last += [str(link) for link in found if is_no_tunnel(link)]
    return last[-1] if last else type(error).__name__


def retry_after(value: str) -> float | None:
    """The seconds of advice, which stands as such or as a date, at most a day; nonsense is no advice (trap 7)."""
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_ADVICE)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    left = until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)
    return min(max(left.total_seconds(), 0.0), LONGEST_ADVICE)


def own_session() -> requests.Session:
    """The thread's session, its connections kept alive between reads."""
    if not hasattr(threads, "session"):
        threads.session = fresh_session()
    session: requests.Session = threads.session
    return session


class Hurried(io.RawIOBase):
    """What comes in on a connection: all reads together get the time that the connection gives to one."""

    def __init__(self, plain: io.RawIOBase, connection: socket) -> None:
        self.plain = plain
        self.connection = connection
        self.deadline = time.monotonic() + (connection.gettimeout() or 0.0)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there within the time that is left; raises TimeoutError."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self.connection.settimeout(left)
        return self.plain.readinto(buffer)

    def close(self) -> None:
        """Let go of the connection."""
        self.plain.close()
        super().close()


class HurriedResponse(HTTPResponse):
    """An answer whose headers and body share one time-out: else a byte now and then would hold a thread for ever."""

    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(Hurried(self.fp.detach(), sock))


class PlainConnection(HTTPConnection):
    """A connection without TLS."""

    response_class = HurriedResponse


class TlsConnection(HTTPSConnection):
    """A connection with TLS."""

    response_class = HurriedResponse


class Adapter(HTTPAdapter):
    """What hands requests the connections: ours, and nothing is sent twice."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """A pool that makes such connections."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = TlsConnection if pool.scheme == "https" else PlainConnection
        return pool


class Session(requests.Session):
    """A session that looks at no redirect: requests would read its whole body at once, without a bound."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


def fresh_session() -> requests.Session:
    """A session that takes nothing from its surroundings: no .netrc, no proxy variables, no cookies, no retries."""
    session = Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.proxies = (
        {"https": settings.FINI_PROXY, "http": settings.FINI_PROXY} if settings.FINI_PROXY else {}
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter(max_retries=0))
    return session
