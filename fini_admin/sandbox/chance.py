"""Pseudo-random numbers that depend only on what is passed in, so that every run gives the same."""

import hashlib

_SCALE = 2**64


def fraction(*parts: object) -> float:
    """A number in [0, 1) made of the parts."""
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") / _SCALE


def between(bounds: list[float], *parts: object) -> float:
    low, high = bounds
    return low + fraction(*parts) * (high - low)


def pick(options: tuple[str, ...], *parts: object) -> str:
    return options[int(fraction(*parts) * len(options))]
