"""Which function answers which request, and who may send it."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fini_admin.sandbox import reading, writing
from fini_admin.sandbox.errors import ApiError, missing_scope, unauthorized
from fini_admin.sandbox.keys import Grant
from fini_admin.sandbox.validation import read_json
from fini_admin.sandbox.world import Call, World


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    target: str
    authorization: str
    content_type: str
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass
class Reply:
    """An answer before a fault changes it."""

    status: int
    payload: object
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """One of the eight routes."""

    method: str
    pattern: re.Pattern[str]
    scope: str
    work: Callable[[Call], object]
    creates: bool = False


_ROOT = "/v2/documents/public"
ROUTES = (
    Route("GET", re.compile(_ROOT), "read", reading.list_sources),
    Route("POST", re.compile(_ROOT), "write", writing.ingest, creates=True),
    Route("DELETE", re.compile(_ROOT), "write", writing.delete),
    Route("POST", re.compile(f"{_ROOT}/refresh"), "write", writing.refresh),
    Route("POST", re.compile(f"{_ROOT}/deep-crawl/links"), "write", writing.crawl, creates=True),
    Route("GET", re.compile(f"{_ROOT}/resources/([^/]+)"), "read", reading.discover),
    Route("POST", re.compile(f"{_ROOT}/resources/([^/]+)"), "write", writing.register, creates=True),
    Route("GET", re.compile(f"{_ROOT}/([^/]+)"), "read", reading.get_source),
)


def perform(world: World, request: Request) -> Reply:
    """Answer a request as Fini would."""
    try:
        return _perform(world, request)
    except ApiError as error:
        return Reply(error.status, error.envelope(as_array=world.settings.message_as_array), error.headers)


def grant_of(world: World, request: Request) -> Grant | None:
    """The grant of the request's key."""
    return world.keys.grant(request.authorization)


def _perform(world: World, request: Request) -> Reply:
    with world.lock:
        route, argument = _find(request)
        workspace = _gate(world, request, route)
        latency = world.settings.latency
    time.sleep(latency)
    body = _parse(request) if route.scope == "write" else None
    with world.lock:
        world.now()
        call = Call(world, workspace, argument, request.query, body)
        status = world.settings.post_status if route.creates else 200
        return Reply(status, route.work(call))


def _find(request: Request) -> tuple[Route, str]:
    for route in ROUTES:
        match = route.pattern.fullmatch(request.path)
        if match and route.method == request.method:
            return route, (match.group(1) if match.groups() else "")
    raise ApiError(404, f"Cannot {request.method} {request.path}")


def _gate(world: World, request: Request, route: Route) -> str:
    """Check key, rate limit and scope, in this order, before the body."""
    grant = grant_of(world, request)
    if grant is None:
        raise unauthorized()
    ms = world.clock.ms()
    wait = world.window.wait(grant.workspace, ms, world.settings.per_minute)
    if wait:
        headers = {"Retry-After": str(wait)} if world.settings.retry_after else {}
        raise ApiError(429, "ThrottlerException: Too Many Requests", headers=headers)
    world.window.count(grant.workspace, ms)
    if route.scope not in grant.scopes:
        raise missing_scope()
    return grant.workspace


def _parse(request: Request) -> object:
    """Read a JSON body. A body of another content type is not read, as in Express."""
    if not request.body or "json" not in request.content_type.lower():
        return {}
    return read_json(request.body)
