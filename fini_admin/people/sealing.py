"""Second factors at rest: a TOTP secret and the seed of recovery codes, sealed for one person (P5).

In base64, for allauth keeps it in JSON. A seal is for its person (lib/keyring.py), so that a row given to somebody else
does not open.
"""

import base64

from cryptography.exceptions import InvalidTag
from django.views.decorators.debug import sensitive_variables

from fini_admin.lib import keyring
from fini_admin.workspaces.vault import SealBroken

PURPOSE = "second factor"
# Errors that make a code impossible to check.
UNREADABLE = (SealBroken, keyring.UnknownKey)


@sensitive_variables()
def seal(plain: str, *, user: int) -> str:
    """Seal a text with the newest of ENCRYPTION_KEYS, for one person; returns Base64."""
    return base64.b64encode(keyring.seal(plain, purpose=PURPOSE, row=_row(user))).decode()


@sensitive_variables()
def open_sealed(sealed: str, *, user: int) -> str:
    """The text that was sealed for this person. Raises SealBroken or keyring.UnknownKey."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        return keyring.open_sealed(raw, purpose=PURPOSE, row=_row(user))
    except (InvalidTag, ValueError):
        raise SealBroken(
            "a sealed second factor does not open: it was changed, or it is somebody else's"
        ) from None


def _row(user: int) -> bytes:
    return f"person {user}".encode()
