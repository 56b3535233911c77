"""Percentiles of measured values."""

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that this share of the values does not exceed; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(ceil(share * len(ordered)), 1) - 1]
