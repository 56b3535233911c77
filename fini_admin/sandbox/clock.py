"""The sandbox's clock: real time plus what tests moved it forward by."""

import time
from datetime import UTC, datetime


class Clock:
    """Milliseconds since 1970 that never go back."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._latest = 0

    def ms(self) -> int:
        """Tell the time."""
        self._latest = max(self._latest, int((time.time() + self.offset) * 1000))
        return self._latest

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.offset += seconds

    def reset(self) -> None:
        """Go back to real time."""
        self.offset = 0.0
        self._latest = 0


def to_iso(ms: int) -> str:
    """Write a time as the contract does: UTC with milliseconds (section 2)."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Read what `to_iso` wrote; a time without zone counts as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
