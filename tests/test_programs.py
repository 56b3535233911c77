"""The product starts no program, runs no text as code, and unpickles nothing that it did not sign."""

import ast
import os
import pickle

import pytest
from django.core.management import get_commands
from huey.contrib.djhuey import HUEY
from huey.serializer import Serializer

from fini_admin.ingestion.wakeup import look
from tests.test_house_rules import called, imports, product_files, within

MODULES = {"subprocess", "pickle", "marshal", "shelve", "yaml", "xml", "ctypes", "multiprocessing"}
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "import_string"}


def ways(path: str, text: str) -> list[str]:
    """What in a module could run a text."""
    found = [name for name in imports(path, text) if within(name, MODULES)]
    calls = {called(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}
    bare = {name for name in calls & CALLS if f"re.{name}(" not in text}
    return [f"{path}: {name}" for name in [*found, *sorted(bare)]]


def test_no_module_starts_a_program_or_runs_a_text():
    assert [way for path, text in product_files() for way in ways(path, text)] == []


@pytest.mark.parametrize("text", ["import pickle", "from subprocess import run", "eval(a)", "os.system(a)"])
def test_the_check_sees_each(text):
    assert ways("a.py", text)


class Evil:
    """What somebody who can write into the queue would leave there."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_wake_up_that_was_not_signed_here_is_not_unpickled(tmp_path):
    forged = pickle.dumps(Evil(tmp_path / "ran"))
    for one in (forged, forged + b":" + b"0" * 40):
        with pytest.raises(ValueError, match=r"not found|mismatch"):
            HUEY.deserialize_task(one)
    assert not (tmp_path / "ran").exists()
    Serializer().deserialize(forged)  # so would it be without a signature
    assert (tmp_path / "ran").exists()


def test_one_of_ours_is(monkeypatch):
    sent = HUEY.serialize_task(look.s())
    assert HUEY.deserialize_task(sent).name == look.s().name


def test_only_our_own_worker_takes_wake_ups():
    """huey's command would run without a clock, leases and a heartbeat."""
    assert "run_worker" in get_commands()
    assert "run_huey" not in get_commands()
