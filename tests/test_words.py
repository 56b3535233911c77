"""What the code cites exists, and a name says one thing."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = (ROOT / "docs" / "contract.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
# Folders that the tree of the architecture describes as a whole.
AS_A_WHOLE = {"sandbox", "commands", "views", "forms", "wording", "templatetags", "migrations"}
NUMBER = re.compile(r"\b([PT](?:10|[1-9]))\b")
# Documents and ways of counting that no reader of the project has.
ELSEWHERE = re.compile(r"\b(?:traps?|contract|design|spikes?|style|promises?)(?:\.md)? \d", re.IGNORECASE)
TEXTS = {".py", ".html", ".txt", ".js", ".css", ".toml", ".md", ""}


def texts() -> dict[str, str]:
    """Every text of the project that may cite: its path and what it says."""
    roots = ("fini_admin", "templates", "static", "tests", "bench", "docs", ".ci")
    paths = [path for root in roots for path in (ROOT / root).rglob("*") if path.suffix in TEXTS]
    found = [path for path in [*paths, *ROOT.glob("*.*")] if path.is_file() and "files" not in path.parts]
    return {
        str(path.relative_to(ROOT)): path.read_text() for path in found if path != Path(__file__).resolve()
    }


def classes() -> dict[str, list[str]]:
    """Each class name of the product, with the modules that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "fini_admin").rglob("*.py")):
        place = path.relative_to(ROOT / "fini_admin")
        if place.parts[0] == "sandbox" or "migrations" in place.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name not in ("Command", "Meta", "Config"):
                found[node.name].append(str(place))
    return found


def test_every_number_that_is_cited_is_in_the_contract():
    numbered = set(re.findall(r"^### ([PT]\d+) ", CONTRACT, re.MULTILINE))
    assert numbered == {*(f"P{n}" for n in range(1, 9)), *(f"T{n}" for n in range(1, 11))}
    cited = {(path, number) for path, text in texts().items() for number in NUMBER.findall(text)}
    assert len({number for _, number in cited}) > 12
    assert {(path, number) for path, number in cited if number not in numbered} == set()


def test_nothing_else_is_cited():
    found = {(path, one) for path, text in texts().items() for one in ELSEWHERE.findall(text)}
    assert found == set()


def test_the_contract_names_tests_that_exist_and_each_number_has_some():
    parts = re.split(r"^### ", CONTRACT, flags=re.MULTILINE)[1:]
    for part in parts:
        tests = re.findall(r"`(tests/[\w/]+\.py)`", part)
        assert tests, part[:40]
        assert [path for path in tests if not (ROOT / path).is_file()] == []


def test_a_class_name_names_one_class():
    assert {name: places for name, places in classes().items() if len(places) > 1} == {}


def test_the_tree_of_the_architecture_names_each_module_and_no_other():
    paths = [path.relative_to(ROOT / "fini_admin") for path in (ROOT / "fini_admin").rglob("*.py")]
    modules = {
        path.stem
        for path in paths
        if not AS_A_WHOLE & set(path.parts) and path.stem not in ("__init__", "apps")
    }
    tree = ARCHITECTURE.split("```")[1]
    assert sorted(modules - set(re.findall(r"\w+", tree))) == []
    assert sorted(set(re.findall(r"\b[a-z]+_[a-z_]+\b", tree)) - modules - {"fini_admin"}) == []
