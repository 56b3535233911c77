"""House rules that no linter knows."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from pathlib import Path
from re._constants import MAXREPEAT  # type: ignore[import-not-found]  # not in the stubs
from re._parser import parse  # type: ignore[import-not-found]  # the same
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fini_admin"
FILE_LIMIT, FUNCTION_LIMIT = 400, 40

NETWORK = {"requests", "urllib3", "urllib.request", "http.client", "socket", "httpx", "aiohttp"}
MAY_REACH_OUT = ("audit/transport.py", "sandbox/")

SETTING_READERS = {
    "flag",
    "text",
    "words",
    "number",
    "secret",
    "folder",
    "https_url",
    "url",
    "database",
    "mail_server",
}
# Read outside the settings: by the Procfile and by the tests.
OTHER_VARIABLES = {"PORT", "TEST_POSTGRES_URL"}

IN_TEMPLATE_CODE = {
    "switches escaping off": re.compile(r"\|\s*safe(seq)?\b|autoescape\s+off"),
}
IN_MARKUP = {
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc\s*=)|<script\b[^>]*>\s*[^<\s]", re.IGNORECASE),
    "inline style": re.compile(r"<style\b|\sstyle\s*=", re.IGNORECASE),
    "an inline event handler": re.compile(r"\son[a-z]+\s*=|\shx-on\b", re.IGNORECASE),
    "a script as a value": re.compile(r"""["']\s*(js|javascript):""", re.IGNORECASE),
    "loads from a foreign host": re.compile(
        r"""\s(src|srcset|poster|data)\s*=\s*["']?(https?:)?//|<link\b[^>]*\shref\s*=\s*["']?(https?:)?//""",
        re.IGNORECASE,
    ),
}
# The namespaces of SVG and XLink are names, nothing is loaded from there.
FOREIGN_ADDRESS = re.compile(r"""https?://(?!www\.w3\.org/)|(url\(|@import|from)\s*["']?//""", re.IGNORECASE)
TEMPLATE_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)


def python_files() -> list[Path]:
    """Every Python file of ours, without migrations, which are generated."""
    roots = [PACKAGE, ROOT / "tests", ROOT / "bench", ROOT / ".ci"]
    found = chain(ROOT.glob("*.py"), *(root.rglob("*.py") for root in roots))
    return sorted(path for path in found if "migrations" not in path.parts)


def product_files() -> list[tuple[str, str]]:
    """Each product module as its path inside the package, and its text."""
    paths = (path for path in python_files() if path.is_relative_to(PACKAGE))
    return [(path.relative_to(PACKAGE).as_posix(), path.read_text()) for path in paths]


def template_files() -> list[Path]:
    """Every template."""
    return sorted(chain((ROOT / "templates").rglob("*.*"), PACKAGE.glob("*/templates/**/*.*")))


def imports(path: str, text: str) -> Iterator[str]:
    """Dotted names that a module of the package imports, at any depth; `from a import b` is both a and a.b."""
    here = ["fini_admin", *Path(path).parent.parts]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{name.name}" for name in node.names)


def within(name: str, modules: set[str]) -> bool:
    """Whether a dotted name is one of the modules or inside one."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def ways_out(path: str, text: str) -> list[str]:
    """Imports that reach the network round the recording transport."""
    if path.startswith(MAY_REACH_OUT):
        return []
    return [f"{path} imports {name}" for name in imports(path, text) if within(name, NETWORK)]


def markup_faults(text: str) -> list[str]:
    """What a template must not say."""
    markup = TEMPLATE_CODE.sub("x", text)
    faults = [what for what, pattern in IN_TEMPLATE_CODE.items() if pattern.search(text)]
    return faults + [what for what, pattern in IN_MARKUP.items() if pattern.search(markup)]


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods too."""
    nodes = ast.walk(ast.parse(text))
    return (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def variables_read(text: str) -> set[str]:
    """Environment variables that the settings read."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and node.args]
    read = [(called(node), node.args[0]) for node in calls if called(node) in SETTING_READERS]
    names = {(reader, str(name.value)) for reader, name in read if isinstance(name, ast.Constant)}
    return {name for _, name in names} | {f"{name}_FILE" for reader, name in names if reader == "secret"}


SEARCHES = {"sub", "subn", "search", "findall", "finditer", "split"}


def is_searched_for(name: str) -> bool:
    """Whether a compiled pattern of that name is searched for anywhere in the product, or handed on."""
    used = re.compile(rf"\b{name}\b(?:\.(\w+))?")
    calls = {found[1] for _, text in product_files() for found in used.finditer(text)}
    return bool(calls & SEARCHES) or calls == {None}


def patterns(path: str, text: str) -> Iterator[str]:
    """The regular expressions that a module searches for: those that it compiles, and those it writes in place."""
    module = (
        import_module(f"fini_admin.{path.removesuffix('.py').replace('/', '.')}")
        if "re.compile" in text
        else None
    )
    held = vars(module) if module else {}
    # What is only ever matched at the beginning, or over the whole, is tried once.
    yield from (
        one.pattern for name, one in held.items() if isinstance(one, re.Pattern) and is_searched_for(name)
    )
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{name}" for name in SEARCHES}:
            yield from (str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant))


def begins_anywhere(pattern: str | bytes | Any) -> bool:
    """Whether it, or one of its alternatives, begins with an endless repetition that something must follow."""
    items = list(parse(pattern) if isinstance(pattern, str | bytes) else pattern)
    if not items:
        return False
    (kind, value), behind = items[0], items[1:]
    if str(kind) in ("MAX_REPEAT", "MIN_REPEAT"):
        return value[1] == MAXREPEAT and bool(behind)
    if str(kind) == "SUBPATTERN":
        return begins_anywhere([*value[-1], *behind])
    return str(kind) == "BRANCH" and any(begins_anywhere([*one, *behind]) for one in value[1])


def test_files_and_functions_stay_small():
    texts = {path.relative_to(ROOT).as_posix(): path.read_text() for path in python_files()}
    long = [
        f"{path}: {text.count(chr(10))} lines"
        for path, text in texts.items()
        if text.count("\n") > FILE_LIMIT
    ]
    for path, text in texts.items():
        sizes = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions(text)]
        long += [f"{path}: {name}() {size} lines" for name, size in sizes if size > FUNCTION_LIMIT]
    assert long == []


def test_huey_is_imported_where_wake_ups_are_carried_and_nowhere_else():
    places = {
        path for path, text in product_files() if any(within(name, {"huey"}) for name in imports(path, text))
    }
    assert places == {"settings.py", "ingestion/wakeup.py", "cli/management/commands/run_worker.py"}


def test_what_lies_below_the_pages_answers_no_request():
    answering = {"django.http.Http404", "django.shortcuts", "django.contrib.messages"}
    found = [
        (path, name)
        for path, text in product_files()
        if not path.startswith("web/")
        for name in imports(path, text)
        if within(name, answering)
    ]
    assert found == []


def test_no_module_reaches_the_network_round_the_recording_transport():
    assert list(chain.from_iterable(ways_out(*file) for file in product_files())) == []


def test_the_network_check_sees_every_way_out():
    for line in ("import requests", "from urllib import request", "from http import client", "import socket"):
        assert ways_out("sources/mirror.py", line), line
        assert ways_out("sources/mirror.py", f"def send():\n    {line}"), line
    assert not ways_out("sources/mirror.py", "from urllib.parse import urlsplit\nfrom http import HTTPStatus")
    assert not ways_out("audit/transport.py", "import requests")


def test_no_pattern_that_is_searched_for_begins_with_a_repetition_and_something_behind_it():
    """`\\s+$` tries every beginning of every run of blanks: what is typed would decide how long it takes."""
    found = [(path, pattern) for path, text in product_files() for pattern in patterns(path, text)]
    assert len(found) > 20
    assert [(path, pattern) for path, pattern in found if begins_anywhere(pattern)] == []


def test_the_pattern_check_sees_them():
    for slow in (r"\s+$", r"^a|[ \n]*b", r"\w*[^\x00-\x7f]\w*", r"(?:\s+)x", r"(a|b*c)", r".*?x"):
        assert begins_anywhere(slow), slow
    for quick in (r"\s+", r"^\s+$", r"\A.*x", r"fini_.*$", r"\b.{0,40}x", r"(?:.*-)?x{32}"):
        assert not begins_anywhere(quick), quick


def test_every_list_of_a_form_is_one_whose_error_repeats_nothing():
    own = re.compile(r"(?<!\()\bforms\.\w*Choice\w*\(")
    assert own.search("role = forms.TypedChoiceField(choices=[])")
    assert [path for path, text in product_files() if own.search(text)] == []


def test_every_number_of_a_form_is_written_in_digits_alone():
    own = re.compile(r"\bforms\.(Integer|Float|Decimal)Field\(")
    assert [path for path, text in product_files() if own.search(text)] == []


def test_templates_hold_no_script_no_style_and_escape_everything():
    faults = {path.relative_to(ROOT).as_posix(): markup_faults(path.read_text()) for path in template_files()}
    assert {path: found for path, found in faults.items() if found} == {}


def test_the_template_check_sees_each_fault():
    faulty = (
        "{{ text|safe }}",
        "{% autoescape off %}",
        "<script>go()</script>",
        '<script src="a.js">go()</script>',
        '<p style="color: red">',
        '<a onclick="go()">',
        '<a hx-on:click="go()">',
        '<a hx-vals="js:{a: 1}">',
        '<script src="https://cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/a.css">',
    )
    assert [text for text in faulty if not markup_faults(text)] == []
    assert (
        markup_faults("""{% include "a.html" with once="1" %}<a href="https://a.example">{{ style }}</a>""")
        == []
    )


def test_static_files_name_no_foreign_host():
    texts = [path for path in (ROOT / "static").rglob("*") if path.suffix in {".css", ".js", ".svg", ".html"}]
    assert [str(path.relative_to(ROOT)) for path in texts if FOREIGN_ADDRESS.search(path.read_text())] == []


def test_every_variable_is_in_the_example():
    example = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE))
    assert listed == variables_read((PACKAGE / "settings.py").read_text()) | OTHER_VARIABLES


def test_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    commands = {path.stem for path in PACKAGE.glob("*/management/commands/[!_]*.py")}
    assert {name for name in commands if not re.search(rf"\b{name}\b", readme)} == set()
