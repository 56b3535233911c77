"""Anchors: signed rows that state the hash of an earlier row, so that everything up to it may be deleted (P2).

Inside the database the chain already protects an anchor, as it does every row. The Ed25519 signature is for somebody
with an older export and the public key: it shows that this installation stated the hash in which that export ends. So
verifying needs no signing key, which is gone after `rotate_encryption`; but a signature that does not fit the public
key in the row is a break.
"""

import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fini_admin.audit.chain import canonical_json
from fini_admin.audit.models import Entry
from fini_admin.audit.names import ANCHOR
from fini_admin.lib import keyring

PURPOSE = "audit anchor"


class InvalidAnchor(Exception):
    """An anchor row that cannot be read, contradicts its columns, or has a wrong signature."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The anchor in row `seq`: rows up to number `covers` may be deleted; `hash` is that row's."""

    seq: int
    covers: int
    hash: str


def signed_text(chain: str, covers: int, hash_: str) -> bytes:
    return f"fini-admin audit anchor|{chain}|{covers}|{hash_}".encode()


def signed_detail(chain: str, covers: int, hash_: str, **facts: object) -> str:
    """The `detail` of an anchor row, signed with a key derived from the newest encryption key."""
    signer = Ed25519PrivateKey.from_private_bytes(keyring.derived(keyring.newest(), PURPOSE))
    values = {
        "covers": covers,
        "hash": hash_,
        "public_key": signer.public_key().public_bytes_raw().hex(),
        "signature": signer.sign(signed_text(chain, covers, hash_)).hex(),
    }
    return canonical_json(values | facts)


def newest_row(chain: str) -> dict[str, Any] | None:
    """A chain's anchor row that covers most; None when nothing was ever deleted."""
    found = Entry.objects.filter(chain=chain, kind=ANCHOR, covers__gte=1).order_by("-covers")
    row = found.values("chain", "seq", "covers", "detail").first()
    return dict(row) if row else None


def parse(row: dict[str, Any]) -> Anchor:
    """Read and check an anchor row; raises InvalidAnchor."""
    try:
        said = json.loads(row["detail"])
        anchor = Anchor(row["seq"], said["covers"], said["hash"])
        signed = signed_text(row["chain"], anchor.covers, anchor.hash)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public_key"])).verify(
            bytes.fromhex(said["signature"]), signed
        )
    except (LookupError, TypeError, ValueError) as error:
        raise InvalidAnchor("it states nothing that can be read") from error
    except InvalidSignature as error:
        raise InvalidAnchor("its signature does not hold") from error
    if anchor.covers != row["covers"] or not 0 < anchor.covers < anchor.seq:
        raise InvalidAnchor("it covers other rows than it states")
    return anchor
