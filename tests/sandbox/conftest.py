"""One sandbox for the folder, put back to the start before each test, and a bare HTTP caller."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.sandbox import Sandbox

ROOT = "/v2/documents/public"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    data: Any
    headers: http.client.HTTPMessage


class Caller:
    """Speaks to the sandbox as any client would, over a connection of its own per call."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.address = urlsplit(sandbox.url).netloc

    def raw(self, method, path, body=b"", key=None, timeout=10, **headers) -> tuple[int, bytes, Any]:
        """Send exact bytes and give status, bytes and headers."""
        lines = {"Authorization": f"Bearer {key or self.sandbox.key}", "Content-Type": "application/json"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request(method, path, body, {name: text for name, text in lines.items() if text})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def call(self, method, path, body=None, key=None, **headers) -> Answer:
        """Send JSON and read JSON."""
        data = b"" if body is None else json.dumps(body).encode()
        status, text, lines = self.raw(method, path, data, key, **headers)
        return Answer(status, json.loads(text), lines)

    def get(self, path="", **options) -> Answer:
        return self.call("GET", ROOT + path, **options)

    def post(self, path, body, **options) -> Answer:
        return self.call("POST", ROOT + path, body, **options)

    def delete(self, body, **options) -> Answer:
        return self.call("DELETE", ROOT, body, **options)

    def register(self, *names, provider="notion", **options) -> Answer:
        """Register invented resources."""
        resources = [resource(name) for name in names]
        return self.post(f"/resources/{provider}", {"resources": resources}, **options)

    def registered(self, *names, provider="notion") -> dict[str, str]:
        """Register and give the IDs by external ID."""
        self.register(*names, provider=provider)
        found = self.sandbox.documents()
        return {record["externalId"]: record["id"] for record in found if record["externalId"] in names}

    def ingest(self, add=(), refresh=(), source="notion", **options) -> Answer:
        body = {"source": source, "documentIdsToAdd": list(add), "documentIdsToRefresh": list(refresh)}
        return self.post("", body, **options)

    def usable(self, *names, provider="notion") -> dict[str, str]:
        """Register, ingest and let the jobs end well."""
        ids = self.registered(*names, provider=provider)
        self.sandbox.settings(weights={"usable": 1})
        self.ingest(ids.values(), source=provider)
        self.sandbox.advance(10)
        return ids


def resource(name: str) -> dict[str, Any]:
    """Make what a register call needs."""
    url = f"https://www.notion.so/acme/{name}"
    return {"originalUrl": url, "title": f"Page {name}", "externalId": name, "mimeType": "text/markdown"}


@pytest.fixture(scope="session")
def process() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture
def fini(sandbox: Sandbox) -> Caller:
    return Caller(sandbox)
