"""The sandbox's clock: real time plus what tests moved it forward by."""

import time
from datetime import UTC, datetime


class Clock:
    """Milliseconds since 1970; never goes back."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._latest = 0

    def ms(self) -> int:
        self._latest = max(self._latest, int((time.time() + self.offset) * 1000))
        return self._latest

    def advance(self, seconds: float) -> None:
        self.offset += seconds

    def reset(self) -> None:
        """Return to real time."""
        self.offset = 0.0
        self._latest = 0


def to_iso(ms: int) -> str:
    """A time as Fini writes it: UTC with milliseconds."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """The reverse of `to_iso`; a time without zone is UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
