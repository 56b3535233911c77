"""Python on an installation, that waits for what to do: `python -m tests.browser.console`.

A second of the processor's time is what it takes to start; the browser's tests do something behind a page's back often.
"""

import json
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django

from tests.support.product import ROOT

# What somebody showed of themselves was an hour ago; the session itself is in use.
LONG_AGO = """
from django.contrib.sessions.backends.db import SessionStore
from allauth.usersessions.models import UserSession
for one in UserSession.objects.filter(user__email=email):
    store = SessionStore(one.session_key)
    for record in store["account_authentication_methods"]:
        record["at"] -= 3600
    store.save()
"""


class Console:
    """A started one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def run(self, code: str, **given: object) -> Any:
        """Run a program there; it finds what is `given` by name, and leaves its result in `result`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps({'code': code, 'given': given})}\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline() or '{"error": "it ended"}')
        assert "error" not in told, told["error"]
        return told["result"]


@contextmanager
def console(env: dict[str, str]) -> Iterator[Console]:
    """One that ends with the block."""
    command = [sys.executable, "-m", "tests.browser.console"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Console(process)


def log_in_was_long_ago(there: Console, email: str) -> None:
    """The person's next dangerous act asks who they are."""
    there.run(LONG_AGO, email=email)


def answer(line: str) -> dict[str, Any]:
    """What a program left, or why it ended."""
    wanted = json.loads(line)
    names = {**wanted["given"], "result": None}
    try:
        exec(wanted["code"], names)  # noqa: S102 - the tests' own programs
    except Exception:  # noqa: BLE001 - whatever it was, it is told where it was asked for
        return {"error": traceback.format_exc()}
    return {"result": names["result"]}


if __name__ == "__main__":
    django.setup()
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(answer(line))}\n")
        sys.stdout.flush()
