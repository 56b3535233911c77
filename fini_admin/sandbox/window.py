"""The rate limit: so many requests in any 60 seconds, per workspace (contract section 1)."""

import math
from collections import defaultdict, deque

_WINDOW_MS = 60_000


class Window:
    """Who asked when, during the last minute."""

    def __init__(self) -> None:
        self._hits: dict[str, deque[int]] = defaultdict(deque)

    def wait(self, workspace: str, ms: int, per_minute: int | None) -> int:
        """Give the whole seconds until the next request is let in, 0 if it may come now."""
        hits = self._hits[workspace]
        while hits and hits[0] <= ms - _WINDOW_MS:
            hits.popleft()
        if per_minute is None or len(hits) < per_minute:
            return 0
        leaves = hits[len(hits) - per_minute] + _WINDOW_MS
        return max(1, math.ceil((leaves - ms) / 1000))

    def count(self, workspace: str, ms: int) -> None:
        """Note a request that was let in; a refused one does not count."""
        self._hits[workspace].append(ms)
