"""One ID, however it is written: the same ID, or a named one; never a second one without a word."""

import itertools
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fini_admin.fini.external_ids import (
    EXACT,
    AmbiguousId,
    comparison_key,
    is_exact,
    of_number,
    read,
    strip_unseen,
)
from tests.support.spellings import BLANKS, NOTION, NUMBERS, UNSEEN, full_width, spellings


@pytest.mark.parametrize("digits", NUMBERS)
def test_each_spelling_of_a_number_is_that_number_or_is_named(digits: str) -> None:
    understood = set()
    for spelling in spellings(digits):
        try:
            assert read(spelling) == digits, spelling
        except AmbiguousId:
            continue
        else:
            understood.add(spelling)
    certain = {
        digits,
        f"'{digits}",
        f'="{digits}"',
        f"{digits}.0",
        full_width(digits),
        digits + "\u200b",
        f"\ufeff{digits}",
    }
    assert certain <= understood


def test_each_pair_of_spellings_of_one_id_is_one_id() -> None:
    for digits in NUMBERS:
        readings = set()
        for spelling in spellings(digits):
            try:
                readings.add(comparison_key("zendesk", read(spelling)))
            except AmbiguousId:
                continue
        assert readings == {digits}


def test_each_pair_of_spellings_of_a_notion_id_is_one_id() -> None:
    dashed = "-".join([NOTION[:8], NOTION[8:12], NOTION[12:16], NOTION[16:20], NOTION[20:]])
    plain = [
        NOTION,
        NOTION.upper(),
        dashed,
        dashed.upper(),
        dashed.replace("-", "–"),
        dashed.replace("-", "\u2011"),
    ]
    forms = [*plain, *map(full_width, plain), *(f'"{one}"' for one in plain), *(f"'{one}" for one in plain)]
    forms += [f"{mark}{one}{mark}" for mark, one in itertools.product(UNSEEN + BLANKS, plain)]
    forms += [one[:5] + mark + one[5:] for mark, one in itertools.product(UNSEEN, plain)]
    assert {comparison_key("notion", read(form)) for form in forms} == {NOTION}


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("74,000", "74000"),
        ("74,000", "74"),
        ("36001234567890100000", "36001234567890100000"),
        ("74E0", "74E0"),
    ],
)
def test_the_id_that_the_address_names_decides_between_two_readings(written: str, held: str) -> None:
    for other in ("", "7400", "0"):
        with pytest.raises(AmbiguousId):
            read(written, other)
    assert read(written, held) == held


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("3.60012E+11", "is a number that a spreadsheet shortened: make its column text and export it again"),
        ("74,000", "may be 74 or 74000: make its column text and write the ID by its digits alone"),
        ("74.5", "may be no whole number: make its column text and write the ID by its digits alone"),
        ("ab\tcd", "holds a character that cannot be seen (u+0009): type the ID again"),
        ("ä\u200bb", "holds a character that cannot be seen (zero width space): type the ID again"),
        ("=A1", "is a spreadsheet's formula: put the ID itself into the cell, as text"),
        ("36001234567890100000", "has 20 digits and ends in noughts"),
    ],
)
def test_what_cannot_be_told_is_named_with_what_to_do(written: str, said: str) -> None:
    with pytest.raises(AmbiguousId) as refused:
        read(written)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "other", ["n-4471", "HR", "1.2.3", "a b", "page/7", "Ärger", "<script>", "x_1", "0", "-1", "é́"]
)
def test_every_other_id_stays_as_it_is(other: str) -> None:
    assert read(other) == other


@given(st.text(max_size=60), st.text(max_size=60))
@example("=" * 60, "")
@example('"' * 60, "")
def test_no_text_is_too_strange_and_what_was_read_is_read_the_same_again(written: str, held: str) -> None:
    try:
        found = read(written, held)
    except AmbiguousId:
        return
    try:
        assert read(found, held) == found
    except AmbiguousId:
        # 0 in a longer run of digits may look like a spreadsheet's nought only once the rest is gone.
        assert found.strip("0123456789") != found


@given(st.text(max_size=40))
def test_tidy_takes_from_the_ends_alone(text: str) -> None:
    assert strip_unseen(text) in text
    assert strip_unseen(strip_unseen(text)) == strip_unseen(text)
    assert not strip_unseen(text)[:1].isspace()


def test_the_flag_of_england_keeps_its_last_characters() -> None:
    flag = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    assert strip_unseen(f" {flag}\u200b") == flag


@pytest.mark.parametrize(
    ("number", "digits"), [(360012345671.0, "360012345671"), (3.6001234567e11, "360012345670"), (7, "7")]
)
def test_a_whole_json_number_is_its_digits(number: float, digits: str) -> None:
    assert of_number(number) == digits


@pytest.mark.parametrize("number", [1.5, float(EXACT), 1e300, -0.5])
def test_a_json_number_that_is_no_exact_whole_one_is_named(number: float) -> None:
    with pytest.raises(AmbiguousId):
        of_number(number)


def test_a_number_is_exact_as_long_as_every_program_keeps_its_digits() -> None:
    assert is_exact(EXACT - 1)
    assert not is_exact(EXACT)
    assert unicodedata.unidata_version  # which characters are unseen follows Python's tables


def test_only_notions_ids_are_compared_without_dashes_and_case() -> None:
    assert comparison_key("notion", NOTION.upper()) == NOTION
    assert comparison_key("zendesk", NOTION.upper()) == NOTION.upper()
    assert comparison_key("notion", "N-4471") == "N-4471"
