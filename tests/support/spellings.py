"""How spreadsheets, forms and programs write one ID."""

NUMBERS = ["7", "74001", "74000", "1000", "360012345678", "24350000000000", "1234567", "100000"]
NOTION = "0123456789abcdef0123456789abcdef"
UNSEEN = ["\u200b", "\u200e", "\u202a", "\u202c", "\u2060", "\ufeff", "\u00ad", "\u3164", "\x7f"]
BLANKS = [" ", "\u00a0", "\u202f", "\t", "\r\n"]


def grouped(digits: str, between: str) -> str:
    """Digits in groups of three."""
    first = len(digits) % 3 or 3
    return between.join([digits[:first], *(digits[n : n + 3] for n in range(first, len(digits), 3))])


def indian(digits: str) -> str:
    """Digits as in India: three at the end, pairs before them."""
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(0, n - 2) : n] for n in range(len(head), 0, -2)][::-1]
    return ",".join([*pairs, tail]) if head else tail


def full_width(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


def spellings(digits: str) -> list[str]:
    """How spreadsheets, forms and programs write a number."""
    plain = [
        digits,
        *(grouped(digits, between) for between in (",", ".", " ", "\u00a0", "\u202f", "'", "’")),
        indian(digits),
        f"{digits}.0",
        f"{digits}.00",
        f"{digits},0",
        f"{grouped(digits, ',')}.0",
        f"{grouped(digits, '.')},00",
        f"{int(digits):.{len(digits) - 1}E}",
        f"{int(digits):.2E}",
        f"{int(digits):e}",
        f"+{digits}",
        "".join(chr(0x660 + int(digit)) for digit in digits),
    ]
    wrapped = [
        form.format(text)
        for form in ("'{}", '"{}"', "“{}”", "«{}»", "={}", '="{}"', "'{}'")
        for text in plain
    ]
    unseen = [
        text
        for mark in UNSEEN
        for text in (mark + digits, digits + mark, digits[:1] + mark + digits[1:], mark * 3 + digits + mark)
    ]
    blank = [text for mark in BLANKS for text in (mark + digits, digits + mark)]
    return [*plain, *wrapped, *unseen, *blank, *map(full_width, plain)]
