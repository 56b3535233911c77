"""What docs/security.md claims has a test that exists, or says that it is not met; no item is missing."""

import ast
import re

from tests.support.product import ROOT

ITEM = re.compile(r"\b\d+\.\d+\.\d+\b")
RANGE = re.compile(r"\b(\d+\.\d+)\.(\d+)–\1\.(\d+)\b")
# The items of levels 1 and 2 of ASVS 4.0.3 from chapter 2 on: how many each section has, less those of level 3 alone
# and those that were taken out.
SECTIONS = """
    2.1:12 2.2:3 2.3:3 2.4:6 2.5:7 2.6:3 2.7:6 2.8:7 2.9:3 2.10:4 3.1:1 3.2:4 3.3:4 3.4:5
    3.5:3 3.7:1 4.1:5 4.2:2 4.3:3 5.1:5 5.2:8 5.3:10 5.4:3 5.5:4 6.1:3 6.2:6 6.3:2 6.4:2
    7.1:4 7.2:2 7.3:4 7.4:3 8.1:4 8.2:3 8.3:8 9.1:3 9.2:4 10.2:2 10.3:3 11.1:8 12.1:3 12.2:1
    12.3:6 12.4:2 12.5:2 12.6:1 13.1:5 13.2:6 13.3:2 13.4:2 14.1:4 14.2:6 14.3:3 14.4:7 14.5:4
"""
TAKEN_OUT = {"4.1.4", "7.3.2", "13.1.2", "13.2.4", "14.3.1"}
LEVEL_3 = {"8.1.5", "8.1.6"}


def items() -> set[str]:
    """Every item of levels 1 and 2."""
    counts = [part.split(":") for part in SECTIONS.split()]
    return {f"{section}.{n}" for section, count in counts for n in range(1, int(count) + 1)} - TAKEN_OUT


def named(text: str) -> list[str]:
    """The items that a text names, ranges written out."""
    ranges = [(section, int(first), int(last)) for section, first, last in RANGE.findall(text)]
    within = [f"{section}.{n}" for section, first, last in ranges for n in range(first, last + 1)]
    return within + ITEM.findall(RANGE.sub("", text))


def table(text: str) -> list[list[str]]:
    """The rows of items, as their cells."""
    part = text.partition("## OWASP ASVS")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"
    ]
    return [row for row in rows if ITEM.search(row[0])]


def faults(rows: list[list[str]]) -> list[str]:
    """What names no test that exists, and does not say that it is not met."""
    return [
        row[0]
        for row in rows
        if not ("**not met**" in row[1] if row[2] == "-" else exists(row[2].strip("`")))
    ]


def exists(test: str) -> bool:
    """Whether a file holds a test of that name, as file::test."""
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file():
        return False
    nodes = ast.walk(ast.parse((ROOT / file).read_text()))
    return name in {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_each_item_names_a_test_that_exists_or_is_not_met():
    rows = table((ROOT / "docs" / "security.md").read_text())
    assert len(rows) > 40
    assert {len(row) for row in rows} == {3}
    assert faults(rows) == []


def test_each_item_stands_there_once_or_is_left_out_and_no_other_does():
    text = (ROOT / "docs" / "security.md").read_text()
    claimed = named(" ".join(row[0] for row in table(text) if "ASVS 5.0" not in row[0]))
    left_out = named(text.partition("Left out, for")[2])
    assert len(claimed) == len(set(claimed))
    assert set(claimed) & set(left_out) == set()
    assert set(claimed) | set(left_out) == items() | LEVEL_3


def test_ranges_are_written_out():
    assert named("2.1.1–2.1.3, 3.4.1") == ["2.1.1", "2.1.2", "2.1.3", "3.4.1"]
    assert len(items()) > 200


def test_the_check_sees_a_test_that_does_not_exist():
    here = "tests/test_security_doc.py"
    assert faults([["1.1.1", "so", f"`{here}::test_of_nothing`"]]) == ["1.1.1"]
    assert faults([["1.1.1", "so", "`tests/nowhere.py::test_a`"], ["1.1.2", "so", "-"]]) == ["1.1.1", "1.1.2"]
    assert faults([["1.1.1", "no: **not met**", "-"]]) == []
