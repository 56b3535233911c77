"""Requests to Fini and their answers, without the network: audit/transport.py sends them.

request = routes.list_sources(limit=10)
page = transport.exchange(request, context).value      # a ListPage, or None and `error`
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar
from urllib.parse import urlencode

from fini_admin.fini.errors import FiniError, FiniFailed, NotUnderstood, for_status
from fini_admin.fini.retry import may_be_repeated
from fini_admin.fini.wire import Json, error_message
from fini_admin.lib.key_text import keyless, without_keys

T = TypeVar("T")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, with keys replaced: `value` is its JSON, or `fault` says why there is none.

    `text` is an answer that is text but not JSON. Of bytes that are not UTF-8 nothing is kept, since no key could be
    found in them. `size` counts the bytes that came, `sha256` is of them.
    """

    status: int
    size: int
    sha256: str
    value: Json = None
    fault: str = ""
    text: str = ""
    retry_after: float | None = None

    @classmethod
    def of(cls, status: int, body: bytes, *keys: str, retry_after: float | None = None) -> "Answer":
        """Parse a body, then replace `keys` and everything else that looks like a key."""
        measures = len(body), hashlib.sha256(body).hexdigest()
        try:
            text = _decoded(body)
        except UnicodeDecodeError:
            return cls(status, *measures, fault="not UTF-8 text", retry_after=retry_after)
        try:
            value = keyless(json.loads(text), *keys)
        except (ValueError, RecursionError):
            clean = without_keys(text, *keys)
            return cls(status, *measures, fault="not JSON", text=clean, retry_after=retry_after)
        return cls(status, *measures, value=value, retry_after=retry_after)


@dataclass(frozen=True)
class Request(Generic[T]):
    """One request, and how its answer is read. Made by the functions of routes.py.

    `route` names it in the audit trail and in retry.REPEATABLE. `most` limits the answer, in bytes (T10).
    """

    route: str
    method: str
    path: str
    parse: Callable[[Json], T]
    query: dict[str, str] = field(default_factory=dict)
    body: Json = None
    most: int = 16 * MIB

    @cached_property
    def repeatable(self) -> bool:
        """Whether it may be sent again after an unknown outcome (T3)."""
        return may_be_repeated(self.route)

    @cached_property
    def target(self) -> str:
        """The path with its query, as it is sent and recorded."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @cached_property
    def payload(self) -> bytes:
        """The exact bytes of the body; empty when there is none."""
        if self.body is None:
            return b""
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()

    def read(self, answer: Answer) -> T:
        """The answer's value; raises the FiniError that fits."""
        if _came_from_between(answer):
            words = f"a {answer.status} that is not Fini's own"
            raise FiniFailed(words, status=answer.status, retry_after=answer.retry_after)
        said = error_message(answer.value)
        # Nor does one about the route, as from another service behind the same address: each record has this one.
        if answer.status == 404 and said.startswith("Cannot GET /"):
            raise FiniFailed(said, status=404)
        if not 200 <= answer.status < 300:
            raise for_status(answer.status, said, answer.retry_after)
        if answer.fault:
            raise NotUnderstood(answer.fault, status=answer.status)
        try:
            return self.parse(answer.value)
        except FiniError as error:
            raise NotUnderstood(error.message, status=answer.status) from error
        except RecursionError as error:
            raise NotUnderstood("nested too deep", status=answer.status) from error


def _came_from_between(answer: Answer) -> bool:
    """Whether a gateway or a firewall answered in Fini's place: that says nothing of a record or of the key (T3).

    Fini's own refusals are JSON. A 404 is believed only as such, since sources would be *gone* by it.
    """
    if not answer.fault or answer.status not in (401, 403, 404):
        return False
    return answer.status == 404 or answer.text.lstrip().startswith("<")


def _decoded(body: bytes) -> str:
    """A body as text, without a byte order mark. Raises UnicodeDecodeError for anything but UTF-8.

    UTF-16 and UTF-32 without a mark would pass as UTF-8 full of NULs, which JSON never holds.
    """
    if b"\x00" in body:
        raise UnicodeDecodeError("utf-8", body[:1], 0, 1, "a NUL")
    return body.decode("utf-8-sig")
