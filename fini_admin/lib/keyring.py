"""ENCRYPTION_KEYS, newest first: keys that are kept outside the database.

They seal API keys and second factors (P5) and sign the audit trail's heads (P2). A key is named by four bytes of its
hash, which stay the same when other keys are added or removed.

A seal is that name, a random nonce (12 bytes) and the text in AES-256-GCM. The row is its associated data, so that a
seal copied to another row does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

NUMBER, NONCE = 4, 12
_ONLY_KEYS: ContextVar[list[bytes] | None] = ContextVar("ONLY_KEYS", default=None)


class UnknownKey(Exception):
    """Something was sealed or signed with a key that ENCRYPTION_KEYS does not hold."""


def key_number(key: bytes) -> bytes:
    """The four bytes that name a key."""
    return hashlib.sha256(b"fini-admin key number" + key).digest()[:NUMBER]


def keys() -> list[bytes]:
    """All keys, newest first."""
    held: list[bytes] = settings.ENCRYPTION_KEYS
    only = _ONLY_KEYS.get()
    return held if only is None else only


@contextmanager
def only_keys(chosen: list[bytes]) -> Iterator[None]:
    """Inside the block only these keys exist: rotation proves with it what the old keys still open."""
    token = _ONLY_KEYS.set(chosen)
    try:
        yield
    finally:
        _ONLY_KEYS.reset(token)


def newest() -> bytes:
    """The key that seals and signs from now on."""
    return keys()[0]


def by_number(wanted: bytes) -> bytes:
    """The key with this number; raises UnknownKey."""
    # No loop variable: error reports print the variables of frames, and these would be encryption keys.
    found: bytes | None = next((key for key in keys() if key_number(key) == wanted), None)
    if found is None:
        raise UnknownKey("sealed with a key that ENCRYPTION_KEYS does not hold")
    return found


def derived(key: bytes, purpose: str) -> bytes:
    """A key for one purpose, derived by HKDF, so that no key does two jobs."""
    return HKDF(SHA256(), 32, salt=None, info=f"fini-admin {purpose}".encode()).derive(key)


@sensitive_variables()
def seal(plain: str, *, purpose: str, row: bytes) -> bytes:
    """Seal a text with the newest key, for one row."""
    nonce, key = os.urandom(NONCE), newest()
    return key_number(key) + nonce + AESGCM(derived(key, purpose)).encrypt(nonce, plain.encode(), row)


@sensitive_variables()
def open_sealed(sealed: bytes, *, purpose: str, row: bytes) -> str:
    """The text that was sealed for this row. Raises UnknownKey, and InvalidTag or ValueError for a broken seal."""
    nonce, text = sealed[NUMBER : NUMBER + NONCE], sealed[NUMBER + NONCE :]
    return AESGCM(derived(by_number(sealed[:NUMBER]), purpose)).decrypt(nonce, text, row).decode()


def sign(message: bytes, purpose: str) -> str:
    """HMAC-SHA-256 in hex, after the newest key's number."""
    key = newest()
    return key_number(key).hex() + hmac.digest(derived(key, purpose), message, "sha256").hex()


def is_signed(message: bytes, purpose: str, signature: str) -> bool:
    """Whether `sign` made this signature with one of ENCRYPTION_KEYS."""
    try:
        key = by_number(bytes.fromhex(signature[:8]))
    except (UnknownKey, ValueError):
        return False
    expected = hmac.digest(derived(key, purpose), message, "sha256").hex()
    return hmac.compare_digest(expected.encode(), signature[8:].encode())
