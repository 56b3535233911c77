"""Chance that comes out the same in every run."""

import hashlib

_SCALE = 2**64


def fraction(*parts: object) -> float:
    """Turn the parts into a number from 0 up to, not including, 1."""
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") / _SCALE


def between(bounds: list[float], *parts: object) -> float:
    """Choose a number within the bounds."""
    low, high = bounds
    return low + fraction(*parts) * (high - low)


def pick(options: tuple[str, ...], *parts: object) -> str:
    """Choose one of the options."""
    return options[int(fraction(*parts) * len(options))]
