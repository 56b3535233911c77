"""The bytes of a file as text: never a guess without saying so."""

import codecs
import re
from dataclasses import dataclass

from fini_admin.lib.key_text import without_keys

SHOWN = 5
HOW = "Save the file as UTF-8 (in a spreadsheet: “CSV UTF-8”) and try again"


class Unreadable(ValueError):
    """The file as a whole cannot be read."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text; `guessed` holds some of its words with accents when the encoding had to be guessed."""

    text: str
    guessed: tuple[str, ...] = ()


def decode(content: bytes, *, guess: bool = False) -> Decoded:
    """UTF-8, UTF-16 with its mark, or with `guess` what Windows writes in Western Europe. Raises Unreadable.

    With `guess` somebody must look at the result: any bytes can be read as Windows-1252, rightly or not.
    """
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return Decoded(content.decode(encoding))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        if guess and encoding != "utf-16" and not is_damaged_utf8(content):
            return windows(content, line)
        raise Unreadable(f"it is not UTF-8 text: line {line}, byte {error.start + 1}. {HOW}") from error


def is_damaged_utf8(content: bytes) -> bool:
    """Whether bytes that are no UTF-8 hold characters that only UTF-8 writes so: to guess would spoil those."""
    return not content.decode("utf-8", "ignore").isascii()


def windows(content: bytes, line: int) -> Decoded:
    """Windows-1252, which has Latin-1 in it, with words to look at. Raises Unreadable."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"it is neither UTF-8 nor Windows-1252 text: the first such line is {line}. {HOW}"
        ) from error
    found = re.finditer(r"\w+", text[:1_000_000])
    words = dict.fromkeys(word[0] for word in found if not word[0].isascii())
    return Decoded(text, tuple(without_keys(word)[:40] for word in list(words)[:SHOWN]))
