"""What the web process writes to its standard error, asked through its socket (P5)."""

import http.client
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.product import manage, served
from tests.support import people
from tests.support.product import ROOT, copy_of_template, environment

TOKEN = "An0pen-Invitations_Token-of-43-characters-0"
RESET = f"1-d9x2kj-{'0f' * 16}"
# Everything that a process has to write with, and whether keys are searched for there.
HANDLERS = """
import logging, django
django.setup()
known = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
found = [(one, handler) for one in known for handler in one.handlers if type(handler) is not logging.NullHandler]
print(*sorted(f"{one.name} {type(handler.formatter).__name__}" for one, handler in found), sep="\\n")
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    made = environment(folder, copy_of_template(folder))
    manage(made, "collectstatic", "--noinput", "--verbosity", "0")
    return made


def ask(url: str, method: str, path: str, **headers: str) -> int:
    """The status of one answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def say(url: str, line: str) -> bytes:
    """What is answered to a request that is none."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=20) as connection:
        connection.sendall(f"{line}\r\n\r\n".encode())
        return connection.recv(1024)


def test_no_address_that_is_asked_for_brings_a_key_or_a_token_into_the_log(env):
    asked = (
        ("GET", f"/nowhere/{people.KEY}/"),
        ("GET", f"/w/demo/sources/{people.KEY}/x/?q={people.KEY}"),
        ("GET", f"/nowhere/fini%5Flive%5F{people.KEY.removeprefix('fini_live_')}/"),
        ("PUT", f"/invitations/{TOKEN}/"),
        ("GET", f"/invitations/{TOKEN}/x/"),
        ("PUT", f"/accounts/password/reset/key/{RESET}/"),
    )
    with served(env) as url:
        statuses = [ask(url, *one) for one in asked]
        statuses += [ask(url, "GET", f"/invitations/{TOKEN}/", Host="elsewhere.example")]
        assert say(url, f"GET /{people.KEY} {people.KEY}").startswith(b"HTTP/1.1 400")
    assert statuses == [404, 301, 404, 405, 404, 403, 400]
    said = (Path(env["VAR_DIR"]) / "web.log").read_text()
    assert said.count("Not Found: ") == 3
    assert said.count("Invalid request") == 1
    assert said.count("Method Not Allowed (PUT): ") == said.count("Forbidden (CSRF") == 1
    secrets = (people.KEY, people.KEY[-16:], TOKEN, RESET)
    assert [secret for secret in secrets if secret in said] == []


def test_what_a_command_does_not_catch_is_told_without_a_key(env):
    done = subprocess.run(
        [
            sys.executable,
            "manage.py",
            "shell",
            "--no-imports",
            "-c",
            f"raise OSError('no {people.KEY}', 'here')",
        ],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("OSError: [Errno no [key removed]] here\n")
    assert people.KEY not in done.stderr


def test_a_content_type_that_cannot_be_read_writes_no_line(env):
    with served(env) as url:
        for charset in ("charset=base64", "charset*=nonsense''x"):
            assert ask(url, "GET", "/healthz?a=b", **{"Content-Type": f"text/plain; {charset}"}) == 200
    assert "Traceback" not in (Path(env["VAR_DIR"]) / "web.log").read_text()


def test_no_line_is_written_for_each_request(env):
    with served(env) as url:
        assert ask(url, "GET", "/healthz?mark=4711") == 200
    assert "4711" not in (Path(env["VAR_DIR"]) / "web.log").read_text()
    assert not re.search("access|log-?config", (ROOT / "Procfile").read_text())


@pytest.mark.parametrize("debug", ["yes", "no"])
def test_every_handler_of_a_process_searches_its_lines(env, debug):
    done = subprocess.run(
        [sys.executable, "-c", HANDLERS],
        cwd=ROOT,
        env=env | {"DEBUG": debug},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["gunicorn.error LogFormatter", "root LogFormatter"]
