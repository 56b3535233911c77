"""Whether something is done by a bounded amount of work. How fast it is, bench/ measures."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# CPU time that `_slowness` takes on the machine for which limits are written, in seconds.
USUAL = 0.07


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fails when the block needs more CPU time than `seconds` on a usual machine; a slower one has more."""
    before = time.process_time()
    yield
    used = time.process_time() - before
    assert used < seconds * _slowness()


def lateness() -> float:
    """How many times longer than usual a piece of work takes now, slow or beside other work; 1 where it is quicker."""
    before = time.monotonic()
    sum(number * number for number in range(1_000_000))
    return max(1.0, (time.monotonic() - before) / USUAL)


def _slowness() -> float:
    """How many times slower than usual this machine is at the moment; 1 for a faster one."""
    before = time.process_time()
    sum(number * number for number in range(1_000_000))
    return max(1.0, (time.process_time() - before) / USUAL)
