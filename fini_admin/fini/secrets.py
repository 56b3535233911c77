"""What a Fini key looks like, and how text is freed of it (P5)."""

import re
from urllib.parse import quote

KEY = re.compile(r"fini_[A-Za-z0-9_\-.~+/=]{16,}")
ESCAPED = '"\\/'  # what JSON may write with a backslash before it
REPLACEMENT = "[key removed]"


def looks_like_key(text: str) -> bool:
    """Whether `text` holds what looks like a key: `fini_` and 16 or more key characters (P5)."""
    return KEY.search(text) is not None


def without_keys(text: str, *known: str) -> str:
    """`text` with each of the `known` keys, and whatever else looks like a key, replaced."""
    for key in known:
        for form in (key, quote(key, safe="")):
            text = text.replace(form, REPLACEMENT)
        if "\\" in text:
            text = re.sub("".join(map(spellings, key)), REPLACEMENT, text)
    return KEY.sub(REPLACEMENT, text)


def spellings(letter: str) -> str:
    """A pattern of the ways in which JSON may write a letter."""
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
    slash = r"\\?" if letter in ESCAPED else ""
    return rf"(?:{slash}{re.escape(letter)}|(?i:{escaped}))"
