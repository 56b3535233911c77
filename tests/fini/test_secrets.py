"""Text is freed of keys, known ones and what looks like one (P5)."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.fini.secrets import REPLACEMENT, looks_like_key, without_keys

LIVE = "fini_live_abcdefghijklmnop"
KEYS = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1).map("fini_".__add__)


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


@given(key=KEYS, before=st.text(max_size=5), after=st.text(max_size=5))
def test_a_known_key_is_removed_however_json_or_an_address_writes_it(key, before, after):
    escaped = "".join(f"\\u{unit:04X}" for unit in units(key))
    for form in (
        key,
        quote(key, safe=""),
        json.dumps(key)[1:-1],
        json.dumps(key, ensure_ascii=False)[1:-1],
        escaped,
    ):
        cleaned = without_keys(before + "|" + form + "|" + after, key)
        assert form not in cleaned.replace(REPLACEMENT, "") or form in before + after
        assert f"|{REPLACEMENT}" in cleaned


def units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[start : start + 2]) for start in range(0, len(raw), 2)]


@given(text=st.text())
def test_text_without_a_key_stays_as_it_is(text):
    assert without_keys(text, LIVE) == text


def test_json_stays_json_when_a_key_is_removed():
    value = {"message": ["C:\\" + LIVE, f'"{LIVE}"', LIVE], LIVE: "\\"}
    assert json.loads(without_keys(json.dumps(value), LIVE)) == {
        "message": ["C:\\" + REPLACEMENT, f'"{REPLACEMENT}"', REPLACEMENT],
        REPLACEMENT: "\\",
    }
