"""External IDs as people and programs write them: cleaned, undone where a spreadsheet changed them, and compared.

Fini tells records apart by `externalId`, so a misread ID would make a second source of one article. An ID is changed
only where one reading is possible; otherwise AmbiguousId says what to do.
"""

import re
import unicodedata

LONGEST = 512
# Above it a JSON number may have lost its last digits: other languages keep numbers as 64-bit floats.
EXACT = 2**53
# A spreadsheet keeps this many digits of a number and replaces the rest by zeros.
SPREADSHEET_DIGITS = 15

SPREADSHEET_ERRORS = (
    *("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!"),
    *("#BLOCKED!", "#CONNECT!", "#BUSY!", "#UNKNOWN!", "#GETTING_DATA", "#ERROR!"),
)

# Invisible characters outside the categories below: fillers and a blank pattern.
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_VARIANTS = "".join(map(chr, range(0xFE00, 0xFE10)))
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
_TAGS = range(0xE0020, 0xE0080)  # part of flag emoji, so visible

_PAIRS = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“", "‘": "’", "’": "’", "«": "»", "`": "`"}
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES = re.compile(r"[‐‑‒–—−﹣－]")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_BLANKS = r" \u00a0\u2007\u2009\u202f"
_NUMBER = re.compile(rf"\+?\d[\d.,'’{_BLANKS}]*(?:[eE][+-]?\d{{1,3}})?", re.ASCII)
_EXPONENT = re.compile(r"(\d+)(?:[.,](\d+))?[eE](\+?)(\d{1,3})", re.ASCII)
_WHOLE = re.compile(r"(\d+)[.,](0+)", re.ASCII)
_GROUPED = [
    re.compile(rf"(\d{{1,3}}(?:{group}\d{{3}})+)(?:[{decimal}]0+)?", re.ASCII)
    for group, decimal in ((",", "."), (r"\.", ","), ("['’]", ".,"), (f"[{_BLANKS}]", ".,"))
]
_LAKHS = re.compile(r"(\d{1,2}(?:,\d{2})+,\d{3})(?:\.0+)?", re.ASCII)

SHORTENED = "is a number that a spreadsheet shortened: make its column text and export it again"


class AmbiguousId(ValueError):
    """An ID with several readings, or none; the message says why, to follow the field's name, and what to do."""


def strip_unseen(text: str) -> str:
    """A text without invisible characters and white space at its ends."""
    start, end = 0, len(text)
    while start < end and is_unseen(text[start]):
        start += 1
    while end > start and is_unseen(text[end - 1]):
        end -= 1
    return text[start:end]


def holds_unseen(text: str) -> bool:
    """Whether a text holds an invisible character other than white space."""
    return any(is_unseen(character) and not character.isspace() for character in text)


def is_unseen(character: str) -> bool:
    """Whether a character is invisible: white space, control and format characters, fillers."""
    if character in _FILLERS:
        return True
    return unicodedata.category(character) in _UNSEEN and ord(character) not in _TAGS


def read(written: str, held: str = "") -> str:
    """The ID that was meant by `written`; raises AmbiguousId.

    `held` is the ID in the resource's URL (addresses.hint_of), which decides between several readings.
    """
    value = strip_unseen(written)
    if len(value) > LONGEST:
        return value  # too long to be an ID; refused later
    value = _unwrapped(value)
    if not value:
        raise AmbiguousId("holds quotes and nothing in them: write the ID")
    if value in SPREADSHEET_ERRORS:
        raise AmbiguousId(f"is a spreadsheet's error ({value}): mend the formula, or type the ID")
    plain = unicodedata.normalize("NFKC", _DASHES.sub("-", _without_unseen(value)))
    if _UUID.fullmatch(plain):
        return plain
    digits = _unwrapped(_ascii(_without_unseen(value)))
    if _NUMBER.fullmatch(digits):
        return _number(digits.removeprefix("+"), held)
    value = _without_unseen(value) if value.isascii() or _without_unseen(value).isascii() else value
    inside = next((character for character in value if is_unseen(character) and character != " "), "")
    if inside:
        name = unicodedata.name(inside, f"U+{ord(inside):04X}").lower()
        raise AmbiguousId(f"holds a character that cannot be seen ({name}): type the ID again")
    if value.startswith("="):
        raise AmbiguousId("is a spreadsheet's formula: put the ID itself into the cell, as text")
    return value


def of_number(number: float) -> str:
    """A JSON number as an ID, without `.0`. Raises AmbiguousId for fractions, and beyond a float's exact range."""
    if isinstance(number, int):
        return str(number)
    if not number.is_integer():
        raise AmbiguousId("is a number with a fraction, and an ID has none: write the ID in quotes")
    if abs(number) >= EXACT:
        raise AmbiguousId("is a number too long to be exact: write the ID in quotes")
    return str(int(number))


def is_exact(number: float) -> bool:
    """Whether a JSON number is small enough that no program on its way can have rounded it."""
    return abs(number) < EXACT


def comparison_key(provider: str, external_id: str) -> str:
    """The form in which IDs of a provider are compared: Notion's without dashes and case, others unchanged."""
    if provider == "notion" and _UUID.fullmatch(external_id):
        return external_id.replace("-", "").lower()
    return external_id


def spellings(provider: str, external_id: str) -> set[str]:
    """All forms of an ID with the same `comparison_key`, for searching a column by exact match."""
    if provider != "notion" or not _UUID.fullmatch(external_id):
        return {external_id}
    bare = external_id.replace("-", "").lower()
    dashed = "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]))
    return {external_id, bare, dashed, bare.upper(), dashed.upper()}


def _unwrapped(value: str) -> str:
    """Remove quotes, a leading apostrophe and the formula's sign that a spreadsheet or a program added."""
    inner = value[1:] if value.startswith("=") and value[1:2] in _PAIRS else value
    while len(inner) > 1 and inner[0] in _PAIRS and inner[-1] == _PAIRS[inner[0]]:
        inner = strip_unseen(inner[1:-1])
    inner = strip_unseen(inner[1:]) if inner.startswith("'") else inner
    number = strip_unseen(inner[1:]) if inner.startswith("=") else ""
    return number if number.isdecimal() else inner


def _without_unseen(value: str) -> str:
    """Remove format characters and the like, but not white space, which may group digits."""
    return "".join(
        character
        for character in value
        if character.isspace()
        or (unicodedata.category(character) not in ("Cf", "Cc") and character not in _FILLERS + _VARIANTS)
    )


def _ascii(value: str) -> str:
    """Digits of every script as 0 to 9, full-width characters as plain ones."""
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in value.translate(_FULL_WIDTH)
    )


def _number(text: str, held: str) -> str:
    """A number as its digits; raises AmbiguousId."""
    if text.isdigit():
        return _long(text, held)
    exponent = _EXPONENT.fullmatch(text)
    if exponent:
        return _long(_of_exponent(text, exponent, held), held)
    readings = _readings(text)
    if held in readings:
        return held
    if len(readings) == 1:
        return _long(readings.pop(), held)
    if re.fullmatch(r"\d+(\.\d+){2,}", text, re.ASCII) and not _readings(text):
        return text
    said = " or ".join(sorted(_readings(text))) or "no whole number"
    raise AmbiguousId(f"may be {said}: make its column text and write the ID by its digits alone")


def _readings(text: str) -> set[str]:
    """The whole numbers that a text with separators may mean."""
    found = {match[1] for match in (pattern.fullmatch(text) for pattern in (*_GROUPED, _LAKHS)) if match}
    whole = _WHOLE.fullmatch(text)
    return {re.sub(r"\D", "", digits) for digits in found} | ({whole[1]} if whole else set())


def _of_exponent(text: str, match: re.Match[str], held: str) -> str:
    """The digits of 7.4001E+4, if all of them are there; raises AmbiguousId."""
    whole, fraction, sign, power = match[1], match[2] or "", match[3], int(match[4])
    if not sign and not fraction:
        if text == held:
            return text
        raise AmbiguousId(
            "may be a number in a spreadsheet's short form: make its column text and export it again"
        )
    if len(fraction) < power or fraction[power:].strip("0"):
        raise AmbiguousId(SHORTENED)
    return whole + fraction[:power]


def _long(digits: str, held: str) -> str:
    """Check that a spreadsheet did not replace the last digits by zeros; raises AmbiguousId."""
    lost = len(digits) > SPREADSHEET_DIGITS and not digits[SPREADSHEET_DIGITS:].strip("0")
    if lost and digits != held:
        raise AmbiguousId(
            f"has {len(digits)} digits and ends in noughts, as a spreadsheet writes a number whose last digits it lost:"
            " make its column text and export it again"
        )
    return digits
