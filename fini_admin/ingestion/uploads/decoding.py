"""Decodes a file's bytes: UTF-8, UTF-16, or Windows-1252 with words for a person to check."""

import codecs
import re
from dataclasses import dataclass

from fini_admin.ingestion.uploads.rows import Unreadable, beginning

_WORDS = 5
_SEARCHED = 1_000_000
_HOW = "Save the file as UTF-8 (in a spreadsheet: “CSV UTF-8”) and try again"
# The first line names columns in plain letters, of which UTF-16 writes every other byte as nought.
_LOOKED_AT = 64
# In Windows-1252 a capital letter or ß before a quote, a dash or a fixed space (“CAFÉ”, „Spaß“) happens to be a
# character of UTF-8 as well.
_WINDOWS_PAIR = re.compile(rb"[\xc4-\xdf][\x85\x91-\x94\x96\x97\xa0\xab\xbb]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text. `guessed` holds words with accents if the encoding had to be guessed."""

    text: str
    guessed: tuple[str, ...] = ()


def decode(content: bytes) -> Decoded:
    """Decode UTF-8, UTF-16 with or without a byte order mark, or Windows-1252. Raises Unreadable.

    Any bytes can be read as Windows-1252, rightly or not: somebody must look at the words in `guessed`.
    """
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise Unreadable(f"it is UTF-32 text. {_HOW}")
    encoding = _encoding(content)
    try:
        return Decoded(content.decode(encoding))
    except UnicodeDecodeError as error:
        if encoding == "utf-8-sig" and _is_damaged_utf8(content):
            # Each byte that is none becomes half of a character, which no field may hold: its line is a bad one.
            return Decoded(content.decode(encoding, "surrogateescape"))
        line = content.count(b"\n", 0, error.start) + 1
        if encoding == "utf-8-sig":
            return _windows(content, line)
        raise Unreadable(f"it is not UTF-16 text: byte {error.start + 1}. {_HOW}") from error


def _encoding(content: bytes) -> str:
    """The encoding by the byte order mark, else by where the zero bytes of the first line stand."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = content[:_LOOKED_AT]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 4 > len(start) and min(even, odd) == 0:
        return "utf-16-be" if even else "utf-16-le"
    return "utf-8-sig"


def _is_damaged_utf8(content: bytes) -> bool:
    """Whether bytes that are no valid UTF-8 still hold characters of it, which another encoding would spoil."""
    return not _WINDOWS_PAIR.sub(b" ", content).decode("utf-8", "ignore").isascii()


def _windows(content: bytes, line: int) -> Decoded:
    """Decode Windows-1252, a superset of Latin-1. Raises Unreadable."""
    if b"\x00" in content:
        raise Unreadable("it is neither text nor an Excel workbook (.xlsx): it holds NUL bytes")
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"it is neither UTF-8 nor Windows-1252 text: the first such line is {line}. {_HOW}"
        ) from error
    return Decoded(text, _words_with_accents(text))


def _words_with_accents(text: str) -> tuple[str, ...]:
    """The first words with characters beyond ASCII, without keys (P5)."""
    words: dict[str, None] = {}
    text = beginning(text, _SEARCHED)
    for match in re.finditer(r"[^\x00-\x7f]", text):
        before = re.match(r"\w*", text[max(0, match.start() - 20) : match.start()][::-1])
        after = re.match(r"\w*", text[match.end() : match.end() + 20])
        words[(before[0][::-1] if before else "") + match[0] + (after[0] if after else "")] = None
        if len(words) == _WORDS * 2:
            break
    # A word with two accents was met twice; the longest form of it is kept.
    whole = [word for word in words if not any(word != other and word in other for other in words)]
    return tuple(whole[:_WORDS])
