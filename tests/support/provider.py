"""A log-in provider (OpenID Connect) on loopback, as a process: its libraries warn of things that are not ours."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

ROOT = Path(__file__).resolve().parents[2]
SERVE = """
import sys
from oidc_provider_mock import run_server_in_thread
with run_server_in_thread() as server:
    print(server.server_port, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Provider:
    """The provider, and what a person does in its pages."""

    url: str

    def knows(self, sub: str, **claims: object) -> None:
        """What it says of somebody."""
        requests.put(f"{self.url}/users/{sub}", json=claims, timeout=5).raise_for_status()

    def agree(self, address: str, sub: str) -> str:
        """Log in there; returns where the browser is sent back to."""
        return self.sent_back({"sub": sub}, address)

    def deny(self, address: str) -> str:
        """Turn back there; returns where the browser is sent back to."""
        return self.sent_back({"action": "deny"}, address)

    def sent_back(self, form: dict[str, str], address: str) -> str:
        """Where its page leads to, as a path."""
        answer = requests.post(address, data=form, allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        parts = urlsplit(answer.headers["Location"])
        return f"{parts.path}?{parts.query}"

    def asked(self, address: str) -> dict[str, str]:
        """What the browser was sent there with."""
        assert address.startswith(f"{self.url}/oauth2/authorize?")
        return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@contextmanager
def running() -> Iterator[Provider]:
    """A provider until the block ends; it ends with this process too, whose end it reads from."""
    command = [sys.executable, "-W", "ignore", "-c", SERVE]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout
        yield Provider(f"http://localhost:{int(process.stdout.readline())}")
    finally:
        process.communicate()
