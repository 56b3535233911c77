"""What was asked, in order of arrival. No Authorization header and no key ever gets in."""

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
        """Note the exact bytes of the body."""
        self.body_sha256 = hashlib.sha256(body).hexdigest()


class Log:
    """Entries since the start or the last clearing; numbers go on."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._number = 0

    def open(self, method: str, path: str, request_id: str | None) -> Entry:
        """Note a request on arrival, before anything is done; at real time, whatever the clock says."""
        self._number += 1
        entry = Entry(self._number, time.time(), method, path, request_id)
        self._entries.append(entry)
        return entry

    def since(self, number: int) -> list[dict[str, object]]:
        """Give the requests numbered above `number`."""
        return [asdict(entry) for entry in self._entries if entry.number > number]

    def clear(self) -> None:
        """Forget the requests."""
        self._entries.clear()
