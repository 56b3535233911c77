"""What can go wrong in a call to Fini, one class per cause.

    FiniError
    ├── BadRequest          400, 406, 409, 413, 422 and every other 4xx    refused
    │   ├── KeyRefused      401                                             refused
    │   ├── ScopeMissing    403                                             refused
    │   └── NotFound        404                                             refused
    ├── Throttled           429                                             not done
    ├── Unreachable         refused connection, DNS, TLS, proxy             not done
    ├── FiniFailed          5xx                                             unknown
    ├── TimedOut            no whole answer in time                         unknown
    ├── Dropped             the connection ended before the answer did      unknown
    └── NotUnderstood       an answer that cannot be read                   unknown

Each knows what became of the call (trap 3). A redirect is an answer that cannot be read: it is not followed.
"""

from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """What became of a call (trap 3)."""

    DONE = "done"
    NOT_DONE = "not done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class FiniError(Exception):
    """A call that did not end well: `message` is Fini's own text, or the plain cause when it said nothing."""

    outcome: ClassVar[Outcome] = Outcome.UNKNOWN
    cause: ClassVar[str] = "The call failed"

    def __init__(
        self, message: str = "", *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Plain words first, then what Fini said (P8)."""
        return f"{self.cause}: {self.message}" if self.message else self.cause


class BadRequest(FiniError):
    """Fini refused what was sent; sending the same again cannot help."""

    outcome = Outcome.REFUSED
    cause = "Fini refused the request"


class KeyRefused(BadRequest):
    """401: the key is missing, malformed, revoked or invalid."""

    cause = "Fini refused the API key"


class ScopeMissing(BadRequest):
    """403: the key lacks the scope, or the record belongs to another workspace."""

    cause = "The API key may not do this"


class NotFound(BadRequest):
    """404: no such record in the key's workspace."""

    cause = "Fini does not know this"


class Throttled(FiniError):
    """429: too many calls; nothing was done."""

    outcome = Outcome.NOT_DONE
    cause = "Fini asked us to slow down"


class Unreachable(FiniError):
    """No connection came about, so nothing was sent."""

    outcome = Outcome.NOT_DONE
    cause = "Fini cannot be reached"


class FiniFailed(FiniError):
    """5xx: Fini failed; the work may have been done, in part or whole."""

    cause = "Fini failed"


class TimedOut(FiniError):
    """No whole answer in time; Fini may still be working."""

    cause = "Fini did not answer in time"


class Dropped(FiniError):
    """The connection ended after the request may have left."""

    cause = "The connection was lost before the answer came"


class NotUnderstood(FiniError):
    """An answer came that cannot be read: not JSON, cut short, too large, of another shape."""

    cause = "Fini's answer cannot be read"


BY_STATUS: dict[int, type[FiniError]] = {401: KeyRefused, 403: ScopeMissing, 404: NotFound, 429: Throttled}


def for_status(status: int, message: str, retry_after: float | None) -> FiniError:
    """The error of an answer that is no 2xx."""
    if status in BY_STATUS:
        kind = BY_STATUS[status]
    elif 400 <= status < 500:
        kind = BadRequest
    elif status >= 500:
        kind = FiniFailed
    else:
        kind = NotUnderstood
    return kind(message, status=status, retry_after=retry_after)
