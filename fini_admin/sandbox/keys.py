"""API keys. Only their SHA-256 is kept, in memory as on disk."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

SCOPES = ("read", "write")
READY_KEY = "fini_sandbox_0123456789abcdefghijklmnopqrstuv"
READY_WORKSPACE = "demo"


@dataclass(frozen=True)
class Grant:
    """What a key opens: one workspace, one or both scopes (contract section 1)."""

    workspace: str
    scopes: tuple[str, ...]


class Keyring:
    """The keys that are valid now."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}
        self.reset()

    def reset(self) -> None:
        """Go back to the ready-made key alone."""
        self.grants = {}
        self.add(READY_KEY, READY_WORKSPACE, SCOPES)

    def add(self, key: str, workspace: str, scopes: Iterable[str]) -> None:
        """Let a key in; a known one gets the new workspace and scopes."""
        self.grants[_hash(key)] = Grant(workspace, tuple(scopes))

    def revoke(self, key: str) -> bool:
        """Shut a key out; False if it was not valid anyway."""
        return self.grants.pop(_hash(key), None) is not None

    def grant(self, authorization: str) -> Grant | None:
        """Read an Authorization header: `Bearer fini_…`."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.grants.get(_hash(key.strip()))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
