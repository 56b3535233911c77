"""Checks of typed keys, slugs, addresses and names.

Each returns the text as it is stored, and raises ValidationError by field for a text that is refused.
"""

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.views.decorators.debug import sensitive_variables

from fini_admin.lib.key_text import LONGEST, bare_key, key_fault, looks_like_key

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
INVALID_EMAIL = "Enter an e-mail address like ada@example.com."


@sensitive_variables()
def key_text(typed: str) -> str:
    """A key without the quotes, spaces or `Bearer` that it was copied with."""
    text = typed if len(typed) > LONGEST else bare_key(typed)
    if wrong := key_fault(text):
        raise ValidationError({"key": wrong})
    return text


def slug(typed: str) -> str:
    """A workspace's part of addresses."""
    if not SLUG.fullmatch(typed):
        raise ValidationError(
            {
                "slug": "A slug has 1 to 63 lower-case letters, digits and hyphens, and does not begin with a hyphen."
            }
        )
    return typed


def email_address(typed: str) -> str:
    """An e-mail address, in lower case."""
    address = typed.strip().lower()
    _refuse_key("email", address)
    try:
        validate_email(address)
    except ValidationError:
        raise ValidationError({"email": INVALID_EMAIL}) from None
    return address


def plain_text(field: str, typed: str) -> str:
    """A label or a name: one line of printable text, which holds no key (P5)."""
    text = typed.strip()
    _refuse_key(field, text)
    if not text or not text.isprintable():
        raise ValidationError({field: f"Enter the {field} as one line of text."})
    return text


def _refuse_key(field: str, text: str) -> None:
    """Raise when a text looks like a key. The message does not repeat it."""
    if looks_like_key(text):
        raise ValidationError(
            {field: f"The {field} looks like an API key. A key belongs only in the key's own field."}
        )
