"""What a key looks like, how texts are freed of it (P5), and that neither takes long whatever stands in them."""

import html
import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.lib.key_text import (
    LONGEST,
    REPLACEMENT,
    bare_key,
    key_fault,
    keyless,
    looks_like_key,
    without_keys,
)

LIVE = "fini_live_abcdefghijklmnop"
ODD = "fini_a\"<%b'/\\&;c"
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1).map("fini_".__add__)


def percent(text: str) -> str:
    """Every letter as an address may write it."""
    return "".join(f"%{ord(letter):02X}" for letter in text)


def escaped(text: str) -> str:
    """Every letter as JSON may write it."""
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "percent": percent,
    "percent twice": lambda text: quote(percent(text), safe=""),
    "percent thrice": lambda text: quote(quote(percent(text), safe=""), safe=""),
    "its first letter alone": lambda text: percent(text[0]) + text[1:],
    "as a query writes it": lambda text: quote(text, safe=""),
    "escaped": escaped,
    "escaped in capitals": lambda text: escaped(text).upper().replace("U", "u"),
    "escaped within JSON": lambda text: json.dumps(escaped(text))[1:-1],
    "escaped within an address": lambda text: quote(escaped(text), safe=""),
    "as JSON writes it": lambda text: json.dumps(text)[1:-1],
    "as PHP writes it": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "as HTML writes it": html.escape,
}


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        (LIVE, True),
        (f"the key is {LIVE}.", True),
        ("fini_" + "a" * 16, True),
        ("fini_" + "a" * 15, False),
        ("fini_", False),
        ("Fini_" + "a" * 16, False),
        ("fini_aaaa aaaaaaaaaaaaaaaaaaa", False),
        ("fini_A0_-.~+/=aaaaaaa", True),
        ("a word about fini_admin", False),
    ],
)
def test_what_looks_like_a_key(text, looks):
    assert looks_like_key(text) is looks
    assert (without_keys(text) == text) is not looks


def test_what_stands_around_a_key_stays():
    assert without_keys(f"before {LIVE} after") == f"before {REPLACEMENT} after"
    assert without_keys("Bearer fini_qz,", "fini_qz") == f"Bearer {REPLACEMENT},"


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("key", [LIVE, ODD, "fini_x", "fini_%00", "fini_&lt;b"])
def test_a_known_key_is_removed_however_it_is_written_and_what_stands_around_it_stays(key, spell):
    text = f"100% of \\ before {spell(key)} &amp; \\u0041 %41 after"
    assert without_keys(text, key) == f"100% of \\ before {REPLACEMENT} &amp; \\u0041 %41 after"


def numbered(text: str) -> str:
    """Every letter as HTML may write it."""
    return "".join(f"&#{ord(letter)};" for letter in text)


@pytest.mark.parametrize("spell", [*SPELLINGS.values(), numbered], ids=[*SPELLINGS, "numbered"])
@pytest.mark.parametrize("key", [LIVE, ODD, "fini_x"])
def test_a_known_key_is_removed_where_nothing_else_stands(key, spell):
    assert without_keys(f"before {spell(key)} after", key) == f"before {REPLACEMENT} after"


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_key_that_nobody_knows_is_removed_however_it_is_written(spell):
    assert looks_like_key(f"?next=/a%20b{spell(LIVE)}")
    assert without_keys(f"100% \\ {spell(LIVE)} after") == f"100% \\ {REPLACEMENT} after"


@given(key=KEYS, spell=st.sampled_from(list(SPELLINGS.values())), around=st.text(max_size=5))
def test_any_known_key_is_removed_in_any_spelling(key, spell, around):
    assert spell(key) not in without_keys(f"{around}|{spell(key)}|{around}", key).replace(REPLACEMENT, "")


@given(text=st.text())
def test_text_without_a_key_stays_as_it_is(text):
    assert without_keys(text, LIVE) == text


def test_json_stays_json_when_a_key_is_removed():
    value = {"message": ["C:\\" + LIVE, f'"{LIVE}"', LIVE], LIVE: "\\"}
    assert json.loads(without_keys(json.dumps(value), LIVE)) == {
        "message": ["C:\\" + REPLACEMENT, f'"{REPLACEMENT}"', REPLACEMENT],
        REPLACEMENT: "\\",
    }


def test_every_text_of_a_json_value_is_freed_the_names_too():
    value = {"message": [f"a {LIVE}", {"deep": percent(LIVE)}], LIVE: [1, None, True, 1.5], "b": "fini_x"}
    assert keyless(value, "fini_x") == {
        "message": [f"a {REPLACEMENT}", {"deep": REPLACEMENT}],
        REPLACEMENT: [1, None, True, 1.5],
        "b": REPLACEMENT,
    }


@pytest.mark.parametrize(
    "key", ["fini_x", LIVE, "fini_" + "".join(map(chr, range(0x21, 0x7F))).replace("*", "")]
)
def test_a_key_is_ascii_that_begins_with_its_prefix_and_has_no_white_space(key):
    assert key_fault(key) == ""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "A key begins with fini_."),
        ("FINI_abc", "A key begins with fini_."),
        ("my fini_abc", "A key begins with fini_."),
        ("fini_ab cd", "no white space"),
        ("fini_********wxyz", "masked"),
        ("fini_••••wxyz", "masked"),
        ("fini_ab…", "masked"),
        ("fini_", "cut off"),
        ("fini_ab...", "cut off"),
        ("fini_ab...yz", "cut off"),
        ("fini_äb", "Character 6 of this key is not ASCII"),
        ("fini_аb", "Character 6 of this key is not ASCII"),
        ("fini_ab\u200bcd", "Character 8 of this key is not ASCII"),
        ("fini_ab\x00cd", "Character 8 of this key is not ASCII, or cannot be seen"),
        ("fini_" + "a" * LONGEST, "at most 4,096 characters, and this has more"),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_the_reason_and_without_the_key(typed, said):
    assert said in key_fault(typed)
    assert len(typed) < len("fini_a") or typed not in key_fault(typed)


def test_what_a_key_was_copied_with_goes_and_the_rest_stays():
    for typed in (
        "{}",
        ' \u200b"{}"\n',
        "Authorization: Bearer {}",
        "'bearer “{}”'",
        "authorization :{}\ufeff",
    ):
        assert bare_key(typed.format(LIVE)) == LIVE
    for text in ("", " ", '"', '""', "fini_a'", "bearer", "'fini_a\"", "fini_a b"):
        assert bare_key(text) == text.strip().removeprefix('""')


PARTS = {
    "blanks": " ",
    "quotes": '"',
    "newlines": "\n",
    "unseen": "\u200b",
    "prefixes": "fini_",
    "short keys": "fini_aaaaaaaaaa ",
    "percent": "%",
    "percent in percent": "%25",
    "percent-written prefixes": "%66ini_",
    "backslashes": "\\",
    "escapes": "\\u0066",
    "escaped backslashes": "%5c",
    "entities": "&amp;",
    "schemes": "authorization: ",
}


def steps(work: Callable[[str], object], text: str) -> int:
    """How many lines of Python and calls of C functions it takes."""
    counted = 0

    def count(*_: object) -> Any:
        nonlocal counted
        counted += 1
        return count

    sys.settrace(count)
    try:
        work(text)
    finally:
        sys.settrace(None)
    return counted


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_work_grows_with_the_text_and_not_faster(part):
    works = [bare_key, lambda text: without_keys(text, ODD), lambda text: bare_key(f"fini_a{text}fini_")]
    works.append(lambda text: bare_key('"' * len(text) + text + '"' * len(text)))
    for work in works:
        small, large = (steps(work, part * count) for count in (500, 2_000))
        assert large <= 4 * small + 50, work
