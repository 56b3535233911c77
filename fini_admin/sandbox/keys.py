"""API keys. Only their SHA-256 is kept, in memory and on disk."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

SCOPES = ("read", "write")
READY_KEY = "fini_sandbox_0123456789abcdefghijklmnopqrstuv"
READY_WORKSPACE = "demo"


@dataclass(frozen=True)
class Grant:
    """What a key may use: one workspace, one or both scopes."""

    workspace: str
    scopes: tuple[str, ...]


class Keyring:
    """The valid keys."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}
        self.reset()

    def reset(self) -> None:
        """Return to the built-in key alone."""
        self.grants = {}
        self.add(READY_KEY, READY_WORKSPACE, SCOPES)

    def add(self, key: str, workspace: str, scopes: Iterable[str]) -> None:
        """Add a key, or change the workspace and scopes of a known one."""
        self.grants[_hash(key)] = Grant(workspace, tuple(scopes))

    def revoke(self, key: str) -> bool:
        """Remove a key; False if it was not valid."""
        return self.grants.pop(_hash(key), None) is not None

    def grant(self, authorization: str) -> Grant | None:
        """The grant of an Authorization header, `Bearer fini_…`."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.grants.get(_hash(key.strip()))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
