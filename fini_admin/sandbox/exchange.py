"""One request and its answer, with the fault that strikes it."""

import json
import re
import time
from dataclasses import dataclass, field, replace

from fini_admin.sandbox.faults import Fault
from fini_admin.sandbox.log import Entry
from fini_admin.sandbox.routes import Reply, Request, grant_of, perform
from fini_admin.sandbox.world import World

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass
class Outgoing:
    """The bytes of an answer, and how to send them."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    filler: int = 0
    truncate: bool = False
    drip: float = 0.0


def outgoing(reply: Reply) -> Outgoing:
    body = json.dumps(reply.payload, ensure_ascii=False, separators=(",", ":")).encode()
    return Outgoing(reply.status, body, reply.headers)


def exchange(world: World, request: Request, entry: Entry) -> Outgoing | None:
    """Answer a logged request; None means that the connection is dropped."""
    with world.lock:
        grant = grant_of(world, request)
        entry.workspace = grant.workspace if grant else None
        fault = world.faults.take(request.method, request.target)
        entry.fault = {"number": fault.number, **fault.effect} if fault else None
    if fault is None:
        return outgoing(perform(world, request))
    return _faulty(world, request, fault)


def _faulty(world: World, request: Request, fault: Fault) -> Outgoing | None:
    """The answer under a fault: the work is done before the delay, after it, or not at all."""
    effect = fault.effect
    after, delay = effect.get("after", False), effect.get("delay", 0)
    if not after:
        time.sleep(delay)
    if effect.get("drop") == "before":
        return None
    if "status" in effect and not after:
        _count(world, request, effect["status"])
        reply = Reply(effect["status"], fault.envelope())
    else:
        reply = perform(world, _first_half(request) if effect.get("half") else request)
        if "status" in effect:
            reply = Reply(effect["status"], fault.envelope())
    if after:
        time.sleep(delay)
    return None if effect.get("drop") == "after" else _spoil(outgoing(reply), fault)


def _first_half(request: Request) -> Request:
    """The request with the first half of each list in its body: Fini fails amid its work."""
    body = json.loads(request.body)
    halved = {
        name: value[: (len(value) + 1) // 2] if isinstance(value, list) else value
        for name, value in body.items()
    }
    return replace(request, body=json.dumps(halved).encode())


def _spoil(answer: Outgoing, fault: Fault) -> Outgoing:
    effect = fault.effect
    answer.headers = {**answer.headers, **effect.get("headers", {})}
    answer.content_type = effect.get("content_type", answer.content_type)
    if "body" in effect:
        answer.body = effect["body"].encode()
    if effect.get("escaped"):
        answer.body = _TEXT.sub(_escaped, answer.body.decode()).encode()
    if "encoding" in effect:
        answer.body = answer.body.decode().encode(effect["encoding"])
    answer.filler = effect.get("huge", 0)
    answer.truncate = effect.get("truncate", False)
    answer.drip = effect.get("drip", 0.0)
    return answer


def _escaped(found: re.Match[str]) -> str:
    """A JSON string with every letter as an escape."""
    units = json.loads(found[0]).encode("utf-16-be", "surrogatepass").hex()
    return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'


def _count(world: World, request: Request, status: int) -> None:
    """Count a forced error against the rate limit; not a forced 429, which stands for a refusal."""
    with world.lock:
        grant = grant_of(world, request)
        if grant and status != 429:
            world.window.count(grant.workspace, world.clock.ms())
