"""The product as processes, on a folder of its own.

Not live_server: its thread shares settings and connections with the test, and serves no manifest files.
"""

import base64
import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Product:
    """A running installation with one workspace and its admin."""

    url: str
    env: dict[str, str]
    workspace: str = "acme"
    email: str = "ada@acme.example"
    password: str = "correct horse battery staple"

    def manage(self, *arguments: str, given: str = "") -> str:
        """A management command's standard output, run on this installation."""
        return manage(self.env, *arguments, given=given)


def environment(folder: Path) -> dict[str, str]:
    """A deployment's environment on throw-away secrets; what is empty keeps a developer's .env out."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "fini_admin.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'fini_admin.sqlite3'}",
        "VAR_DIR": str(folder),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SECRET_KEY_FILE": "",
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ENCRYPTION_KEYS_FILE": "",
        "DEBUG": "no",
        "PLAIN_HTTP_ON_LOOPBACK": "yes",
        "ALLOWED_HOSTS": HOST,
        "CSRF_TRUSTED_ORIGINS": "",
        "TRUSTED_PROXIES": "0",
        # Nothing listens on the discard port: a test that calls Fini without starting the sandbox fails.
        "FINI_API_BASE_URL": f"http://{HOST}:9",
        "FINI_PROXY": "",
        "EMAIL_URL": "consolemail://",
    }


def manage(env: dict[str, str], *arguments: str, given: str = "") -> str:
    """Runs a management command and shows what it said when it fails."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=env, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def served(env: dict[str, str]) -> Iterator[str]:
    """gunicorn on a port that was bound before it starts, so that no other process can take it."""
    log = Path(env["VAR_DIR"]) / "web.log"
    with socket.create_server((HOST, 0)) as listener, log.open("w") as output:
        command = ["gunicorn", "fini_admin.wsgi", "--threads", "4", "--no-control-socket"]
        command = [sys.executable, "-m", *command, "--bind", f"fd://{listener.fileno()}"]
        web = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=output, stderr=output, pass_fds=[listener.fileno()]
        )
        try:
            wait_until_up(web, listener.getsockname()[1], log)
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            web.terminate()
            try:
                web.wait(timeout=20)
            finally:
                web.kill()


def wait_until_up(web: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Returns at the first answer; fails with the log when the process ends or nothing comes."""
    for _ in range(60):
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
        finally:
            connection.close()
        if web.poll() is not None:
            break
    pytest.fail(f"gunicorn does not answer:\n{log.read_text()}")
