"""Percentiles, as the pages tell them."""

import pytest

from fini_admin.web.wording.times import median_and_p95, percentiles_in_words


@pytest.mark.parametrize(
    ("values", "both", "words"),
    [
        ([], (None, None), ""),
        ([5.0, 1.0, 4.0, 2.0, 3.0], (3.0, 5.0), "half within 3.0, 95 of 100 within 5.0"),
        (range(1, 101), (50, 95), "half within 50, 95 of 100 within 95"),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(
    values: list[float], both: tuple[float | None, float | None], words: str
) -> None:
    assert median_and_p95(values) == both
    assert percentiles_in_words(values, str) == words
