"""What docs/security.md claims has a test that exists, or says that it is not met."""

import ast
import re

from tests.support.product import ROOT

ITEM = re.compile(r"\b\d+\.\d+\.\d+\b")


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


def test_the_check_sees_a_test_that_does_not_exist():
    here = "tests/ground/test_security_doc.py"
    assert faults([["1.1.1", "so", f"`{here}::test_of_nothing`"]]) == ["1.1.1"]
    assert faults([["1.1.1", "so", "`tests/nowhere.py::test_a`"], ["1.1.2", "so", "-"]]) == ["1.1.1", "1.1.2"]
    assert faults([["1.1.1", "no: **not met**", "-"]]) == []
