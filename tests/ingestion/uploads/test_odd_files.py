"""Odd lists: no record vanishes, nothing is no ID, and none of them takes long."""

import json

import pytest

from fini_admin.fini.wire import shortened
from fini_admin.ingestion.uploads.reading import read_text
from fini_admin.ingestion.uploads.rows import Unreadable
from fini_admin.lib.download import csv_lines
from tests.ingestion.uploads.test_reading import GOOD, HEADER, as_csv, as_json, read
from tests.support.cpu import at_most


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
    "lines that are no JSON": "{}\n{}\n" + "x\n" * (SIZE // 2),
    "objects in a record": f'[{RECORD[:-1]}, "x": [{{}}{",{}" * (SIZE // 3)}]}}]',
}


@pytest.mark.parametrize("name", COSTLY)
def test_what_would_take_long_is_refused_soon(name: str) -> None:
    # Without the bounds it took 7 to 130 seconds.
    with at_most(5), pytest.raises(Unreadable, match=r"columns|characters|quotes|values|lines"):
        read_text(COSTLY[name], "zendesk", most=10_000)


def test_what_an_export_says_is_gone_is_not_brought_in_again_by_itself() -> None:
    line = {"externalId": "1", "title": "One", "originalUrl": "https://a.example/1", "state": "gone"}
    found = read_text(
        f"{json.dumps(line)}\n{json.dumps(line | {'externalId': '2', 'state': 'usable'})}", "zendesk"
    )
    assert [one.external_id for one in found.resources] == ["2"]
    assert [problem.said for problem in found.problems] == [
        "is no longer in Fini: to register it again, take its state out"
    ]


SEEN = ["first_seen", "last_seen"]
MANY_LINES = "\n" * 201 + "Evil,2,https://evil.example/2,,\n"


def test_a_title_of_ours_with_many_lines_comes_back_whole_and_brings_nothing_else_in() -> None:
    rows = [{"title": f"a{MANY_LINES}b", "externalId": "1", "originalUrl": "https://a.example/1"}]
    ours = "".join(csv_lines([row | {"first_seen": "", "last_seen": ""} for row in rows], [*rows[0], *SEEN]))
    found = read_text(ours, "zendesk")
    assert [(one.external_id, one.title) for one in found.resources] == [("1", rows[0]["title"])]
    assert found.problems == []


def test_a_value_of_very_many_lines_is_named_and_nothing_inside_it_is_read() -> None:
    rows = [f'"a{MANY_LINES}b",1,https://a.example/1', "T,3,https://a.example/3"]
    found = read_text(as_csv(*rows), "zendesk")
    assert [one.external_id for one in found.resources] == ["3"]
    ((line, said, text),) = found.problems
    assert (line, text) == (2, '"a')
    assert said.startswith("its values go over 203 lines, to line 204, and 200 is the most")


def test_a_quote_that_is_never_closed_costs_its_own_line_alone() -> None:
    rows = [f"T,{number},https://a.example/{number}" for number in range(300)]
    found = read_text(as_csv('"a,1000,https://a.example/', *rows), "zendesk")
    assert (len(found.resources), [problem.line for problem in found.problems]) == (300, [2])


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


@pytest.mark.parametrize("title", ["Prices; -10% off", "a;@b", "=SUM; +x"])
def test_an_export_of_which_columns_were_taken_out_comes_back_as_it_was(title: str) -> None:
    row = {"externalId": "12345", "title": title, "originalUrl": "https://h.example/a/12345"}
    found = read_text("".join(csv_lines([row], list(row))), "notion")
    assert [one.title for one in found.resources] == [title]


@pytest.mark.parametrize("between", [", ", "; ", "\t "])
def test_a_value_in_quotes_may_stand_behind_a_blank(between: str) -> None:
    rows = [
        ["originalUrl", "title", "externalId"],
        ["https://a.example/1", '"Late"', "1"],
        ["https://a.example/2", '"Late, lost; ""gone"""', "2"],
    ]
    found = read_text("\n".join(map(between.join, rows)), "zendesk")
    assert [one.title for one in found.resources] == ["Late", 'Late, lost; "gone"']
    assert found.problems == []


def test_a_column_url_beside_original_url_is_another_one() -> None:
    """Zendesk's own API has both: html_url is to be renamed to originalUrl, url leads to the record."""
    header, row = "externalId,url,Original URL,title", "1,https://a.example/api/1.json,https://a.example/1,T"
    found = read_text(f"{header}\n{row}", "zendesk")
    assert [one.original_url for one in found.resources] == ["https://a.example/1"]
    with pytest.raises(Unreadable, match="the header names originalUrl twice"):
        read_text("externalId,url,URL,title\n", "zendesk")


@pytest.mark.parametrize(
    "columns", [("title", "externalId", "originalUrl"), ("originalUrl", "title", "externalId")]
)
def test_a_title_that_takes_later_lines_in_is_a_bad_line(columns: tuple[str, ...]) -> None:
    """The quote that opens the first title is closed by the sign for inches in the third."""
    rows = [
        {"title": title, "externalId": str(n), "originalUrl": f"https://a.example/{n}"}
        for n, title in enumerate(['"Unclosed', "Two", 'Screen of 27"', "Four"], 1)
    ]
    lines = [",".join(row[name] for name in columns) for row in rows]
    found = read_text("\n".join([",".join(columns), *lines]), "zendesk")
    assert [one.external_id for one in found.resources] == ["4"]
    ((line, said, _),) = found.problems
    assert (line, said[:39]) == (2, "its title goes on over later lines, in ")


@pytest.mark.parametrize("between", [",", ";", "\t", "|"])
def test_a_heading_that_goes_over_two_lines_is_understood(between: str) -> None:
    header = between.join(['"External\nID"', "Title", '"Original\r\nURL"'])
    text = f"{header}\n{between.join(['1', 'One', 'https://a.example/1'])}"
    assert [one.title for one in read_text(text, "zendesk").resources] == ["One"]


@pytest.mark.parametrize("dashes", ["|---|---|---|", "| :-- | --- | ---: |"])
def test_a_table_in_markdown_is_read_without_its_line_of_dashes(dashes: str) -> None:
    lines = [
        "| URL | Title | External ID |",
        dashes,
        "| https://a.example/1 | One | 1 |",
        "| --- | --- | --- |",
    ]
    resources, problems = read("\n".join(lines).encode(), "zendesk")
    assert [(item.title, item.external_id) for item in resources] == [("One", "1")]
    assert list(problems) == [4]  # only the line below the heading is the table's own
