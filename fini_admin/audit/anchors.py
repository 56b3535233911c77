"""Anchors: rows that state, signed, what the rows before them ended in, so that those may go (P2).

Inside the database the signature proves nothing new: the chain's authenticated head covers an anchor like any other
row. It is for somebody who has only the public key and an older export: they can check that this installation stated
the hash in which that export ends. So the signing key need not be known for a chain to be intact, and after
`rotate_encryption` the old one is gone. A signature that does not fit the public key beside it is a break.
"""

import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fini_admin.audit.chain import line
from fini_admin.audit.models import Entry
from fini_admin.audit.names import ANCHOR
from fini_admin.lib import keyring

PURPOSE = "audit anchor"


class Invalid(Exception):
    """An anchor that states nothing, something else than its row, or what its signature is not of."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The anchor in row `seq`: rows up to `covers` may go, and `hash` is that row's."""

    seq: int
    covers: int
    hash: str


def message(chain: str, covers: int, hash_: str) -> bytes:
    """The text that an anchor's signature is of."""
    return f"fini-admin audit anchor|{chain}|{covers}|{hash_}".encode()


def stated(chain: str, covers: int, hash_: str, **facts: object) -> str:
    """The detail of an anchor's row, signed with what the newest encryption key gives for this purpose alone."""
    signer = Ed25519PrivateKey.from_private_bytes(keyring.derived(keyring.newest(), PURPOSE))
    values = {
        "covers": covers,
        "hash": hash_,
        "public_key": signer.public_key().public_bytes_raw().hex(),
        "signature": signer.sign(message(chain, covers, hash_)).hex(),
    }
    return line(values | facts)


def newest(chain: str) -> dict[str, Any] | None:
    """The row of a chain's furthest anchor; None where nothing ever went."""
    found = Entry.objects.filter(chain=chain, kind=ANCHOR, covers__gte=1).order_by("-covers")
    row = found.values("chain", "seq", "covers", "detail").first()
    return dict(row) if row else None


def read(row: dict[str, Any]) -> Anchor:
    """What an anchor's row states; raises Invalid."""
    try:
        said = json.loads(row["detail"])
        anchor = Anchor(row["seq"], said["covers"], said["hash"])
        signed = message(row["chain"], anchor.covers, anchor.hash)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public_key"])).verify(
            bytes.fromhex(said["signature"]), signed
        )
    except (LookupError, TypeError, ValueError) as error:
        raise Invalid("it states nothing that can be read") from error
    except InvalidSignature as error:
        raise Invalid("its signature does not hold") from error
    if anchor.covers != row["covers"] or not 0 < anchor.covers < anchor.seq:
        raise Invalid("it covers other rows than it states")
    return anchor
