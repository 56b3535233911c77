"""The requests in order of arrival, without their Authorization header."""

import hashlib
import time
from dataclasses import asdict, dataclass


@dataclass
class Entry:
    """One request."""

    number: int
    at: float
    method: str
    path: str
    request_id: str | None
    body_sha256: str | None = None
    workspace: str | None = None
    status: int | str | None = None
    fault: dict[str, object] | None = None

    def body_came(self, body: bytes) -> None:
        """Store the exact bytes of the body."""
        self.body_sha256 = hashlib.sha256(body).hexdigest()


class Log:
    """Entries since the start or the last clearing; numbering continues."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._number = 0

    def open(self, method: str, path: str, request_id: str | None) -> Entry:
        """Add a request on arrival, before anything is done, with real time."""
        self._number += 1
        entry = Entry(self._number, time.time(), method, path, request_id)
        self._entries.append(entry)
        return entry

    def since(self, number: int) -> list[dict[str, object]]:
        """The requests after `number`."""
        return [asdict(entry) for entry in self._entries if entry.number > number]

    def clear(self) -> None:
        self._entries.clear()
