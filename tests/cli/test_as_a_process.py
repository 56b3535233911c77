"""What a command prints and how it ends, as a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import people

ROOT = Path(__file__).resolve().parents[2]
KEY = people.KEY


def environment(folder):
    """A process's environment with an empty database."""
    return os.environ | {
        "DATABASE_URL": f"sqlite:///{folder}/empty.sqlite3",
        "VAR_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "fini_admin.settings",
    }


def manage(folder, *argv):
    """Run a command on an empty database."""
    return subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_failed_command_exits_1_with_one_line(tmp_path):
    done = manage(tmp_path, "add_workspace", "acme", "--name", "Acme")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr


@pytest.mark.parametrize(
    "argv",
    [
        (KEY,),
        ("changepassword", "ada", KEY),
        ("add_key", "acme", KEY, "--label", "main"),
        ("add_user", "ada@example.com", "--role", KEY),
        ("register", "acme", "notion", "--wait", KEY, KEY),
    ],
)
def test_no_command_repeats_a_key_that_stands_in_a_wrong_place(tmp_path, argv):
    done = manage(tmp_path, *argv)
    assert done.returncode
    assert KEY not in done.stdout + done.stderr
    assert KEY[:12] not in done.stderr
    assert "[key removed]" in done.stderr


@pytest.fixture
def heeding_ctrl_c():
    """What is started heeds Ctrl+C also where these tests run in the background, which a shell tells to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding_ctrl_c")
def test_ctrl_c_ends_a_command_without_a_word(tmp_path):
    manage(tmp_path, "migrate", "--verbosity", "0")
    with subprocess.Popen(
        [sys.executable, "manage.py", "export_audit", "-", "--follow"],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "audit." in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, err) == (-signal.SIGINT, "")


@pytest.fixture
def no_reader():
    """The end of a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def full_disk():
    taken = os.open("/dev/full", os.O_WRONLY)
    yield taken
    os.close(taken)


@pytest.mark.parametrize(
    ("where", "unbuffered", "said"),
    [
        ("no_reader", "", ""),
        ("no_reader", "1", ""),
        ("full_disk", "", "Standard output cannot be written: No space left on device\n"),
    ],
)
def test_output_that_nobody_takes_is_no_fault_of_the_program(tmp_path, request, where, unbuffered, said):
    taken = request.getfixturevalue(where)
    done = subprocess.run(
        [sys.executable, "manage.py", "help"],
        cwd=ROOT,
        env=environment(tmp_path) | {"PYTHONUNBUFFERED": unbuffered},
        stdout=taken,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, said)


def test_a_closed_standard_error_changes_no_exit_code(tmp_path):
    def closed(*argv: str) -> int:
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "manage.py", *argv]
        return subprocess.run(command, cwd=ROOT, env=environment(tmp_path), check=False).returncode

    assert (closed("check"), closed("add_workspace", "acme", "--name", "Acme")) == (0, 1)
