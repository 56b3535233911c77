"""No key in a file is shown, nor a part of one, wherever its text is cut (P5)."""

import json
import re
from typing import Any

import pytest

from fini_admin.ingestion.uploads.decoding import decode
from fini_admin.ingestion.uploads.reading import read_text
from fini_admin.ingestion.uploads.rows import Unreadable, excerpt
from tests.ingestion.uploads.test_reading import GOOD, as_csv


def test_a_key_in_a_bad_line_is_not_shown_with_it() -> None:
    found = read_text(as_csv("fini_abcdefghijklmnop1234,1,https://a.example/1"), "notion")
    assert "abcdefghijklmnop" not in str(found.problems)


def test_no_key_stands_in_what_is_said_of_a_guessed_encoding() -> None:
    assert "abcdef" not in str(decode("fini_abcdefghijklmnopqé".encode("cp1252")).guessed)


@pytest.mark.parametrize("before", range(280, 330))
def test_no_part_of_a_key_is_shown_of_a_line_that_is_cut(before: int) -> None:
    text = (" " * before) + "fini_abcdefghijklmnopqrstuvwxyz"
    assert "fini_a" not in excerpt(text)


SPELLED = "".join(f"%{ord(letter):x}" for letter in f"fini_{'a' * 30}")


@pytest.mark.parametrize("key", ["fini_abcdefghijklmnopqrstuvwxyz", SPELLED])
@pytest.mark.parametrize("before", [0, 41, 59, 179, 190, 310, 319])
def test_no_part_of_a_key_is_shown_wherever_what_is_shown_begins_or_ends(key: str, before: int) -> None:
    start = f"{'x' * before} {key}"
    deep: Any = {"id": "1", "title": start}
    for _ in range(40):
        deep = {"id": "1", "title": "S", "object": "section", "articles": [deep]}
    section = {"id": "9", "name": "S", "object": "section", "articles": [{"id": "1", "name": "T"}, start]}
    texts = [
        *(json.dumps(one) for one in ([{"title": start}, GOOD], [section], [deep])),
        f'[{{"{start}": [1], "{start}": [2]}}]',
        f'[{{"a": "{start}{" " * before}" x}}]',
        f'{start} "title","externalId","originalUrl"',
        as_csv(f'"{start}" x,1,https://a.example/1'),
    ]
    for text in texts:
        try:
            found = read_text(text, "zendesk")
        except Unreadable as refused:
            said = str(refused)
        else:
            said = str((found.problems, found.notes))
            assert found.problems
        assert "fini_a" not in said
        assert not re.search(r"(%61){5}|abcdefg|%66%69", said)


def test_nothing_of_a_key_is_shown_that_holds_what_other_texts_end_with() -> None:
    key = "fini_abcdefghijklmnopqrst\"\\&<%'/uvwxyz"
    found = read_text(
        json.dumps([{"title": key, "externalId": "1", "originalUrl": "https://a.example/1"}]), "notion"
    )
    (problem,) = found.problems
    assert "uvwxyz" not in problem.text
    assert "https://a.example/1" in problem.text
