"""Fini's API keys in text: recognising them, replacing them, and checking what is typed as one (P5).

All functions take linear time, whatever the text.
"""

import re
from array import array
from collections.abc import Callable, Iterator
from typing import Any

PREFIX = "fini_"
REPLACEMENT = "[key removed]"
# Of a typed key, including what was copied with it.
LONGEST = 4096

LETTERS = r"[A-Za-z0-9_\-.~+/=]"
# A percent sign and a backslash, escaped once or several times: a URL in a URL, JSON in JSON, or both.
PERCENT = r"(?:%(?:25){0,9})"
BACKSLASH = rf"(?:(?:\\|{PERCENT}5[cC]){{1,9}})"
# The characters of LETTERS by their hexadecimal codes.
CODES = r"(?:2[bBdDeEfF]|3[0-9dD]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])"


def _spelled(letter: str) -> str:
    """A pattern for the ways in which URLs and JSON write a character."""
    code = "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{ord(letter):x}")
    return rf"(?:{re.escape(letter)}|{PERCENT}{code}|{BACKSLASH}u00{code})"


PLAIN = re.compile(rf"{PREFIX}{LETTERS}{{16,}}")
SPELLED = re.compile(
    "".join(map(_spelled, PREFIX)) + rf"(?:{LETTERS}|{PERCENT}{CODES}|{BACKSLASH}(?:u00{CODES}|/)){{16,}}"
)

# What any key is written with: its own beginning, or an escape.
_TRACE = re.compile(rf"{PREFIX}|[%\\&]")

# One escape of a URL, of JSON or of HTML, which escapes only what it must.
ESCAPE = re.compile(
    r"""%(?P<percent>[0-7][0-9A-Fa-f])|\\(?:u(?P<unit>[0-9A-Fa-f]{4})|(?P<own>["\\/]))"""
    r"|&(?:#(?P<number>[0-9]{2,3})|#[xX](?P<hex>[0-9A-Fa-f]{2})|(?P<name>quot|amp|lt|gt|apos));"
)
NAMED = {"quot": '"', "amp": "&", "lt": "<", "gt": ">", "apos": "'"}
# How deep escapes may be nested.
ROUNDS = 4

# What is copied along with a key from a page, a mail or a curl line: white space, quotes, the scheme.
UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
SCHEME = re.compile(rf"authorization\s*:|bearer(?={UNSEEN.pattern})", re.IGNORECASE)
QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»"}
MASKS = "*…•●·"


def looks_like_key(text: str) -> bool:
    """Whether a text holds `fini_` and 16 or more key characters, in plain or escaped form."""
    return _pattern(text).search(text) is not None


def without_keys(text: str, *known: str) -> str:
    """The text with each of the `known` keys, and everything that looks like a key, replaced.

    Also finds keys in which a URL, JSON or HTML wrote characters as escapes.
    """
    if not _TRACE.search(text) and all(key.startswith(PREFIX) for key in known):
        return text
    for key in known:
        text = text.replace(key, REPLACEMENT)
        # What looks like a key is found below, in any form but the numbers of HTML.
        if not PLAIN.fullmatch(key) or "&#" in text:
            # A key may hold what reads as an escape: unescaping the text changes that as well.
            for form in {key, _unescaped(key)}:
                text = _without_spelled(text, form)
    return _pattern(text).sub(REPLACEMENT, text)


def _pattern(text: str) -> re.Pattern[str]:
    """The pattern that finds keys; the one for texts without escapes is many times as fast."""
    return SPELLED if "%" in text or "\\" in text else PLAIN


def keyless(value: Any, *known: str) -> Any:
    """A JSON value with keys replaced in all texts and names; raises RecursionError for one nested too deeply."""
    if isinstance(value, str):
        return without_keys(value, *known)
    if isinstance(value, list):
        return [keyless(item, *known) for item in value]
    if isinstance(value, dict):
        return {without_keys(name, *known): keyless(held, *known) for name, held in value.items()}
    return value


def _without_spelled(text: str, key: str) -> str:
    """The text with REPLACEMENT in place of each occurrence of `key` that is written with escapes."""
    if key not in _unescaped(text):
        return text
    plain, starts = _unescaped_with_starts(text)
    parts, done = [], 0
    for at in _occurrences(plain, key):
        parts += [text[done : starts[at]], REPLACEMENT]
        done = starts[at + len(key)]
    return "".join([*parts, text[done:]])


def _occurrences(text: str, key: str) -> Iterator[int]:
    """Where a key occurs in a text, without overlaps."""
    at = text.find(key)
    while at >= 0:
        yield at
        at = text.find(key, at + len(key))


def _unescaped(text: str) -> str:
    """The text with its escapes decoded, and escapes in escapes."""
    for _ in range(ROUNDS):
        before, text = text, ESCAPE.sub(_letter_of, text)
        if text == before:
            break
    return text


def _unescaped_with_starts(text: str) -> tuple[str, "array[int]"]:
    """The same, and for each character where it begins in the original text, with the end appended."""
    starts = array("q", range(len(text) + 1))
    for _ in range(ROUNDS):
        parts, kept, done = [], array("q"), 0
        for found in ESCAPE.finditer(text):
            parts += [text[done : found.start()], _letter_of(found)]
            kept += starts[done : found.start() + 1]
            done = found.end()
        if not parts:
            break
        text = "".join([*parts, text[done:]])
        starts = kept + starts[done:]
    return text, starts


def _letter_of(found: re.Match[str]) -> str:
    """The character that an escape stands for."""
    kind, written = found.lastgroup, str(found[found.lastgroup or 0])
    if kind == "own":
        return written
    if kind == "name":
        return NAMED[written]
    return chr(int(written, 10 if kind == "number" else 16))


def bare_key(typed: str) -> str:
    """A typed key without white space, quotes and scheme around it. Quotes go only in pairs: a key may end in one."""
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
_FAULTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
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


def key_fault(key: str) -> str:
    """Why a text cannot be a key, in words that repeat none of it; empty when it may be one.

    A key begins with `fini_`, and is ASCII without white space. Its length and other characters are unknown.
    """
    said = next((said for said, holds in _FAULTS if holds(key)), "")
    odd = next((place for place, letter in enumerate(key, 1) if not "!" <= letter <= "~"), 0)
    if said or not odd:
        return said
    return (
        f"Character {odd} of this key is not ASCII, or cannot be seen: a key has no such characters."
        " A mail program or a word processor may have changed it. Copy it from Fini."
    )
