"""Fini's API keys in text: what looks like one, how texts are freed of them, what is typed as one (P5).

Everything here takes time in proportion to its text, whatever stands in it.
"""

import re
from array import array
from collections.abc import Callable, Iterator
from typing import Any

PREFIX = "fini_"
REPLACEMENT = "[key removed]"
# Of what is typed as a key, with what it was copied with.
LONGEST = 4096

LETTERS = r"[A-Za-z0-9_\-.~+/=]"
# How a percent sign and a backslash are written: in an address within an address, in JSON within JSON, in both.
PERCENT = r"(?:%(?:25){0,9})"
BACKSLASH = rf"(?:(?:\\|{PERCENT}5[cC]){{1,9}})"
# The same letters by their codes.
CODES = r"(?:2[bBdDeEfF]|3[0-9dD]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])"


def _spelled(letter: str) -> str:
    """A pattern of the ways in which an address and JSON write a letter."""
    code = "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{ord(letter):x}")
    return rf"(?:{re.escape(letter)}|{PERCENT}{code}|{BACKSLASH}u00{code})"


PLAIN = re.compile(rf"{PREFIX}{LETTERS}{{16,}}")
SPELLED = re.compile(
    "".join(map(_spelled, PREFIX)) + rf"(?:{LETTERS}|{PERCENT}{CODES}|{BACKSLASH}(?:u00{CODES}|/)){{16,}}"
)

# One escape of an address, of JSON or of HTML. What HTML does not have to escape it leaves as it is.
ESCAPE = re.compile(
    r"""%(?P<percent>[0-7][0-9A-Fa-f])|\\(?:u(?P<unit>[0-9A-Fa-f]{4})|(?P<own>["\\/]))"""
    r"|&(?:#(?P<number>[0-9]{2,3})|#[xX](?P<hex>[0-9A-Fa-f]{2})|(?P<name>quot|amp|lt|gt|apos));"
)
NAMED = {"quot": '"', "amp": "&", "lt": "<", "gt": ">", "apos": "'"}
# Escapes in escapes, in escapes.
ROUNDS = 4

# What comes along when a key is copied out of a page, a mail or a curl line: space seen and unseen, quotes, the scheme.
UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
SCHEME = re.compile(rf"authorization\s*:|bearer(?={UNSEEN.pattern})", re.IGNORECASE)
QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}
MASKS = "*…•●·"


def looks_like_key(text: str) -> bool:
    """Whether `text` holds what looks like a key, `fini_` and 16 or more key characters, however it is written."""
    return _pattern(text).search(text) is not None


def without_keys(text: str, *known: str) -> str:
    """`text` with each of the `known` keys, and whatever else looks like a key, replaced.

    Also where an address, JSON or HTML writes some of its letters as escapes.
    """
    for key in known:
        text = text.replace(key, REPLACEMENT)
        # What looks like a key is found in any spelling anyway.
        if not PLAIN.fullmatch(key):
            text = _without_spelled(text, key)
    return _pattern(text).sub(REPLACEMENT, text)


def _pattern(text: str) -> re.Pattern[str]:
    """The pattern that finds all that looks like a key; the one for plain letters is many times as fast."""
    return SPELLED if "%" in text or "\\" in text else PLAIN


def keyless(value: Any, *known: str) -> Any:
    """A JSON value, each text in it and each name in its objects as `without_keys` gives it.

    Raises RecursionError for one that is nested too deeply.
    """
    if isinstance(value, str):
        return without_keys(value, *known)
    if isinstance(value, list):
        return [keyless(item, *known) for item in value]
    if isinstance(value, dict):
        return {without_keys(name, *known): keyless(held, *known) for name, held in value.items()}
    return value


def _without_spelled(text: str, key: str) -> str:
    """`text` without a key that is written with escapes."""
    if key not in _plain(text):
        return text
    plain, starts = _plain_with_starts(text)
    parts, done = [], 0
    for at in _places(plain, key):
        parts += [text[done : starts[at]], REPLACEMENT]
        done = starts[at + len(key)]
    return "".join([*parts, text[done:]])


def _places(text: str, key: str) -> Iterator[int]:
    """Where a key stands in a text, each time behind the one before."""
    at = text.find(key)
    while at >= 0:
        yield at
        at = text.find(key, at + len(key))


def _plain(text: str) -> str:
    """`text` with its escapes read, and those within them."""
    for _ in range(ROUNDS):
        before, text = text, ESCAPE.sub(_read, text)
        if text == before:
            break
    return text


def _plain_with_starts(text: str) -> tuple[str, "array[int]"]:
    """The same, with the place in `text` where each of its letters begins, and at the end where `text` ends."""
    starts = array("q", range(len(text) + 1))
    for _ in range(ROUNDS):
        parts, kept, done = [], array("q"), 0
        for found in ESCAPE.finditer(text):
            parts += [text[done : found.start()], _read(found)]
            kept += starts[done : found.start() + 1]
            done = found.end()
        if not parts:
            break
        text = "".join([*parts, text[done:]])
        starts = kept + starts[done:]
    return text, starts


def _read(found: re.Match[str]) -> str:
    """The letter that an escape stands for."""
    kind, written = found.lastgroup, str(found[found.lastgroup or 0])
    if kind == "own":
        return written
    if kind == "name":
        return NAMED[written]
    return chr(int(written, 10 if kind == "number" else 16))


def bare(typed: str) -> str:
    """A key without what it was copied with. Quotes go only in pairs: a key may end in one."""
    start, end, left = 0, len(typed), -1
    while end - start != left:
        left = end - start
        while start < end and UNSEEN.match(typed, start):
            start += 1
        while start < end and UNSEEN.match(typed, end - 1):
            end -= 1
        if found := SCHEME.match(typed, start, end):
            start = found.end()
        if end - start > 1 and QUOTES.get(typed[start]) == typed[end - 1]:
            start, end = start + 1, end - 1
    return typed[start:end]


TOO_LONG = f"A key has at most {LONGEST:,} characters, and this has more. Copy the key alone."
# Why a text cannot be a key as Fini gives it: the first that holds.
FAULTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (TOO_LONG, lambda key: len(key) > LONGEST),
    (f"A key begins with {PREFIX}.", lambda key: not key.startswith(PREFIX)),
    (
        "This key is masked: signs stand in place of its characters. Reveal it in Fini and copy the whole key.",
        lambda key: any(sign in key for sign in MASKS),
    ),
    (
        "This key is cut off: part of it is missing. Reveal it in Fini and copy the whole key.",
        lambda key: key == PREFIX or "..." in key,
    ),
    ("A key has no white space in it.", lambda key: any(letter.isspace() for letter in key)),
)


def fault(key: str) -> str:
    """What is wrong with a key, in words that hold none of it; empty when it may be one.

    A key begins with `fini_`, is ASCII and has no white space: its length and its other characters are not known.
    """
    said = next((said for said, holds in FAULTS if holds(key)), "")
    odd = next((place for place, letter in enumerate(key, 1) if not "!" <= letter <= "~"), 0)
    if said or not odd:
        return said
    return (
        f"Character {odd} of this key is not ASCII, or cannot be seen: a key has no such characters."
        " A mail program or a word processor may have changed it. Copy it from Fini."
    )
