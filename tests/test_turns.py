"""Tests are spread over processes, and each counts whichever process ends first."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONFTEST = "from tests.support.turns import pytest_xdist_make_scheduler\n"
QUICK = "def test_quick(): pass\n"
LONG = """
import time

def test_first():
    time.sleep(2)

def test_second(): pass
"""


def test_a_process_that_ends_before_the_browsers_takes_no_test_with_it(tmp_path: Path) -> None:
    browser = tmp_path / "tests" / "browser"
    browser.mkdir(parents=True)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (tmp_path / "test_quick.py").write_text(QUICK)
    for name in ("one", "two", "three"):
        (browser / f"test_{name}.py").write_text(LONG)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider", "-n", "3", "-q", "."],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout.splitlines()[-1].startswith("7 passed"), ran.stdout + ran.stderr
