"""Percentiles, as the pages tell them."""

from fini_admin.lib.percentiles import percentile


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 3.0, 5.0, 5.0]
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([], 0.5) is None
