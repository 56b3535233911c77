"""What can go wrong in a call to Fini, one class per cause.

    FiniError
    ├── BadRequest          400, 406, 409, 413, 422 and every other 4xx    refused
    │   ├── KeyRefused      401                                             refused
    │   ├── ScopeMissing    403                                             refused
    │   └── NotFound        404                                             refused
    ├── Throttled           429                                             not done
    ├── Unreachable         refused connection, DNS, TLS, proxy             not done
    ├── FiniFailed          5xx, a 401, 403 or 404 of something between     unknown
    ├── TimedOut            no whole answer in time                         unknown
    ├── Dropped             the connection ended before the answer did      unknown
    └── NotUnderstood       an answer that cannot be read                   unknown

The third column is the outcome (T3). A redirect is not followed, so it counts as an answer that cannot be read.
"""

from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """Whether Fini did what a call asked for (T3)."""

    DONE = "done"
    NOT_DONE = "not done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class FiniError(Exception):
    """A failed call. `message` is Fini's own text, or the cause when there was no answer."""

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
        """The cause in plain words, then the message (P8)."""
        return f"{self.cause}: {self.message}" if self.message else self.cause


class BadRequest(FiniError):
    """4xx: Fini refused the request; the same request would be refused again."""

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
    """5xx, or an answer of a gateway in Fini's place: the work may have been done in part or whole."""

    cause = "Fini failed"


class TimedOut(FiniError):
    """No whole answer in time; Fini may still be working."""

    cause = "Fini did not answer in time"


class Dropped(FiniError):
    """The connection ended after the request may have left."""

    cause = "The connection was lost before the answer came"


class NotUnderstood(FiniError):
    """An answer that is not JSON, cut short, too large, or of another shape than expected."""

    cause = "Fini's answer cannot be read"


BY_STATUS: dict[int, type[FiniError]] = {401: KeyRefused, 403: ScopeMissing, 404: NotFound, 429: Throttled}


def for_status(status: int, message: str, retry_after: float | None) -> FiniError:
    """The error for an answer that is not 2xx."""
    if status in BY_STATUS:
        kind = BY_STATUS[status]
    elif 400 <= status < 500:
        kind = BadRequest
    elif status >= 500:
        kind = FiniFailed
    else:
        kind = NotUnderstood
    return kind(message, status=status, retry_after=retry_after)
