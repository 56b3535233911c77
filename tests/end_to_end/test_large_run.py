"""A large run is paused, resumed, killed and stopped on the way, and its counts add up whenever they are asked for."""

from tests.end_to_end.large_run import large_run

RESOURCES, BATCH, LATENCY = 2_000, 20, 0.1
MOST_MB = 250


def test_the_counts_of_a_large_run_add_up_whatever_happens_to_it() -> None:
    found = large_run(RESOURCES, timeout=180, batch=BATCH, latency=LATENCY)
    assert found.wrong == []
    assert found.looks > 10
    assert found.calls >= RESOURCES // BATCH * 2
    assert found.peak_mb < MOST_MB
