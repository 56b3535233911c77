"""A request to Fini, and what its answer means. The way out is a Transport: audit/transport.py has the only one.

request = routes.register("notion", resources)
result = request.read(transport.send(request, …))      # or a FiniError
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import urlencode

from fini_admin.fini.errors import FiniError, NotUnderstood, for_status
from fini_admin.fini.wire import Json, message

T = TypeVar("T")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, the headers that count, the bytes."""

    status: int
    body: bytes
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One call to be: what is sent, and how its answer is read.

    `writes`: it changes something in Fini. `repeatable`: after an unknown outcome it may simply be sent again
    (trap 3). `fresh`: on a connection of its own, so that a stale keep-alive is never a lost answer.
    `most` bounds the answer in bytes (trap 10).
    """

    route: str
    method: str
    path: str
    parse: Callable[[Json], T]
    query: dict[str, str] = field(default_factory=dict)
    body: Json = None
    writes: bool = False
    repeatable: bool = True
    fresh: bool = False
    most: int = 16 * MIB

    @property
    def target(self) -> str:
        """The path with its query, as it is sent and recorded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def payload(self) -> bytes:
        """The exact bytes of the body; empty when there is none."""
        if self.body is None:
            return b""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()

    def read(self, answer: Answer) -> T:
        """What the answer says. Raises the FiniError that fits."""
        if not 200 <= answer.status < 300:
            raise for_status(answer.status, said(answer.body), answer.retry_after)
        try:
            value = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise NotUnderstood("not JSON", status=answer.status) from error
        try:
            return self.parse(value)
        except FiniError as error:
            raise NotUnderstood(error.message, status=answer.status) from error
        except RecursionError as error:
            raise NotUnderstood("nested too deep", status=answer.status) from error


def said(body: bytes) -> str:
    """An error's own text; a body that is no JSON says nothing."""
    try:
        return message(json.loads(body))
    except (ValueError, RecursionError):
        return ""
