"""What may be typed as a key, an address, a name: each function gives the text as it is kept, or says what is wrong."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.views.decorators.debug import sensitive_variables

from fini_admin.fini.secrets import looks_like_key

KEY_PREFIX = "fini_"
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# What comes along when a key is copied out of a page, a mail or a curl line: space seen and unseen, quotes, the scheme.
UNSEEN = r"[\s\u200b-\u200f\u2060\ufeff]+"
AROUND = re.compile(rf"^{UNSEEN}|{UNSEEN}$")
SCHEME = re.compile(rf"^(authorization\s*:{UNSEEN})?bearer{UNSEEN}|^authorization\s*:", re.IGNORECASE)
QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}


@sensitive_variables()
def key_text(plain: str) -> str:
    """A key as it is sent: any text that begins with `fini_` and has no white space (design 5)."""
    text = bare(plain)
    if not text.startswith(KEY_PREFIX):
        raise ValidationError({"key": f"A key begins with {KEY_PREFIX}."})
    if any(letter.isspace() for letter in text):
        raise ValidationError({"key": "A key has no white space in it."})
    if not text.isprintable():
        raise ValidationError({"key": "A key has no control characters or unseen characters in it."})
    return text


@sensitive_variables()
def bare(plain: str) -> str:
    """A key without what it was copied with. Quotes go only in pairs: a key may end in one."""
    before, text = None, plain
    while text != before:
        before = text
        text = SCHEME.sub("", AROUND.sub("", text))
        if len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
            text = text[1:-1]
    return text


def slug(typed: str) -> str:
    """A workspace's name in addresses."""
    if not SLUG.fullmatch(typed):
        raise ValidationError(
            {
                "slug": "A slug has 1 to 63 lower-case letters, digits and hyphens, and does not begin with a hyphen."
            }
        )
    return typed


def email_address(typed: str) -> str:
    """An address in lower case, as it is stored and compared."""
    address = typed.strip().lower()
    refuse_key("email", address)
    try:
        validate_email(address)
    except ValidationError:
        raise ValidationError({"email": "Enter an e-mail address like ada@example.com."}) from None
    return address


def plain_text(field: str, typed: str) -> str:
    """A label or a name: something to read, on one line, and no key (P5)."""
    text = typed.strip()
    refuse_key(field, text)
    if not text or not text.isprintable():
        raise ValidationError({field: f"The {field} is one line of text and not empty."})
    return text


def refuse_key(field: str, text: str) -> None:
    """Raise when a text that will be shown looks like a key; the message does not repeat it."""
    if looks_like_key(text):
        raise ValidationError(
            {field: f"The {field} looks like an API key. A key belongs only in the key's own field."}
        )
