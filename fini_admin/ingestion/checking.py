"""What may be wrong with a single field of a resource: the same rules for a form, a file and a command."""

import re
from collections.abc import Callable

from fini_admin.fini.providers import MIME_TYPE
from fini_admin.fini.routes import is_sendable, is_url
from fini_admin.fini.secrets import looks_like_key
from fini_admin.fini.wire import IDENTITY, is_cut

REQUIRED = ("original_url", "title", "external_id")
# A spreadsheet writes a long number like this; the digits that it left out are lost.
SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE | re.ASCII)

TOO_LONG = "was too long to be kept whole"

# Each rule with what is said, after the field's name, of a value that breaks it.
RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("holds what looks like an API key", looks_like_key),
    ("holds a NUL character", lambda value: "\x00" in value),
    ("holds half of a character, which UTF-8 cannot write", lambda value: not is_sendable(value)),
)
OWN_RULES: dict[str, tuple[tuple[str, Callable[[str], bool]], ...]] = {
    "original_url": (
        (TOO_LONG, is_cut),
        ("is not an http(s) address", lambda value: not is_url(value)),
    ),
    "external_id": (
        (TOO_LONG, is_cut),
        (f"is longer than {IDENTITY} characters", lambda value: len(value) > IDENTITY),
        (
            "is a number that a spreadsheet shortened: make its column text and export it again",
            lambda value: SHORTENED.fullmatch(value) is not None,
        ),
    ),
    "mime_type": (("is not a type like text/html", lambda value: not MIME_TYPE.fullmatch(value)),),
}


def fault(field: str, value: str) -> str:
    """What is wrong with a field of fini.routes.Resource, to be said after its name; empty when nothing is."""
    value = value.strip()
    if not value:
        return "is missing" if field in REQUIRED else ""
    rules = (*RULES, *OWN_RULES.get(field, ()))
    return next((said for said, broken in rules if broken(value)), "")
