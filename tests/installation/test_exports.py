"""No spreadsheet runs what a provider or a person wrote."""

import csv
import io
from itertools import chain as joined
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from fini_admin.audit import chain
from fini_admin.ingestion.export import NAMES
from fini_admin.lib.download import csv_lines, escape_formula, unescape_formula
from fini_admin.sources.models import Source
from fini_admin.workspaces.models import Workspace
from tests.installation.conftest import Furnished
from tests.support.who import by

BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "  +")


def cells(text: str) -> list[str]:
    """Every cell of a CSV file, as a spreadsheet reads it."""
    return list(joined.from_iterable(csv.reader(io.StringIO(text, newline=""))))


def runs(cell: str) -> bool:
    """Whether a spreadsheet takes a cell for a formula. Our own numbers are never negative."""
    return cell.lstrip(" ").startswith(BEGINS)


@given(
    st.lists(
        st.sampled_from(BEGINS).flatmap(lambda start: st.text(max_size=20).map(start.__add__)), max_size=5
    )
)
def test_no_cell_of_a_file_begins_like_a_formula_and_none_is_two(texts: list[str]):
    written = "".join(csv_lines([{"a": text, "b": "end"} for text in texts], ["a", "b"]))
    read = cells(written)
    assert len(read) == 2 * (len(texts) + 1)
    assert not [cell for cell in read if runs(cell)]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("between", ["; ", "\t'", "\n", "\r\n", "\r", ";;"])
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝"])
def test_no_cell_is_a_formula_where_a_spreadsheet_splits_elsewhere(separator: str, between: str, start: str):
    text = "".join(csv_lines([{"a": "x", "b": f"Prices{between}{start}1+1", "c": "y"}], ["a", "b", "c"]))
    split = joined.from_iterable(csv.reader(text.splitlines(), delimiter=separator))
    assert not [cell for cell in split if runs(cell) and cell.strip()]


@given(
    st.text("'=+-@; \t\r\n＝a", max_size=12)
    | st.text(max_size=20)
    | st.sampled_from(BEGINS).map("''{}1".format)
)
def test_what_is_read_back_of_a_file_is_what_was_written(text: str):
    (row,) = list(csv.reader(io.StringIO("".join(csv_lines([{"a": text}], ["a"])), newline="")))[1:]
    assert [unescape_formula(cell) for cell in row] == [text]
    assert unescape_formula(str(escape_formula(text))) == text


def test_only_our_own_apostrophe_is_taken_off():
    assert [unescape_formula(text) for text in ("'tis", "''=1", "'=1", "' =1", "'", "''")] == [
        "'tis",
        "'=1",
        "=1",
        " =1",
        "'",
        "''",
    ]


def test_titles_in_the_sources_file_are_no_formulas(furnished: Furnished):
    for source, start in zip(Source.objects.order_by("pk"), BEGINS, strict=False):
        Source.objects.filter(pk=source.pk).update(title=f"{start}cmd|'/c calc'!A1", reason=f"{start}1")
    answer: Any = furnished.seen().get("/w/acme/sources/", {"export": "csv"})
    read = cells(b"".join(answer.streaming_content).decode())
    assert len(read) >= 2 * len(NAMES)
    assert not [cell for cell in read if runs(cell)]


def test_actors_and_bodies_in_the_trails_file_are_no_formulas(waiting: Workspace, capsys):
    for start in BEGINS:
        record(waiting, f"{start}cmd|'/c calc'!A1")
    call_command("export_audit", "acme", "--format", "csv", "--bodies")
    read = cells(capsys.readouterr().out)
    assert [cell for cell in read if "calc" in cell]
    assert not [cell for cell in read if runs(cell) and cell != "-"]


def record(workspace: Workspace, text: str) -> None:
    """A row whose actor is called so."""
    with transaction.atomic():
        chain.record(chain=str(workspace.pk), kind="key.added", by=by(text, text))
