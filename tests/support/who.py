"""Who does something in a test, and from where."""

from typing import cast

from fini_admin.audit.names import By, Origin


def by(actor: str = "test", origin: str = "test") -> By:
    """A person of a test; an origin may be any text, as it may be in an old row."""
    return By(actor, cast("Origin", origin))
