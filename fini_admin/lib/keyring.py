"""The keys outside the database (ENCRYPTION_KEYS), newest first, each named by a number of its own.

The vault seals with them (P5) and the audit trail's heads are authenticated with them (P2). What a key is
named by, four bytes of its hash, does not move when keys are put before it or taken away behind it.
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

ALONE: ContextVar[list[bytes] | None] = ContextVar("ALONE", default=None)


class UnknownKey(Exception):
    """What was sealed names a key that ENCRYPTION_KEYS does not hold."""


def number(key: bytes) -> bytes:
    """The four bytes by which a key is named in what it sealed."""
    return hashlib.sha256(b"fini-admin key number" + key).digest()[:4]


def keys() -> list[bytes]:
    """All keys, newest first."""
    held: list[bytes] = settings.ENCRYPTION_KEYS
    alone = ALONE.get()
    return held if alone is None else alone


@contextmanager
def alone(chosen: list[bytes]) -> Iterator[None]:
    """Inside the block only these keys exist. Rotation proves with it what the old keys still open."""
    token = ALONE.set(chosen)
    try:
        yield
    finally:
        ALONE.reset(token)


def newest() -> bytes:
    """The key that seals from now on."""
    return keys()[0]


def by_number(wanted: bytes) -> bytes:
    """The key with that number; raises UnknownKey."""
    # No loop variable: an error report prints a frame's variables, and here they would be encryption keys.
    found: bytes | None = next((key for key in keys() if number(key) == wanted), None)
    if found is None:
        raise UnknownKey("sealed with a key that ENCRYPTION_KEYS does not hold")
    return found


def derived(key: bytes, purpose: str) -> bytes:
    """A key for one purpose alone, so that no key does two jobs."""
    return HKDF(SHA256(), 32, salt=None, info=f"fini-admin {purpose}".encode()).derive(key)


def sign(message: bytes, purpose: str) -> str:
    """HMAC-SHA-256 of `message` in hex, the newest key's number in front."""
    key = newest()
    return number(key).hex() + hmac.digest(derived(key, purpose), message, "sha256").hex()


def signed(message: bytes, purpose: str, signature: str) -> bool:
    """Whether `signature` is one that `sign` made with a key of ENCRYPTION_KEYS."""
    try:
        key = by_number(bytes.fromhex(signature[:8]))
    except (UnknownKey, ValueError):
        return False
    expected = hmac.digest(derived(key, purpose), message, "sha256").hex()
    return hmac.compare_digest(expected.encode(), signature[8:].encode())
