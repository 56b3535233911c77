"""The rate limit: a number of requests in any 60 seconds, per workspace."""

import math
from collections import defaultdict, deque

_WINDOW_MS = 60_000


class Window:
    """The times of requests in the last minute."""

    def __init__(self) -> None:
        self._hits: dict[str, deque[int]] = defaultdict(deque)

    def wait(self, workspace: str, ms: int, per_minute: int | None) -> int:
        """Whole seconds until the next request is accepted; 0 for now."""
        hits = self._hits[workspace]
        while hits and hits[0] <= ms - _WINDOW_MS:
            hits.popleft()
        if per_minute is None or len(hits) < per_minute:
            return 0
        leaves = hits[len(hits) - per_minute] + _WINDOW_MS
        return max(1, math.ceil((leaves - ms) / 1000))

    def count(self, workspace: str, ms: int) -> None:
        """Count an accepted request; a refused one does not count."""
        self._hits[workspace].append(ms)
