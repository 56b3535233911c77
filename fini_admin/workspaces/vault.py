"""Seals and opens API keys: the only place where one is opened (P5).

A key is sealed for its row of its workspace (lib/keyring.py).
"""

import hmac
from functools import partial
from typing import NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.views.decorators.debug import sensitive_variables

from fini_admin.lib import keyring
from fini_admin.workspaces.models import ApiKey

PURPOSE = "vault"
FINGERPRINT = "key fingerprint"


class SealBroken(Exception):
    """A seal does not open: it was changed, or it belongs to another row."""


class Secret:
    """A text that only `reveal` returns: it is in no repr, log, traceback or pickle."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text. Keep it in the smallest scope there is."""
        return self.__text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied or stored")


@sensitive_variables()
def seal(plain: str, *, workspace: UUID, row: UUID) -> bytes:
    """Seal a text with the newest of ENCRYPTION_KEYS, for one row of one workspace."""
    return keyring.seal(plain, purpose=PURPOSE, row=workspace.bytes + row.bytes)


@sensitive_variables()
def open_sealed(sealed: bytes, *, workspace: UUID, row: UUID) -> Secret:
    """The text that was sealed for this row.

    Raises SealBroken when the seal was changed or belongs to another row, keyring.UnknownKey when ENCRYPTION_KEYS does
    not hold the key that sealed it. The errors hold nothing of the text.
    """
    try:
        return Secret(keyring.open_sealed(sealed, purpose=PURPOSE, row=workspace.bytes + row.bytes))
    except (InvalidTag, ValueError):
        raise SealBroken("a sealed key does not open: it was changed, or it belongs to another row") from None


def open_key(key: ApiKey) -> Secret:
    """The text of an API key, for the call that is about to be sent. Raises as `open_sealed`."""
    return open_sealed(bytes(key.sealed), workspace=key.workspace_id, row=key.pk)


@sensitive_variables("text")
def holds(text: str, key: ApiKey) -> bool:
    """Whether a text holds a key, however short; False for a key that does not open."""
    try:
        return open_key(key).reveal() in text
    except (SealBroken, keyring.UnknownKey):
        return False


@sensitive_variables()
def fingerprints(plain: str) -> list[str]:
    """The fingerprints of a text, one for each of ENCRYPTION_KEYS, the newest first.

    They are keyed: guesses cannot be tried on a stolen database.
    """
    return list(map(partial(_fingerprint, plain.encode()), keyring.keys()))


@sensitive_variables()
def _fingerprint(text: bytes, key: bytes) -> str:
    """The encryption key's number and HMAC-SHA-256, in hex."""
    return (
        keyring.key_number(key).hex() + hmac.digest(keyring.derived(key, FINGERPRINT), text, "sha256").hex()
    )
