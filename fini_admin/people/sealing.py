"""Second factors at rest: a TOTP secret and the seed of recovery codes, sealed for one person (P5).

As in the vault: the encryption key's number (4 bytes), a random nonce (12), AES-256-GCM of the text; here in base64,
for allauth keeps it in JSON. The person is the associated data, so that a row given to somebody else does not open.
"""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.views.decorators.debug import sensitive_variables

from fini_admin.lib import keyring
from fini_admin.workspaces.vault import NONCE, NUMBER, SealBroken

PURPOSE = "second factor"
# Errors that make a code impossible to check.
UNREADABLE = (SealBroken, keyring.UnknownKey)


@sensitive_variables()
def seal(plain: str, *, user: int) -> str:
    """Seal a text with the newest of ENCRYPTION_KEYS, for one person; returns Base64."""
    nonce, key = os.urandom(NONCE), keyring.newest()
    box = AESGCM(keyring.derived(key, PURPOSE))
    return base64.b64encode(
        keyring.key_number(key) + nonce + box.encrypt(nonce, plain.encode(), _associated_data(user))
    ).decode()


@sensitive_variables()
def open_sealed(sealed: str, *, user: int) -> str:
    """The text that was sealed for this person. Raises SealBroken or keyring.UnknownKey."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        box = AESGCM(keyring.derived(keyring.by_number(raw[:NUMBER]), PURPOSE))
        nonce, text = raw[NUMBER : NUMBER + NONCE], raw[NUMBER + NONCE :]
        return box.decrypt(nonce, text, _associated_data(user)).decode()
    except (InvalidTag, ValueError, binascii.Error):
        raise SealBroken(
            "a sealed second factor does not open: it was changed, or it is somebody else's"
        ) from None


def _associated_data(user: int) -> bytes:
    return f"person {user}".encode()
