"""Where a key is opened, and the only place (P5).

A sealed key is: the encryption key's number (4 bytes), a random nonce (12), AES-256-GCM of the text. Workspace and
row are its associated data, so that what is sealed for one row opens in no other.
"""

import hmac
import os
from functools import partial
from typing import NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from fini_admin.lib import keyring
from fini_admin.workspaces.models import ApiKey

PURPOSE = "vault"
FINGERPRINT = "key fingerprint"
NUMBER, NONCE = 4, 12


class SealBroken(Exception):
    """What was sealed does not open: it was changed, or it belongs to another row."""


class Secret:
    """A text that shows itself only when asked: not in a repr, a log, a traceback, a pickle."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself; keep it in the smallest scope there is."""
        return self.__text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied or stored")


@sensitive_variables()
def seal(plain: str, *, workspace: UUID, row: UUID) -> bytes:
    """Seal a text with the newest of ENCRYPTION_KEYS, for this row of this workspace alone."""
    nonce = os.urandom(NONCE)
    key = keyring.newest()
    box = AESGCM(keyring.derived(key, PURPOSE))
    return keyring.key_number(key) + nonce + box.encrypt(nonce, plain.encode(), workspace.bytes + row.bytes)


@sensitive_variables()
def open_sealed(sealed: bytes, *, workspace: UUID, row: UUID) -> Secret:
    """The text that `seal` sealed for this row.

    Raises SealBroken when it was changed or sealed for another row, keyring.UnknownKey when ENCRYPTION_KEYS no
    longer holds what sealed it. Neither says anything of the text.
    """
    nonce = sealed[NUMBER : NUMBER + NONCE]
    box = AESGCM(keyring.derived(keyring.by_number(sealed[:NUMBER]), PURPOSE))
    try:
        return Secret(box.decrypt(nonce, sealed[NUMBER + NONCE :], workspace.bytes + row.bytes).decode())
    except (InvalidTag, ValueError):
        raise SealBroken("a sealed key does not open: it was changed, or it belongs to another row") from None


def open_key(key: ApiKey) -> Secret:
    """A workspace's key to Fini, for the call that is about to be sent; errors as in `open_sealed`."""
    return open_sealed(bytes(key.sealed), workspace=key.workspace_id, row=key.pk)


@sensitive_variables("text")
def holds(text: str, key: ApiKey) -> bool:
    """Whether a text holds a key, however short it is; a key that does not open cannot be compared."""
    try:
        return open_key(key).reveal() in text
    except (SealBroken, keyring.UnknownKey):
        return False


@sensitive_variables()
def fingerprints(plain: str) -> list[str]:
    """What a text is recognised by, as each of ENCRYPTION_KEYS writes it, the newest first.

    Only who holds an encryption key can compute one, so that a stolen database cannot be tried against guesses.
    """
    return list(map(partial(fingerprint, plain.encode()), settings.ENCRYPTION_KEYS))


@sensitive_variables()
def fingerprint(text: bytes, key: bytes) -> str:
    """HMAC-SHA-256 in hex, the encryption key's number in front."""
    return (
        keyring.key_number(key).hex() + hmac.digest(keyring.derived(key, FINGERPRINT), text, "sha256").hex()
    )
