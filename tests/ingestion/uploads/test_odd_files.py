"""Odd lists: no record vanishes, nothing is no ID, and none of them takes long."""

import json
import time

import pytest

from fini_admin.fini.wire import shortened
from fini_admin.ingestion.uploads.reading import read_text
from fini_admin.ingestion.uploads.rows import Unreadable
from tests.ingestion.uploads.test_reading import GOOD, HEADER, as_csv, as_json, read


@pytest.mark.parametrize("written", ["'", "''", "“”", "'' "])
def test_quotes_with_nothing_in_them_are_no_id(written: str) -> None:
    resources, problems = read(as_json(GOOD | {"externalId": written}), "zendesk")
    assert (resources, problems) == ([], {1: "externalId holds quotes and nothing in them: write the ID"})


@pytest.mark.parametrize("mark", ["\u200b", "\u2060", "\u00ad"])
def test_a_key_is_known_as_one_although_an_unseen_character_stands_in_it(mark: str) -> None:
    key = f"'fini_li{mark}ve_abcdefghijklmnopqrstuvwxyz1234"
    resources, problems = read(as_json(GOOD | {"externalId": key}), "zendesk")
    assert resources == []
    assert problems[1].startswith("externalId holds what looks like an API key")


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#SPILL!"])
def test_an_error_of_a_spreadsheet_is_no_id(error: str) -> None:
    said = f"externalId is a spreadsheet's error ({error}): mend the formula, or type the ID"
    assert read(as_csv(f"T,{error},https://a.example/1").encode(), "zendesk") == ([], {2: said})


@pytest.mark.parametrize("provider", ["web", "files", "googledrive"])
def test_a_source_that_cannot_be_registered_is_none_of_this_provider(provider: str) -> None:
    resources, problems = read(as_json(GOOD | {"source": provider}, GOOD | {"source": "zendesk"}), "zendesk")
    assert len(resources) == 1
    assert problems[1].startswith(f"its source is {provider}, not zendesk: ")


def test_a_title_that_was_cut_is_not_written_over_the_whole_one() -> None:
    problems = read(as_json(GOOD | {"title": shortened("x" * 3_000, 2_500)}), "zendesk")[1]
    said = "title was too long to be kept whole: write one of at most 2,500 characters"
    assert problems == {1: said}


RECORD, OTHER = json.dumps(GOOD), json.dumps(GOOD | {"externalId": "2"})


@pytest.mark.parametrize(
    ("text", "ids", "bad"),
    [
        ("\u200b[%s]", ["1"], []),
        ("\u00a0[%s]", ["1"], []),
        (f"%s\n\ufeff{OTHER}", ["1", "2"], []),
        (f"[%s]\n[{OTHER}]", ["1", "2"], []),
        (f"{{\n{{'\n%s\n{OTHER}", ["1", "2"], [1, 2]),
    ],
)
def test_marks_lists_and_broken_lines_keep_no_record_away(text: str, ids: list[str], bad: list[int]) -> None:
    resources, problems = read((text % RECORD).encode(), "zendesk")
    assert ([one.external_id for one in resources], sorted(problems)) == (ids, bad)


def test_a_field_named_twice_makes_its_record_a_bad_one() -> None:
    text = f'[{OTHER}, {RECORD[:-1]}, "externalId": "3"}}]'
    resources, problems = read(text.encode(), "zendesk")
    assert [one.external_id for one in resources] == ["2"]
    assert problems == {2: "it names “externalId” twice, with different values: leave one of them"}


def test_of_two_lists_by_one_name_none_vanishes() -> None:
    with pytest.raises(Unreadable, match="an object in it names “resources” twice, with different values"):
        read_text(f'{{"resources": [{RECORD}], "resources": [{OTHER}]}}', "zendesk")


@pytest.mark.parametrize(
    "header",
    [
        "\u200boriginal\u00adUrl,ti\u200btle,external Id",
        "sep=,\noriginalUrl;title;externalId",
        "sep=\\t\noriginalUrl\ttitle\texternalId",
    ],
)
def test_a_header_is_understood_whatever_unseen_stands_in_it_or_is_said_of_its_separator(header: str) -> None:
    line = next(between for between in ";\t," if between in header.splitlines()[-1])
    text = f"{header}\n{line.join(['https://a.example/1', 'One', '1'])}"
    assert [one.external_id for one in read(text.encode(), "zendesk")[0]] == ["1"]


def test_a_header_that_breaks_the_rules_of_csv_is_told_which() -> None:
    with pytest.raises(Unreadable, match="in its first line a value in quotes goes on behind its closing"):
        read_text('"originalUrl" , "title" , "externalId"\nhttps://a.example,T,1', "zendesk")


SIZE = 12_000_000
COSTLY = {
    "columns": "," * SIZE,
    "columns behind the needed ones": HEADER.strip() + "\t" * SIZE,
    "a long first line": "a" * SIZE,
    "open quotes": HEADER + ('a","' + "b" * 1_200 + "\n") * 9_900,
    "numbers beside a record": f"[[{RECORD}{',1' * (SIZE // 2)}]]",
    "objects in a record": f'[{RECORD[:-1]}, "x": [{{}}{",{}" * (SIZE // 3)}]}}]',
}


@pytest.mark.parametrize("name", COSTLY)
def test_what_would_take_long_is_refused_soon(name: str) -> None:
    before = time.process_time()
    with pytest.raises(Unreadable, match=r"columns|characters|quotes|values"):
        read_text(COSTLY[name], "zendesk", most=10_000)
    assert time.process_time() - before < 5  # without the bounds: 7 to 130 seconds


def test_what_an_export_says_is_gone_is_not_brought_in_again_by_itself() -> None:
    line = {"externalId": "1", "title": "One", "originalUrl": "https://a.example/1", "state": "gone"}
    found = read_text(
        f"{json.dumps(line)}\n{json.dumps(line | {'externalId': '2', 'state': 'usable'})}", "zendesk"
    )
    assert [one.external_id for one in found.resources] == ["2"]
    assert [problem.said for problem in found.problems] == [
        "is no longer in Fini: to register it again, take its state out"
    ]


def test_a_title_that_begins_with_a_quotation_is_kept_whole() -> None:
    header, row = "originalUrl,title,externalId", "https://a.example/1,{},1"
    for title in ("'@mention' in comments", "'-' and '+' in searches"):
        found = read_text(f"{header}\n{row.format(title)}", "zendesk")
        assert [one.title for one in found.resources] == [title]
    ours = read_text(
        f"{header},first_seen,last_seen\n{row.format(chr(39) + chr(39) + '@x' + chr(39))},,", "zendesk"
    )
    assert [one.title for one in ours.resources] == ["'@x'"]


def test_a_field_that_is_an_object_which_names_something_twice_is_named() -> None:
    text = '[{"originalUrl":"https://a.example/1","externalId":"1","title":{"a":1,"a":2}}]'
    found = read_text(text, "zendesk")
    assert [problem.said for problem in found.problems] == ["title is an object, not a text"]
